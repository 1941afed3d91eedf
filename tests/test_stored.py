"""A project and exports made by version 0.1, whose head was ridge, still work."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from classify_anything import Classifier, load_export
from classify_anything.export.page_model import ExportedPage
from tests.command import run
from tests.photos import plain
from tests.server import run_export
from tests.tiny import SIZE, write_backbone

DATA = Path(__file__).parent / "data"
PAGE, ONNX = DATA / "page_0_1.zip", DATA / "ridge_0_1.onnx"
COLORS = {"red": (210, 40, 40), "blue": (40, 60, 210), "green": (40, 170, 60)}


@pytest.fixture
def project(tmp_path: Path) -> tuple[str | Path, ...]:
    path = tmp_path / "project.db"
    path.write_bytes(gzip.decompress((DATA / "project_0_1.db.gz").read_bytes()))
    return ("--project", path, "--backbone", write_backbone(tmp_path / "tiny.onnx"))


def picture(color: tuple[int, int, int]) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), color, np.uint8)


def test_a_project_uses_the_adaptive_head_and_says_so_once(
    project: tuple[str | Path, ...],
) -> None:
    first, second = run("classes", *project), run("classes", *project)
    assert first.stdout == second.stdout
    assert [line.split()[1:] for line in first.stdout.splitlines()] == [
        ["red", "0", "4"],
        ["blue", "1", "4"],
        ["green", "2", "3"],
    ]
    assert "'ridge', which no longer exists" in first.stderr
    assert "ridge" not in second.stderr
    _, path, _, backbone = project
    with Classifier(path, backbone=backbone) as clf:
        for name, color in COLORS.items():
            assert clf.predict(picture(color)).label == name
        clf.undo()
        assert [len(clf.examples(name)) for name in COLORS] == [4, 4, 4]


@pytest.mark.parametrize("export", [PAGE, ONNX])
def test_an_export_agrees_with_itself_but_not_with_another_head(
    project: tuple[str | Path, ...], export: Path
) -> None:
    alone = run("verify", export)
    assert (alone.returncode, alone.stderr) == (0, "")
    _, path, _, backbone = project
    other = run("verify", export, path, "--backbone", backbone)
    assert other.returncode == 1
    assert "export the project again" in other.stdout


def test_a_page_decides_as_before() -> None:
    page = ExportedPage(PAGE)
    answers = page.run(np.stack([picture(color) for color in COLORS.values()]))
    assert answers.probabilities.argmax(axis=1).tolist() == [0, 1, 2]
    assert answers.probabilities.max(axis=1).min() > 0.9


def test_a_file_is_served() -> None:
    exported = load_export(ONNX)
    with run_export(ONNX) as server, server.socket() as socket:
        socket.receive("state")
        for color in COLORS:
            shown = plain(color)
            expected = exported.predict(shown)
            answer = socket.predict(shown)["prediction"]
            assert answer["label"] == expected.label
            assert answer["probability"] == pytest.approx(expected.probability, abs=1e-4)
