"""Every form of dataset that people have gives each picture the class they mean."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from classify_anything import Classifier, Frames
from classify_anything.errors import DatasetError, SettingError
from tests.files import colored, write_tree, write_video, write_zip

RED, BLUE, LIME = colored(255, 0, 0), colored(0, 0, 255), colored(0, 255, 0)


def taught(clf: Classifier) -> dict[str, int]:
    return dict(Counter(example.label for example in clf.examples()))


def test_the_folder_that_a_picture_lies_in_is_its_class(clf: Classifier, tmp_path: Path) -> None:
    files = {"train/mug/1.png": RED, "train/cup/a/b/tea/1.png": BLUE, "test/mug/2.png": LIME}
    report = clf.import_dataset(write_tree(tmp_path / "set", files))
    assert taught(clf) == {"mug": 2, "tea": 1}
    assert (len(report.examples), report.known, report.problems) == (3, 0, ())


def test_pictures_in_no_folder_belong_to_the_folder_that_is_named(
    clf: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_tree(tmp_path / "mugs", {"1.png": RED, "cups/2.png": BLUE})
    clf.import_dataset(root)
    assert taught(clf) == {"mugs": 1, "cups": 1}
    clf.undo()
    monkeypatch.chdir(root)
    clf.import_dataset("1.png")
    assert taught(clf) == {"mugs": 1}
    clf.undo()
    clf.import_dataset(["1.png", "cups"], label="Things")
    assert taught(clf) == {"Things": 2}


@pytest.mark.parametrize(
    ("name", "files", "expected"),
    [
        ("signs.zip", {"A/1.png": RED, "B/2.png": BLUE}, {"A": 1, "B": 1}),
        ("wrapped.zip", {"set/A/1.png": RED, "set/B/2.png": BLUE}, {"A": 1, "B": 1}),
        ("Class 1-samples.zip", {"0.png": RED, "1.png": BLUE}, {"Class 1": 2}),
        ("Mug-samples (2).zip", {"0.png": RED}, {"Mug": 1}),
        ("hidden.zip", {"A/1.png": RED, "__MACOSX/A/._1.png": b"x", "A/.DS_Store": b"x"}, {"A": 1}),
        ("windows.zip", {"A\\1.png": RED}, {"A": 1}),
    ],
)
def test_zips_are_read_as_people_have_them(
    clf: Classifier, tmp_path: Path, name: str, files: dict[str, bytes], expected: dict[str, int]
) -> None:
    report = clf.import_dataset(write_zip(tmp_path / name, files))
    assert taught(clf) == expected
    assert report.problems == ()


def test_a_folder_of_zips_is_a_class_each(clf: Classifier, tmp_path: Path) -> None:
    root = tmp_path / "downloads"
    root.mkdir()
    write_zip(root / "Mug-samples.zip", {"0.png": RED, "1.png": LIME})
    write_zip(root / "Cup-samples.zip", {"0.png": BLUE})
    clf.import_dataset(root)
    assert taught(clf) == {"Mug": 2, "Cup": 1}


def test_hugging_face_lists_name_the_classes(clf: Classifier, tmp_path: Path) -> None:
    listed = "\ufefffile_name,label,text\na/1.png,Mug,red\nb/2.png,Cup,\ngone.png,Cup,\n"
    files = {"a/1.png": RED, "b/2.png": BLUE, "b/3.png": LIME, "metadata.csv": listed.encode()}
    report = clf.import_dataset(write_tree(tmp_path / "set", files))
    assert taught(clf) == {"Mug": 1, "Cup": 1, "b": 1}
    assert [problem.message for problem in report.problems] == ["gone.png: listed, but not there."]
    rows = [{"file_name": "1.png", "label": 7}, {"file_name": "2.png", "category": "Tea"}]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    other = {"train/1.png": LIME, "train/2.png": RED, "train/metadata.jsonl": lines}
    clf.import_dataset(write_zip(tmp_path / "other.zip", other))
    assert taught(clf) == {"Mug": 1, "Cup": 1, "b": 1, "7": 1, "Tea": 1}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.csv", b"name,label\n1.png,Mug\n"),
        ("metadata.csv", b"file_name,label\n\xff\xfe,Mug\n"),
        ("metadata.jsonl", b'{"file_name": "1.png"\n'),
        ("metadata.jsonl", b"[1]\n"),
        ("metadata.csv", b"file_name,created_at\n1.png,yesterday\n"),
        ("classes.csv", b"name,color\nMug,red\n"),
        ("classes.csv", b"name,color\n,1\n"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(
    clf: Classifier, tmp_path: Path, name: str, data: bytes
) -> None:
    root = write_tree(tmp_path / "set", {"1.png": RED, name: data})
    with pytest.raises(DatasetError, match=name):
        clf.import_dataset(root)
    assert clf.classes() == []


def test_a_number_comes_before_a_larger_one(clf: Classifier, tmp_path: Path) -> None:
    files = {f"A/{n}.png": colored(n, n, n) for n in (10, 9, 100, 1)}
    report = clf.import_dataset(write_tree(tmp_path / "set", files))
    images = [clf.image(example_id)[0] for example_id in report.examples]
    assert images == [colored(n, n, n) for n in (1, 9, 10, 100)]


def test_what_is_not_there_or_empty_is_refused(clf: Classifier, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, message in (("nowhere", "no such file or folder"), ("empty", "no images in it")):
        with pytest.raises(DatasetError, match=message):
            clf.import_dataset(tmp_path / path)
    assert clf.next_undo() is None


@pytest.mark.parametrize("kind", ["avi", "mp4", "webm"])
def test_the_frames_of_a_video_are_one_recording(
    clf: Classifier, tmp_path: Path, kind: str
) -> None:
    write_video(tmp_path / f"wave.{kind}", frames=30, rate=10)
    report = clf.import_dataset(tmp_path / f"wave.{kind}", frames=Frames(5, start=0.5, end=2))
    assert taught(clf) == {"wave": 8}
    (recording,) = {example.recording_id for example in clf.examples()}
    assert {example.source for example in clf.examples(recording=recording)} == {"video"}
    again = clf.import_dataset(tmp_path / f"wave.{kind}", frames=Frames(5, start=0.5, end=2))
    assert (len(again.examples), again.known) == (0, len(report.examples))


def test_videos_in_a_zip_and_videos_that_are_none(clf: Classifier, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.avi").read_bytes()
    files = {"wave/a.avi": video, "wave/b.mp4": b"no video", "wave/c.avi": video[:900]}
    report = clf.import_dataset(write_zip(tmp_path / "set.zip", files), frames=Frames(2))
    assert taught(clf) == {"wave": 6}
    assert [Path(problem.name).name for problem in report.problems] == ["b.mp4", "c.avi"]
    assert all("not a video" in problem.message for problem in report.problems)
    late = clf.import_dataset(tmp_path / "a.avi", frames=Frames(start=60))
    assert "no frames in that range; it is 3.0 s long" in late.problems[0].message


@pytest.mark.parametrize(
    "options", [{"rate": 0}, {"rate": float("nan")}, {"start": -1}, {"start": 2, "end": 1}]
)
def test_frames_that_cannot_be_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        Frames(**options)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_what_is_no_file_does_not_hold_an_import_up(clf: Classifier, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "set", {"A/1.png": RED})
    os.mkfifo(root / "A" / "2.png")
    (root / "A" / "3.png").symlink_to(root / "nowhere.png")
    report = clf.import_dataset(root)
    assert taught(clf) == {"A": 1}
    assert [problem.message.partition("A/")[2] for problem in report.problems] == [
        "2.png: not a file.",
        "3.png: No such file or directory.",
    ]
