"""Commands on a project whose backbone differs or is missing."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from classify_anything import Classifier, load_backbone
from tests.command import run, run_on_terminal, start, taught, write_dataset
from tests.photos import plain
from tests.server import start_server
from tests.tiny import write_backbone

NOTE = "Note: Using efficientnet-lite0 for now. "


@pytest.fixture
def stranded(tmp_path: Path, tiny_backbone: Path) -> Path:
    """A project whose backbone file is missing."""
    project = taught(tmp_path, tiny_backbone)
    gone = write_backbone(tmp_path / "gone.onnx", name="gone", grid=2)
    with Classifier(project, backbone=tiny_backbone) as clf:
        clf.change_backbone(gone)
    gone.unlink()
    return project


@pytest.mark.parametrize("command", ["classes", "examples", "evaluate", "predict", "import"])
def test_every_command_reports_a_missing_backbone(
    stranded: Path, tmp_path: Path, command: str
) -> None:
    pictures = write_dataset(tmp_path / "photos")
    paths = [pictures / "mug" / "0.png"] if command == "predict" else []
    paths = [pictures] if command == "import" else paths
    done = run(command, *paths, "-p", stranded)
    assert done.returncode == 0, done.stderr
    (note,) = [line for line in done.stderr.splitlines() if line.startswith("Note: ")]
    assert note == f"{NOTE}{tmp_path / 'gone.onnx'}: no such backbone file."


def test_the_server_reports_a_missing_backbone(stranded: Path) -> None:
    with start_server(stranded) as running:
        assert running.process.stdout is not None
        lines = [running.process.stdout.readline() for _ in range(2)]
        assert lines[1].startswith(NOTE)
        assert running.http.get("/api/state").json()["notice"] in lines[1]


def test_choosing_the_default_backbone_clears_the_notice(stranded: Path) -> None:
    done = run("backbones", "use", "efficientnet-lite0", "-p", stranded)
    assert done.stdout == f"{stranded} now uses efficientnet-lite0 (6 examples).\n"
    assert run("classes", "-p", stranded).stderr == ""


def test_a_terminal_shows_the_progress_of_re_embedding(tmp_path: Path, tiny_backbone: Path) -> None:
    project = tmp_path / "many.db"
    with Classifier(project, backbone=tiny_backbone) as clf:
        clf.add_many([("grey", plain(f"#{n:02x}{n:02x}{n:02x}")) for n in range(140)])
    slow = write_backbone(tmp_path / "slow.onnx", name="slow", slow=True)
    shown = run_on_terminal("classes", "-p", project, "--backbone", slow)
    assert "Embedding with slow" in shown
    assert "64/140" in shown
    assert "Embedding" not in run_on_terminal("classes", "-p", project, "--backbone", slow)


def test_the_server_stops_at_once_while_re_embedding(tmp_path: Path, tiny_backbone: Path) -> None:
    project = tmp_path / "many.db"
    slow = write_backbone(tmp_path / "slow.onnx", name="slow", slow=True)
    fingerprint = load_backbone(slow).fingerprint
    with Classifier(project, backbone=tiny_backbone) as clf:
        clf.add_many([("grey", plain(f"#{n:02x}{n:02x}00")) for n in range(256)])
        process = start("serve", project, "--backbone", slow, "--no-open", "--port", "0")
        deadline = time.monotonic() + 60
        while len(clf.project.store.missing_embeddings(fingerprint)) == 256:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert (out, err) == ("", "")
        assert 0 < len(clf.project.store.missing_embeddings(fingerprint)) < 256, (
            "computed embeddings are kept"
        )
