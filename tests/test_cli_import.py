"""``import`` adds what it can, lists what it left out, and resumes."""

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
    """The project that commands take from the environment; it does not exist."""
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


def test_bad_files_are_listed_and_do_not_end_it(project: Path, tmp_path: Path) -> None:
    photos = write_dataset(tmp_path / "photos")
    (photos / "mug" / "bad.jpg").write_bytes(plain("red")[:60])
    (photos / "mug" / "empty.jpg").write_bytes(b"")
    done = run("import", photos, "--json")
    assert done.returncode == 1
    (report,) = objects(done.stdout)
    assert (report["added"], report["classes"], report["known"]) == (6, 2, 0)
    assert [problem["code"] for problem in report["problems"]] == ["bad_image", "bad_image"]
    assert done.stderr.splitlines() == [
        f"Left out: {problem['message']}" for problem in report["problems"]
    ]


def test_images_are_given_a_class(project: Path, tmp_path: Path) -> None:
    for color in ("red", "orange"):
        (tmp_path / f"{color}.png").write_bytes(plain(color))
    done = run("import", "red.png", "orange.png", "--label", "Warm ☀", cwd=tmp_path)
    assert done.returncode == 0
    (item,) = objects(run("classes", "--json").stdout)
    assert (item["name"], item["examples"]) == ("Warm ☀", 2)


def test_the_frames_of_a_range_of_a_video_are_added(project: Path, tmp_path: Path) -> None:
    shades = [(200 - n, 0, 0) for n in range(100)]
    path = write_video(tmp_path / "mug.avi", shades)
    done = run("import", path, "--fps", "2", "--from", "0:02", "--to", "00:00:05")
    assert done.stdout == "6 examples added to 1 class, 0 already there.\n"


@pytest.mark.parametrize("options", [("--fps", "0"), ("--from", "5", "--to", "4")])
def test_a_choice_that_cannot_be_begins_no_project(
    project: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = run("import", tmp_path, *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert not project.exists()


def test_a_path_that_is_not_there_is_one_line(project: Path, tmp_path: Path) -> None:
    done = run("import", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: nowhere: ")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_keeps_what_was_added_and_the_same_command_goes_on(
    project: Path, tmp_path: Path
) -> None:
    total = 1500
    folder = tmp_path / "mug"
    folder.mkdir()
    for number in range(total):  # what follows the end of a PNG is no part of the picture
        (folder / f"{number}.png").write_bytes(plain("red", (8, 8)) + number.to_bytes(4, "big"))

    process = start("import", folder)
    while count(project) == 0:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    kept = count(project)
    assert (process.returncode, out) == (130, "")
    assert err == f"Stopped: {kept} examples added. The same command goes on where it ended.\n"
    assert 0 < kept < total

    again = run("import", folder)
    assert again.stdout == f"{total - kept} examples added to 1 class, {kept} already there.\n"
    assert count(project) == total


def count(project: Path) -> int:
    """How many examples are on the disk, as another program sees it."""
    if not project.exists():
        return 0
    with closing(sqlite3.connect(f"{project.as_uri()}?mode=ro", uri=True)) as database:
        try:
            return int(database.execute("select count(*) from examples").fetchone()[0])
        except sqlite3.OperationalError:  # it is just being made
            return 0


def test_a_terminal_shows_a_bar(project: Path, tmp_path: Path) -> None:
    photos = write_dataset(tmp_path / "photos")
    done = run_on_terminal("import", photos)
    assert "Importing" in done
    assert "6 examples added to 2 classes, 0 already there." in done


def test_two_videos_become_classes_that_are_told_apart(project: Path, tmp_path: Path) -> None:
    for label, color in (("mug", RED), ("cup", BLUE)):
        write_video(tmp_path / f"{label}.avi", [color])
    assert run("import", "mug.avi", "cup.avi", cwd=tmp_path).returncode == 0
    assert ",mug," in run("predict", "--csv", "-", given=plain("red")).stdout
