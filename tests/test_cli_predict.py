"""``predict`` prints every image in order, as a table, JSON or CSV."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path

import pytest

from classify_anything import Classifier
from tests.command import SHADES, objects, run, run_on_terminal, start, taught, write_dataset
from tests.photos import plain


@pytest.fixture
def desk(tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project of mugs and cups, and photos of both."""
    project = taught(tmp_path, tiny_backbone)
    monkeypatch.setenv("CLASSIFY_ANYTHING_PROJECT", str(project))
    monkeypatch.setenv("CLASSIFY_ANYTHING_BACKBONE", str(tiny_backbone))
    write_dataset(tmp_path / "photos")
    return tmp_path


def labels(output: str) -> list[tuple[str, str]]:
    """Return the path and the label of each line of JSON."""
    return [(line["path"], line["label"]) for line in objects(output)]


def test_lines_are_aligned(desk: Path) -> None:
    done = run("predict", "photos/mug/0.png", "photos/cup", cwd=desk)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "mug  100.0%  photos/mug/0.png",
        *(f"cup  100.0%  photos/cup/{number}.png" for number in range(3)),
    ]


def test_a_terminal_shows_a_header_row(desk: Path) -> None:
    lines = run_on_terminal("predict", desk / "photos" / "mug" / "0.png").splitlines()
    assert lines[0].strip("\x1b[01m") == "label  probability  path"
    assert lines[1].split() == ["mug", "100.0%", str(desk / "photos" / "mug" / "0.png")]


def test_a_terminal_shows_a_progress_bar_if_the_output_is_redirected(desk: Path) -> None:
    shown = run_on_terminal("predict", desk / "photos", "--json", output=desk / "answers.jsonl")
    assert "Predicting" in shown
    assert "6/6" in shown
    assert len(labels((desk / "answers.jsonl").read_text())) == 6
    assert "Predicting" not in run_on_terminal("predict", desk / "photos")


def test_folders_are_searched_in_order(desk: Path) -> None:
    (desk / "photos" / "notes.txt").write_text("not an image")
    (desk / "photos" / ".hidden.png").write_bytes(b"")
    done = run("predict", "photos", "--json", cwd=desk)
    assert done.returncode == 0
    assert labels(done.stdout) == [
        (f"photos/{label}/{number}.png", label) for label in ("cup", "mug") for number in range(3)
    ]


def test_patterns_are_expanded(desk: Path) -> None:
    done = run("predict", "photos/*/[01].png", "--json", cwd=desk)
    assert labels(done.stdout) == [
        (f"photos/{label}/{number}.png", label) for label in ("cup", "mug") for number in range(2)
    ]
    assert len(objects(run("predict", "**/*.png", "--json", cwd=desk).stdout)) == 6


def test_a_file_named_like_a_pattern_is_that_file(desk: Path) -> None:
    (desk / "[a].png").write_bytes(plain("blue"))
    assert labels(run("predict", "[a].png", "--json", cwd=desk).stdout) == [("[a].png", "cup")]


def test_an_image_from_standard_input(desk: Path) -> None:
    done = run("predict", "-", given=plain("red"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "mug  100.0%  -\n", "")
    nothing = run("predict", "-")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert nothing.stderr == "Error: the image: empty.\n"


def test_json_equals_the_python_prediction(desk: Path, tiny_backbone: Path) -> None:
    image = plain("#c02040")
    (line,) = objects(run("predict", "--json", "-", given=image).stdout)
    with Classifier(desk / "desk.db", backbone=tiny_backbone) as clf:
        expected = clf.predict(image)
    assert line["label"] == expected.label
    assert line["probability"] == pytest.approx(expected.probability, abs=1e-5)
    assert line["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
    assert [neighbor["example_id"] for neighbor in line["neighbors"]] == [
        neighbor.example_id for neighbor in expected.neighbors
    ]
    assert {neighbor["label"] for neighbor in line["neighbors"]} <= set(SHADES)
    assert line["neighbors"][0]["similarity"] == pytest.approx(
        expected.neighbors[0].similarity, abs=1e-5
    )


def test_csv(desk: Path) -> None:
    (desk / 'a "red", one.png').write_bytes(plain("red"))
    done = run("predict", "--csv", 'a "red", one.png', "photos/cup/0.png", cwd=desk)
    header, *rows = csv.reader(done.stdout.splitlines())
    assert header == ["path", "label", "probability"]
    assert [row[:2] for row in rows] == [['a "red", one.png', "mug"], ["photos/cup/0.png", "cup"]]
    assert all(0.9 < float(row[2]) <= 1 for row in rows)


def test_bad_images_do_not_stop_the_command(desk: Path) -> None:
    (desk / "photos" / "cup" / "bad.jpg").write_bytes(b"no image")
    done = run("predict", "nowhere.png", "photos", "no/*.png", "--json", cwd=desk)
    assert done.returncode == 1
    lines = objects(done.stdout)
    assert [line["path"] for line in lines if "error" in line] == [
        "nowhere.png",
        "photos/cup/bad.jpg",
        "no/*.png",
    ]
    assert len([line for line in lines if "label" in line]) == 6
    assert {line["error"]["code"] for line in lines if "error" in line} == {"bad_image"}
    assert done.stderr.splitlines() == [
        f"Error: {line['error']['message']}" for line in lines if "error" in line
    ]


def test_a_folder_without_images_is_an_error(desk: Path) -> None:
    (desk / "empty").mkdir()
    done = run("predict", "empty", cwd=desk)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: empty: no images found.\n"


def test_an_empty_project_predicts_no_class(tmp_path: Path, tiny_backbone: Path) -> None:
    with Classifier(tmp_path / "new.db", backbone=tiny_backbone):
        pass
    options = ("-p", tmp_path / "new.db", "--backbone", tiny_backbone)
    assert run("predict", "-", *options, given=plain("red")).stdout == "-    0.0%  -\n"
    (line,) = objects(run("predict", "-", "--json", *options, given=plain("red")).stdout)
    assert (line["label"], line["probability"], line["neighbors"]) == (None, 0, [])


def test_strange_names_are_printed_on_one_line(desk: Path) -> None:
    for name in (b"new\nline.png", b"\xff.png", "☀.png".encode(), b"\x1b[31m.png"):
        Path(os.fsdecode(bytes(desk) + b"/strange")).mkdir(exist_ok=True)
        Path(os.fsdecode(bytes(desk) + b"/strange/" + name)).write_bytes(plain("red"))
    done = run("predict", "strange", cwd=desk, LC_ALL="C.UTF-8")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 4
    assert "\x1b" not in done.stdout
    assert "☀.png" in done.stdout
    paths = [line["path"] for line in objects(run("predict", "strange", "--json", cwd=desk).stdout)]
    assert {os.fsencode(path) for path in paths} == {
        os.fsencode(path.relative_to(desk)) for path in (desk / "strange").iterdir()
    }


@pytest.fixture
def many(desk: Path) -> Path:
    """A folder with enough images that their results fill a pipe."""
    folder = desk / "many"
    folder.mkdir()
    for number in range(3000):
        os.link(desk / "photos" / "mug" / "0.png", folder / f"{'a' * 40}{number}.png")
    return folder


def test_ctrl_c_stops_at_once(many: Path) -> None:
    process = start("predict", many, "--json")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert len(out.splitlines()) < 2999


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_a_closed_output_stops_quietly(many: Path, form: str) -> None:
    process = start("predict", many, form)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 0
    process.stderr.close()


def test_results_are_printed_before_all_input_is_read(desk: Path) -> None:
    """The last image comes from a pipe, written after the first result."""
    pipe = desk / "slow.png"
    os.mkfifo(pipe)
    with start("predict", *["photos/mug/0.png"] * 100, "slow.png", "--json", cwd=desk) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert '"mug"' in process.stdout.readline()
        pipe.write_bytes(plain("blue"))
        # Not ``communicate``, which would lose output that is already buffered.
        out, err = process.stdout.read(), process.stderr.read()
    assert (process.returncode, err) == (0, "")
    assert labels(out)[-1] == ("slow.png", "cup")
