"""``classes``, ``examples``, ``evaluate`` and ``export``."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classify_anything import Classifier, load_export
from tests.command import SHADES, objects, run, run_on_terminal, start, taught
from tests.convolutions import write_convolutions
from tests.files import write_tree
from tests.photos import photo, plain
from tests.tiny import write_backbone


@pytest.fixture
def project(tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = taught(tmp_path, tiny_backbone)
    monkeypatch.setenv("CLASSIFY_ANYTHING_PROJECT", str(project))
    monkeypatch.setenv("CLASSIFY_ANYTHING_BACKBONE", str(tiny_backbone))
    return project


def test_classes_are_listed_with_their_examples(project: Path, tiny_backbone: Path) -> None:
    with Classifier(project, backbone=tiny_backbone) as clf:
        clf.edit_class("cup", name="杯子 🍵")
        clf.add_class("empty")
    assert objects(run("classes", "--json").stdout) == [
        {"id": 1, "name": "mug", "color": 0, "examples": 3},
        {"id": 2, "name": "杯子 🍵", "color": 1, "examples": 3},
        {"id": 3, "name": "empty", "color": 2, "examples": 0},
    ]
    assert run("classes").stdout.splitlines() == [
        "1  mug      0  3",
        "2  杯子 🍵  1  3",
        "3  empty    2  0",
    ]
    assert run_on_terminal("classes").splitlines()[0].strip("\x1b[01m").split() == [
        "id",
        "name",
        "color",
        "examples",
    ]


def test_examples_are_listed_newest_first(project: Path) -> None:
    found = objects(run("examples", "--json").stdout)
    colors = [color for colors in SHADES.values() for color in colors][::-1]
    assert [example["sha256"] for example in found] == [
        hashlib.sha256(plain(color)).hexdigest() for color in colors
    ]
    for example in found:
        assert (example["width"], example["height"], example["source"]) == (64, 48, "python")
        age = datetime.now(UTC) - datetime.fromisoformat(example["time"])
        assert 0 <= age.total_seconds() < 600
    lines = run("examples").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(example["id"]) for example in found]
    assert "64×48" in lines[0]


def test_examples_are_filtered_by_class_and_source(project: Path, tiny_backbone: Path) -> None:
    with Classifier(project, backbone=tiny_backbone) as clf:
        clf.add("mug", plain("orange"), source="camera")
    found = objects(run("examples", "--class", "mug", "--source", "camera", "--json").stdout)
    assert [(example["label"], example["source"]) for example in found] == [("mug", "camera")]
    assert len(objects(run("examples", "--class", "mug", "--json").stdout)) == 4
    wrong = run("examples", "--class", "mgu")
    assert wrong.returncode == 1
    assert "Did you mean 'mug'?" in wrong.stderr


def test_an_empty_list_is_empty(project: Path) -> None:
    done = run("examples", "--source", "camera")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_file_extension_sets_the_export_format(project: Path, tmp_path: Path) -> None:
    assert run("export", "out.zip", cwd=tmp_path).stdout == "Exported 6 examples to out.zip.\n"
    assert len([n for n in zipfile.ZipFile(tmp_path / "out.zip").namelist() if "/" in n]) == 6
    run("export", "out.json", cwd=tmp_path)
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [(label, shape) for label, _, shape in rows] == [("mug", [3, 48]), ("cup", [3, 48])]
    run("export", "out", cwd=tmp_path)
    assert len(list((tmp_path / "out").glob("*/*.png"))) == 6
    run("export", "photos.d", "--format", "zip", cwd=tmp_path)
    assert zipfile.is_zipfile(tmp_path / "photos.d")


def test_import_restores_an_export(project: Path, tmp_path: Path) -> None:
    run("export", "out.zip", cwd=tmp_path)
    assert run("import", "-p", "again.db", "out.zip", cwd=tmp_path).returncode == 0
    again = objects(run("examples", "-p", "again.db", "--json", cwd=tmp_path).stdout)
    assert again == objects(run("examples", "--json").stdout)


@pytest.mark.parametrize("name", ["out.zip", "out.json", "out"])
def test_a_file_is_overwritten_only_with_force(project: Path, tmp_path: Path, name: str) -> None:
    assert run("export", name, cwd=tmp_path).returncode == 0
    before = (tmp_path / name).stat().st_mtime_ns
    refused = run("export", name, cwd=tmp_path)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert refused.stderr.startswith(f"Error: {name}: already exists")
    assert (tmp_path / name).stat().st_mtime_ns == before
    assert run("export", name, "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / name).stat().st_mtime_ns > before


def test_evaluation(project: Path, tmp_path: Path) -> None:
    (found,) = objects(run("evaluate", "--json").stdout)
    assert set(found) == {
        "head",
        "accuracy",
        "interval",
        "per_class",
        "confusion",
        "labels",
        "calibration_error",
    }
    assert found["labels"] == ["mug", "cup"]
    assert sum(map(sum, found["confusion"])) == 6
    assert objects(run("evaluate", project, "--json", CLASSIFY_ANYTHING_PROJECT="").stdout) == [
        found
    ]
    low, high = found["per_class"][0]["interval"]
    assert 0 <= low <= found["per_class"][0]["accuracy"] <= high <= 1
    with Classifier(project) as clf:
        clf.add_class("empty")
        clf.add("seen once", plain("lime"))
    printed = run("evaluate", "--json").stdout
    for one in json.loads(printed, parse_constant=pytest.fail)["per_class"][2:]:
        assert (one["accuracy"], one["interval"], one["examples"]) == (None, None, 0)
    lines = run("evaluate", "--head", "classic").stdout.splitlines()
    assert lines[0].endswith(", 6 examples, head classic")
    assert [line.split()[2] for line in lines[1:]] == ["mug", "cup"]
    folder = write_tree(tmp_path / "test", {"mug/1.png": plain("red")})
    (other,) = objects(run("evaluate", "--test", str(folder), "--json").stdout)
    assert sum(map(sum, other["confusion"])) == 1
    refused = run("evaluate", "--head", "svm")
    assert refused.returncode == 1
    assert "Unknown head 'svm'" in refused.stderr


def test_export_reports_its_check_and_the_accuracy_loss(tmp_path: Path) -> None:
    backbone = write_convolutions(tmp_path / "c.onnx")
    desk = tmp_path / "desk.db"
    with Classifier(desk, backbone=backbone) as clf:
        for label, name in (("mug", "coffee"), ("pet", "cat")):
            clf.add_many([(label, photo(name)[9 * n :]) for n in range(3)])
    given = ["-p", str(desk), "--backbone", str(backbone)]
    whole = run("export", "desk.onnx", *given, "--any-size", "--smoothing", "0", cwd=tmp_path)
    assert whole.stderr == ""
    first, second = whole.stdout.splitlines()
    assert first == "Exported a model trained on 6 examples to desk.onnx."
    assert second.startswith("Checked on 6 pictures and ")
    metadata = load_export(tmp_path / "desk.onnx").metadata
    assert (metadata.any_size, metadata.smoothing, metadata.precision) == (True, 0, "fp32")
    small = run("export", "small", *given, "--format", "web", "--precision", "int8", cwd=tmp_path)
    assert small.stdout.splitlines()[2] == "int8: 100.0% accuracy (project: 100.0%)."
    page = run(
        "export", "page.zip", *given, "--format", "web", "--read-only", "--embed", cwd=tmp_path
    )
    assert page.returncode == 0
    with zipfile.ZipFile(tmp_path / "page.zip") as archive:
        assert "embed.js" in archive.namelist()
        assert "&quot;read_only&quot;: true" in archive.read("index.html").decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x.onnx", "--read-only"), "The format onnx has no option read-only."),
        (("x", "--format", "web", "--any-size"), "The format web has no option any-size."),
        (("x.zip", "--smoothing", "10"), "The format zip has no option smoothing."),
    ],
)
def test_an_option_of_another_format_is_rejected(
    project: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    refused = run("export", *arguments, cwd=tmp_path)
    assert (refused.returncode, refused.stderr) == (1, f"Error: {message}\n")
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_ctrl_c_ends_a_smaller_export_and_leaves_nothing(tmp_path: Path, precision: str) -> None:
    slow = write_backbone(tmp_path / "slow.onnx", name="slow", slow=True)
    project = tmp_path / "desk.db"
    with Classifier(project, backbone=slow) as clf:
        for label in ("cat", "coffee"):
            clf.add_many([(label, photo(label)[shift:]) for shift in range(30)])
    work = tmp_path / "work"
    work.mkdir()
    target = tmp_path / "desk.onnx"
    process = start(
        *("export", target, "-p", project, "--backbone", slow, "--precision", precision),
        env={**os.environ, "TMPDIR": str(work)},
    )
    while not any(work.glob("*/backbone.onnx")):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130
    assert not target.exists()
    assert [path for path in work.iterdir() if path.is_dir()] == []
