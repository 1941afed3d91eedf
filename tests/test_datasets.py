"""Every dataset layout gives each image the intended class."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from classify_anything import Classifier, Frames
from classify_anything.datasets.read import read_dataset
from classify_anything.errors import DatasetError, SettingError
from tests.files import colored, write_tree, write_video, write_zip

RED, BLUE, LIME = colored(255, 0, 0), colored(0, 0, 255), colored(0, 255, 0)


def taught(clf: Classifier) -> dict[str, int]:
    return dict(Counter(example.label for example in clf.examples()))


def test_the_folder_of_an_image_is_its_class(clf: Classifier, tmp_path: Path) -> None:
    files = {"train/mug/1.png": RED, "train/cup/a/b/tea/1.png": BLUE, "test/mug/2.png": LIME}
    report = clf.import_dataset(write_tree(tmp_path / "set", files))
    assert taught(clf) == {"mug": 2, "tea": 1}
    assert (len(report.examples), report.known, report.problems) == (3, 0, ())


def test_images_in_no_sub_folder_belong_to_the_given_folder(
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
def test_common_zip_layouts_are_read(
    clf: Classifier, tmp_path: Path, name: str, files: dict[str, bytes], expected: dict[str, int]
) -> None:
    report = clf.import_dataset(write_zip(tmp_path / name, files))
    assert taught(clf) == expected
    assert report.problems == ()


def test_each_zip_in_a_folder_is_a_class(clf: Classifier, tmp_path: Path) -> None:
    root = tmp_path / "downloads"
    root.mkdir()
    write_zip(root / "Mug-samples.zip", {"0.png": RED, "1.png": LIME})
    write_zip(root / "Cup-samples.zip", {"0.png": BLUE})
    clf.import_dataset(root)
    assert taught(clf) == {"Mug": 2, "Cup": 1}


def test_hugging_face_metadata_names_the_classes(clf: Classifier, tmp_path: Path) -> None:
    listed = "\ufefffile_name,label,text\na/1.png,Mug,red\nb/2.png,Cup,\ngone.png,Cup,\n"
    files = {"a/1.png": RED, "b/2.png": BLUE, "b/3.png": LIME, "metadata.csv": listed.encode()}
    report = clf.import_dataset(write_tree(tmp_path / "set", files))
    assert taught(clf) == {"Mug": 1, "Cup": 1, "b": 1}
    assert [problem.message for problem in report.problems] == ["gone.png: listed, but missing."]
    labels = [clf.example(id_).label for id_ in report.examples]
    assert labels == ["Mug", "Cup", "b"]
    rows = [{"file_name": "1.png", "label": 7}, {"file_name": "2.png", "category": "Tea"}]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    other = {"train/1.png": LIME, "train/2.png": RED, "train/metadata.jsonl": lines}
    clf.import_dataset(write_zip(tmp_path / "other.zip", other))
    assert taught(clf) == {"Mug": 1, "Cup": 1, "b": 1, "7": 1, "Tea": 1}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.csv", b"file_name,label\n,Mug\n"),
        ("metadata.csv", b"file_name,label\n\xff\xfe,Mug\n"),
        ("metadata.jsonl", b'{"file_name": "1.png"\n'),
        ("metadata.jsonl", b"[1]\n"),
        ("metadata.csv", b"file_name,created_at\n1.png,yesterday\n"),
        ("classes.csv", b"name,color\nMug,red\n"),
        ("classes.csv", b"name,color\n,1\n"),
    ],
)
def test_an_unreadable_metadata_file_is_named(
    clf: Classifier, tmp_path: Path, name: str, data: bytes
) -> None:
    root = write_tree(tmp_path / "set", {"1.png": RED, name: data})
    with pytest.raises(DatasetError, match=name):
        clf.import_dataset(root)
    assert clf.classes() == []


def test_names_are_sorted_by_number(clf: Classifier, tmp_path: Path) -> None:
    files = {f"A/{n}.png": colored(n, n, n) for n in (10, 9, 100, 1)}
    report = clf.import_dataset(write_tree(tmp_path / "set", files))
    images = [clf.image(example_id)[0] for example_id in report.examples]
    assert images == [colored(n, n, n) for n in (1, 9, 10, 100)]


def test_a_missing_or_empty_path_is_refused(clf: Classifier, tmp_path: Path) -> None:
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


def test_temporary_files_are_deleted_when_reading_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "cup.avi").read_bytes()
    archive = write_zip(tmp_path / "set.zip", {"Cup/cup.avi": video})
    (tmp_path / "unpacked").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "unpacked"))
    dataset = read_dataset([archive])
    next(dataset.items)
    assert len(list(tmp_path.glob("unpacked/*"))) == 1
    dataset.close()
    assert list(tmp_path.glob("unpacked/*")) == []


def test_videos_in_a_zip_and_invalid_videos(clf: Classifier, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.avi").read_bytes()
    files = {"wave/a.avi": video, "wave/b.mp4": b"no video", "wave/c.avi": video[:900]}
    report = clf.import_dataset(write_zip(tmp_path / "set.zip", files), frames=Frames(2))
    assert taught(clf) == {"wave": 6}
    assert [Path(problem.name).name for problem in report.problems] == ["b.mp4", "c.avi"]
    for problem in report.problems:
        assert problem.message.startswith(f"{tmp_path / 'set.zip'}/wave/")
        assert "video" in problem.message
        assert "classify-anything-" not in problem.message
    late = clf.import_dataset(tmp_path / "a.avi", frames=Frames(start=60))
    assert late.problems[0].message.startswith(str(tmp_path / "a.avi"))
    assert taught(clf) == {"wave": 6}


@pytest.mark.parametrize(
    "options", [{"rate": 0}, {"rate": float("nan")}, {"start": -1}, {"start": 2, "end": 1}]
)
def test_invalid_frame_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        Frames(**options)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_special_files_do_not_block_an_import(clf: Classifier, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "set", {"A/1.png": RED})
    for name in ("2.png", "3.mp4", "4.zip"):
        os.mkfifo(root / "A" / name)
    (root / "A" / "5.png").symlink_to(root / "nowhere.png")
    report = clf.import_dataset(root)
    assert taught(clf) == {"A": 1}
    assert sorted(problem.message.partition("A/")[2] for problem in report.problems) == [
        "2.png: not a file.",
        "3.mp4: not a file.",
        "4.zip: not a file.",
        "5.png: No such file or directory.",
    ]
    os.mkfifo(root / "metadata.csv")
    with pytest.raises(DatasetError, match=r"metadata\.csv: not a file"):
        clf.import_dataset(root)


def test_links_are_followed_once(clf: Classifier, tmp_path: Path) -> None:
    far = write_tree(tmp_path / "far", {"1.png": RED, "2.png": BLUE})
    root = write_tree(tmp_path / "set", {"A/1.png": LIME})
    (root / "Mug").symlink_to(far)
    (root / "A" / "2.png").symlink_to(far / "2.png")
    (root / "A" / "round").symlink_to(root)
    (far / "back").symlink_to(root / "A")
    report = clf.import_dataset(root)
    assert taught(clf) == {"A": 2, "Mug": 2}
    assert sorted(problem.message for problem in report.problems) == [
        f"{root}/A/round: a link to a folder listed already.",
        f"{root}/Mug/back: a link to a folder listed already.",
    ]


def test_a_broken_zip_among_others_is_listed(clf: Classifier, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "set", {"broken.zip": b"PK\x03\x04", "A/1.png": RED})
    write_zip(root / "Mug.zip", {"1.png": BLUE})
    report = clf.import_dataset(root)
    assert taught(clf) == {"A": 1, "Mug": 1}
    (problem,) = report.problems
    assert problem.message.startswith(f"{root}/broken.zip: not a zip, or damaged")


def test_accents_match_in_any_unicode_form(clf: Classifier, tmp_path: Path) -> None:
    listed = "file_name,label\nCafe\u0301.png,Mug\nTh\u00e9.png,Tea\n".encode()
    files = {"Caf\u00e9.png": RED, "The\u0301.png": BLUE, "metadata.csv": listed}
    report = clf.import_dataset(write_tree(tmp_path / "set", files))
    assert (taught(clf), report.problems) == ({"Mug": 1, "Tea": 1}, ())


def test_unprintable_names_stay_on_one_line(clf: Classifier, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "set", {"A/two\nlines.png": b"x", "A/1.png": RED})
    write_tree(root, {os.fsdecode(b"A/caf\xe9.png"): b"", os.fsdecode(b"caf\xe9/1.png"): BLUE})
    report = clf.import_dataset(root)
    assert taught(clf) == {"A": 1}
    for problem in report.problems:
        assert "\n" not in problem.message
        problem.message.encode()
    names = sorted(problem.name.removeprefix(f"{root}/") for problem in report.problems)
    assert names == ["A/caf\ufffd.png", "A/two\ufffdlines.png", "caf\ufffd/1.png"]


def test_another_programs_class_list_is_ignored(clf: Classifier, tmp_path: Path) -> None:
    files = {"A/1.png": RED, "classes.csv": b"id,name\n1,Mug\n"}
    clf.import_dataset(write_tree(tmp_path / "set", files))
    assert [item.name for item in clf.classes()] == ["A"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.csv", b"name,label\n1.png,Mug\n"),
        ("metadata.csv", b"just a note\n"),
        ("metadata.jsonl", b'{"image": "1.png"}\n'),
    ],
)
def test_another_programs_metadata_is_ignored_and_reported(
    clf: Classifier, tmp_path: Path, name: str, data: bytes
) -> None:
    report = clf.import_dataset(write_tree(tmp_path / "set", {"A/1.png": RED, f"A/{name}": data}))
    assert taught(clf) == {"A": 1}
    (problem,) = report.problems
    assert problem.message == f"{tmp_path}/set/A/{name}: has no column file_name; ignored."


def test_odd_values_in_metadata_do_no_harm(clf: Classifier, tmp_path: Path) -> None:
    rows = [
        {"file_name": "1.png", "label": "Mug", "source": "\ud800", "recording": "a\ud800"},
        {"file_name": "2.png", "label": None, "created_at": "2020-02-02T20:20:20+02:00"},
        {"file_name": "../../1.png", "label": "Mug"},
        {"file_name": "/etc/passwd", "label": "Mug"},
    ]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    files = {"1.png": RED, "2.png": BLUE, "metadata.jsonl": lines}
    report = clf.import_dataset(write_tree(tmp_path / "set", files))
    assert taught(clf) == {"Mug": 1, "set": 1}
    assert clf.examples()[0].created_at.isoformat() == "2020-02-02T18:20:20+00:00"
    assert [problem.message for problem in report.problems] == [
        "../../1.png: listed, but missing.",
        "/etc/passwd: listed, but missing.",
    ]


_AS_NOBODY = """
import os, sys
from PIL import Image
from classify_anything import Classifier
from classify_anything.errors import DatasetError
Image.init()
clf = Classifier(sys.argv[1], backbone=sys.argv[2])
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for path in sys.argv[3:]:
    try:
        for problem in clf.import_dataset(path).problems:
            print(problem.message)
    except DatasetError as error:
        print("DatasetError", error)
"""


def test_a_file_without_read_permission_is_named(tiny_backbone: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        root = write_tree(home / "set", {"A/1.png": RED, "A/2.png": BLUE, "B/3.png": LIME})
        write_zip(root / "C.zip", {"1.png": LIME})
        write_tree(home / "listed", {"1.png": RED, "metadata.csv": b"file_name,label\n1.png,A\n"})
        closed = [root / "A/2.png", root / "B", root / "C.zip", home / "listed/metadata.csv"]
        backbone = shutil.copy(tiny_backbone, home)
        home.chmod(0o777)
        for path in closed:
            path.chmod(0)
        places = [str(root), str(home / "listed"), str(root / "B" / "3.png"), "x" * 5000]
        command = [sys.executable, "-c", _AS_NOBODY, str(home / "project.db"), backbone, *places]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        for path in closed:
            path.chmod(0o700)
    assert sorted(done.stdout.replace(f"{home}/", "").splitlines()) == [
        "DatasetError listed/metadata.csv: Permission denied.",
        "DatasetError set/B/3.png: Permission denied.",
        f"DatasetError {'x' * 5000}: File name too long.",
        "set/A/2.png: Permission denied.",
        "set/B: Permission denied.",
        "set/C.zip: Permission denied.",
    ], done.stdout + done.stderr
