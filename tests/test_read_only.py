"""Commands that only read a project work without write permission."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from classify_anything import Classifier
from tests.command import COMMAND, taught
from tests.photos import plain
from tests.tiny import write_backbone

_DAC_OVERRIDE, _DROP_FROM_BOUNDING_SET = 1, 24


def _respect_permissions() -> None:
    """Drop root's right to write files that their owner cannot, before a program starts."""
    if os.geteuid() == 0:
        assert ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _DAC_OVERRIDE, 0, 0, 0) == 0


@pytest.fixture(params=["file", "folder"])
def locked(request: pytest.FixtureRequest, tmp_path: Path, tiny_backbone: Path) -> Iterator[Path]:
    """Return a project without write permission."""
    folder = tmp_path / "locked"
    folder.mkdir()
    path = taught(folder, tiny_backbone)
    changed = path if request.param == "file" else folder
    changed.chmod(0o444 if request.param == "file" else 0o555)
    yield path
    changed.chmod(0o777)


def run(project: Path, *words: object, **options: object) -> subprocess.CompletedProcess[str]:
    more = [str(word) for pair in options.items() for word in (f"--{pair[0]}", pair[1])]
    return subprocess.run(
        [*COMMAND, *map(str, words), "-p", str(project), *more],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=_respect_permissions,
    )


def test_a_read_only_project_is_read(locked: Path, tmp_path: Path, tiny_backbone: Path) -> None:
    mug = tmp_path / "mug.png"
    mug.write_bytes(plain("red"))
    # The project has no embeddings of the other yet.
    other = write_backbone(tmp_path / "other.onnx", name="other", grid=2)
    before = {path: path.read_bytes() for path in locked.parent.iterdir()}
    for backbone in (tiny_backbone, other):
        done = run(locked, "predict", "--json", mug, backbone=backbone)
        assert json.loads(done.stdout)["label"] == "mug", done.stderr
        done = run(locked, "evaluate", "--json", backbone=backbone)
        assert json.loads(done.stdout)["accuracy"] > 0.5, done.stderr
    for command in ("classes", "examples"):
        done = run(locked, command, "--json")
        assert "mug" in done.stdout, done.stderr
    for target in ("desk.zip", "desk.onnx"):
        done = run(locked, "export", tmp_path / target, backbone=other)
        assert (tmp_path / target).exists(), done.stderr
    done = run(locked, "import", mug, label="cup", backbone=tiny_backbone)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"Error: {locked}: the file or its folder is not writable."]
    assert {path: path.read_bytes() for path in locked.parent.iterdir()} == before


def test_a_project_that_another_program_is_writing_is_read(
    locked: Path, tiny_backbone: Path
) -> None:
    with Classifier(locked, backbone=tiny_backbone) as clf:
        clf.add_class("plate")
        done = run(locked, "classes")
        assert "plate" in done.stdout, done.stderr
