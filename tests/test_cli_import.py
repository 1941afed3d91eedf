"""``import`` adds examples, lists skipped files, and resumes."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.command import objects, run, run_on_terminal, start, write_dataset
from tests.photos import plain
from tests.videos import BLUE, RED, write_video


@pytest.fixture
def project(tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a missing project, set in the environment."""
    monkeypatch.setenv("CLASSIFY_ANYTHING_PROJECT", str(tmp_path / "desk.db"))
    monkeypatch.setenv("CLASSIFY_ANYTHING_BACKBONE", str(tiny_backbone))
    return tmp_path / "desk.db"


def test_a_folder_is_added_once(project: Path, tmp_path: Path) -> None:
    photos = write_dataset(tmp_path / "photos")
    done = run("import", photos)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "6 examples added to 2 classes, 0 already there.\n"
    (photos / "mug" / "new.png").write_bytes(plain("orange"))
    assert run("import", photos).stdout == "1 example added to 1 class, 6 already there.\n"


def test_bad_files_are_listed_and_skipped(project: Path, tmp_path: Path) -> None:
    photos = write_dataset(tmp_path / "photos")
    (photos / "mug" / "bad.jpg").write_bytes(plain("red")[:60])
    (photos / "mug" / "empty.jpg").write_bytes(b"")
    done = run("import", photos, "--json")
    assert done.returncode == 1
    (report,) = objects(done.stdout)
    assert (report["added"], report["classes"], report["known"]) == (6, 2, 0)
    assert [problem["code"] for problem in report["problems"]] == ["bad_image", "bad_image"]
    assert done.stderr.splitlines() == [
        f"Skipped: {problem['message']}" for problem in report["problems"]
    ]


def test_label_sets_the_class_of_all_images(project: Path, tmp_path: Path) -> None:
    for color in ("red", "orange"):
        (tmp_path / f"{color}.png").write_bytes(plain(color))
    done = run("import", "red.png", "orange.png", "--label", "Warm ☀", cwd=tmp_path)
    assert done.returncode == 0
    (item,) = objects(run("classes", "--json").stdout)
    assert (item["name"], item["examples"]) == ("Warm ☀", 2)


def test_frames_of_a_range_of_a_video_are_added(project: Path, tmp_path: Path) -> None:
    shades = [(200 - n, 0, 0) for n in range(100)]
    path = write_video(tmp_path / "mug.avi", shades)
    done = run("import", path, "--fps", "2", "--from", "0:02", "--to", "00:00:05")
    assert done.stdout == "6 examples added to 1 class, 0 already there.\n"


@pytest.mark.parametrize("options", [("--fps", "0"), ("--from", "5", "--to", "4")])
def test_an_invalid_option_creates_no_project(
    project: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = run("import", tmp_path, *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert not project.exists()


def test_error_for_a_missing_path_is_one_line(project: Path, tmp_path: Path) -> None:
    done = run("import", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: nowhere: ")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_keeps_added_examples_and_the_same_command_resumes(
    project: Path, tmp_path: Path
) -> None:
    total = 1500
    folder = tmp_path / "mug"
    folder.mkdir()
    for number in range(total):  # decoders ignore bytes after the end of a PNG
        (folder / f"{number}.png").write_bytes(plain("red", (8, 8)) + number.to_bytes(4, "big"))

    process = start("import", folder)
    while count(project) == 0:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    kept = count(project)
    assert (process.returncode, out) == (130, "")
    assert err == f"Stopped: {kept} examples added. Run the same command again to resume.\n"
    assert 0 < kept < total

    again = run("import", folder)
    assert again.stdout == f"{total - kept} examples added to 1 class, {kept} already there.\n"
    assert count(project) == total


def count(project: Path) -> int:
    """Count the examples on disk, as another process."""
    if not project.exists():
        return 0
    with closing(sqlite3.connect(f"{project.as_uri()}?mode=ro", uri=True)) as database:
        try:
            return int(database.execute("select count(*) from examples").fetchone()[0])
        except sqlite3.OperationalError:  # while it is being created
            return 0


def test_a_terminal_shows_a_bar(project: Path, tmp_path: Path) -> None:
    photos = write_dataset(tmp_path / "photos")
    done = run_on_terminal("import", photos)
    assert "Importing" in done
    assert "6 examples added to 2 classes, 0 already there." in done


def test_two_videos_become_two_classes(project: Path, tmp_path: Path) -> None:
    for label, color in (("mug", RED), ("cup", BLUE)):
        write_video(tmp_path / f"{label}.avi", [color])
    assert run("import", "mug.avi", "cup.avi", cwd=tmp_path).returncode == 0
    assert ",mug," in run("predict", "--csv", "-", given=plain("red")).stdout
