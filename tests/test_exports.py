"""What goes out comes back, byte for byte."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classify_anything import Classifier, KNeighborsHead
from classify_anything.datasets.write import new_folder
from classify_anything.errors import LabelError, OutputError, SettingError
from classify_anything.types import Progress
from tests.files import colored, write_tree
from tests.photos import encoded, photo, plain

LABELS = [
    "Mug",
    "كوب",
    "🍵☕",
    "a/b\\c:d*e?f",
    "CON",
    "..",
    ".hidden",
    "__MACOSX",
    "a|b",
    "a?b",
    "𐍈" * 100,
    "𐍈" * 99 + "a",
    "metadata.csv",
    "CLASSES.csv",
    "con.png",
    "set.zip",
    "a\u202eb",
    '"quoted", <b>',
]


def everything(clf: Classifier) -> tuple[Any, ...]:
    """All that must not get lost, without the ids, which are the project's own."""
    examples = clf.examples()[::-1]
    first: dict[int, int] = {}
    for example in examples:
        first.setdefault(example.recording_id, len(first))
    return (
        [(item.name, item.color, clf.project.count(item.id)) for item in clf.classes()],
        [
            (
                example.label,
                first[example.recording_id],
                example.created_at,
                example.source,
                example.sha256,
                (example.width, example.height),
                clf.image(example.id),
            )
            for example in examples
        ],
    )


def teach(clf: Classifier) -> None:
    clf.add("Mug", encoded(photo("coffee")), recording="one", source="camera")
    clf.add("Cup", plain("red"), recording="one", source="camera")
    clf.add("Cup", plain("red"), recording="two")
    clf.add("Cup", encoded(photo("cat"), "WEBP"))
    clf.add("Mug", encoded(photo("rocket"), "GIF"), source="http")
    clf.add_class("Nothing yet")
    clf.edit_class("Mug", color=7)


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_an_export_gives_the_same_project_again(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path, form: Any
) -> None:
    teach(clf)
    before = everything(clf)
    target = clf.export(tmp_path / ("desk.zip" if form == "zip" else "desk"), form)
    with Classifier(tmp_path / "again.db", backbone=tiny_backbone) as again:
        report = again.import_dataset(target)
        assert (len(report.examples), report.known, report.problems) == (5, 0, ())
        assert everything(again) == before
        assert len(again.import_dataset(target).examples) == 0
        again.undo()
        assert again.classes() == []
        assert len(again.import_dataset(target).examples) == 5
        assert everything(again) == before


@pytest.mark.parametrize("form", ["zip", "folder", "tfjs-knn"])
def test_an_export_tells_how_far_it_is_and_can_be_stopped(
    clf: Classifier, tmp_path: Path, form: Any
) -> None:
    teach(clf)
    told: list[Progress] = []
    clf.export(tmp_path / "whole", form, progress=told.append)
    assert told == [Progress(number, 5) for number in range(1, 6)]

    def stop(progress: Progress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clf.export(tmp_path / "part", form, progress=stop)
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("project.db")}
    assert left == {"whole"}


def test_every_label_can_be_exported(clf: Classifier, tmp_path: Path, tiny_backbone: Path) -> None:
    for number, label in enumerate(LABELS):
        clf.add(label, colored(number, 0, 0))
    before = everything(clf)
    for form in ("zip", "folder"):
        target = clf.export(tmp_path / f"labels.{form}", form)  # type: ignore[arg-type]
        with Classifier(tmp_path / f"{form}.db", backbone=tiny_backbone) as again:
            assert again.import_dataset(target).problems == ()
            assert everything(again) == before


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_what_came_back_goes_out_the_same(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path, form: Any
) -> None:
    clf.add("Gone", plain("navy"))
    clf.remove_class("Gone")
    teach(clf)
    with Classifier(tmp_path / "again.db", backbone=tiny_backbone) as again:
        again.import_dataset(clf.export(tmp_path / f"one.{form}", form))
        again.export(tmp_path / f"two.{form}", form)
    one, two = (files(tmp_path / f"{name}.{form}") for name in ("one", "two"))
    assert one.keys() != two.keys()
    assert without_ids(one) == without_ids(two)


def files(path: Path) -> dict[str, bytes]:
    """The files of an export, by their names."""
    if path.is_dir():
        inside = [file for file in path.rglob("*") if file.is_file()]
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in inside}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def without_ids(exported: dict[str, bytes]) -> tuple[Any, ...]:
    """An export without the ids of its examples and recordings."""
    rows = list(csv.DictReader(io.StringIO(exported["metadata.csv"].decode())))
    first = {row["recording"]: number for number, row in reversed(list(enumerate(rows)))}
    return exported["classes.csv"], [
        (
            exported[row["file_name"]],
            Path(row["file_name"]).parent,
            Path(row["file_name"]).suffix,
            first[row["recording"]],
            *(row[column] for column in ("label", "created_at", "source", "sha256")),
        )
        for row in rows
    ]


def test_odd_times_and_sources_survive(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path
) -> None:
    clf.add("Mug", plain("navy"), source='one\rtwo\n"three", ')
    listed = (
        "file_name,label,created_at\n"
        "1.png,Mug,0001-01-01T00:00:00.000001+00:00\n"
        "2.png,Mug,1970-01-01T00:00:00+05:30\n"
        "3.png,Mug,9999-12-31T23:59:59.999999\n"
    )
    pictures = {f"{n}.png": colored(n, n, n) for n in (1, 2, 3)}
    clf.import_dataset(write_tree(tmp_path / "odd", {**pictures, "metadata.csv": listed.encode()}))
    assert [example.created_at.year for example in clf.examples()][:3] == [9999, 1969, 1]
    with Classifier(tmp_path / "again.db", backbone=tiny_backbone) as again:
        assert again.import_dataset(clf.export(tmp_path / "odd.zip")).problems == ()
        assert everything(again) == everything(clf)


@settings(max_examples=20)
@given(labels=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_any_labels_can_be_exported(
    tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path, labels: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("labels")
    with (
        Classifier(folder / "one.db", backbone=tiny_backbone) as clf,
        Classifier(folder / "two.db", backbone=tiny_backbone) as again,
    ):
        for number, label in enumerate(labels):
            try:
                clf.add(label, colored(number, 1, 1))
            except LabelError:
                clf.add("Other", colored(number, 1, 1))
        report = again.import_dataset(clf.export(folder / "labels.zip"))
        assert report.problems == ()
        assert everything(again) == everything(clf)


def test_a_list_is_in_the_form_that_others_read(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    with zipfile.ZipFile(clf.export(tmp_path / "desk.zip")) as archive:
        assert archive.testzip() is None
        lines = archive.read("metadata.csv").decode().splitlines()
        names = [line.split(",")[0] for line in lines]
        assert lines[0] == "file_name,label,recording,created_at,source,sha256"
        assert set(names[1:]) == set(archive.namelist()) - {"metadata.csv", "classes.csv"}
        assert archive.read(names[1]) == encoded(photo("coffee"))
    assert (tmp_path / "desk.zip").read_bytes() == clf.export(tmp_path / "2.zip").read_bytes()


def test_a_picture_that_was_changed_since_is_told(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    target = clf.export(tmp_path / "desk", "folder")
    next((target / "Cup").glob("*.webp")).write_bytes(plain("blue"))
    clf.undo()
    report = clf.import_dataset(target)
    assert "the checksum differs from the manifest" in report.problems[0].message


def test_the_json_of_tfjs_has_the_embeddings(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    clf.configure(head="classic")
    entries = json.loads(clf.export(tmp_path / "knn.json", "tfjs-knn").read_text())
    assert [(label, shape) for label, _, shape in entries] == [("Mug", [2, 48]), ("Cup", [3, 48])]
    head = KNeighborsHead(metric="cosine")
    for label, numbers, shape in entries:
        head.partial_fit(np.array(numbers, np.float32).reshape(shape), [label] * shape[0])
    exported = [example.id for label in ("Mug", "Cup") for example in clf.examples(label)[::-1]]
    for image in (plain("red"), photo("coffee"), photo("cat"), photo("retina")):
        distances, rows = head.kneighbors([clf.embed(image)])
        found = clf.predict(image).neighbors
        assert [exported[row] for row in rows[0]] == [near.example_id for near in found]
        similarities = [near.similarity for near in found]
        np.testing.assert_allclose(1 - distances[0], similarities, rtol=0, atol=1e-6)
        assert head.predict([clf.embed(image)]) == [clf.predict(image).label]
    rows = clf.project.store.since(-1, clf.backbone.fingerprint).rows
    stored = {
        item.name: [row.embedding for row in rows if row.class_id == item.id]
        for item in clf.classes()
    }
    for label, numbers, shape in entries:
        exact = np.array(numbers, np.float32).reshape(shape)
        np.testing.assert_allclose(exact, stored[label], rtol=0, atol=1e-7)


def test_nothing_is_replaced_unasked(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    (tmp_path / "kept.zip").write_bytes(b"kept")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for form, name in (("zip", "kept.zip"), ("folder", "mine")):
        with pytest.raises(OutputError, match=f"{name}: already exists"):
            clf.export(tmp_path / name, form)  # type: ignore[arg-type]
    (tmp_path / "mine" / "classes.csv").write_text("physics, art")
    with pytest.raises(OutputError, match="not an export"):
        clf.export(tmp_path / "mine", "folder", overwrite=True)
    for form, same in itertools.product(
        ("zip", "tfjs-knn", "folder"), (clf.path, tmp_path / "link")
    ):
        with contextlib.suppress(FileExistsError):
            (tmp_path / "link").symlink_to(clf.path)
        with pytest.raises(OutputError, match="is the project itself"):
            clf.export(same, form, overwrite=True)  # type: ignore[arg-type]
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert (tmp_path / "kept.zip").read_bytes() == b"kept"
    clf.export(tmp_path / "kept.zip", overwrite=True)
    assert zipfile.is_zipfile(tmp_path / "kept.zip")
    folder = clf.export(tmp_path / "desk", "folder")
    clf.remove_class("Mug")
    clf.export(folder, "folder", overwrite=True)
    assert {item.name for item in folder.iterdir()} == {"Cup", "metadata.csv", "classes.csv"}
    with pytest.raises(SettingError, match="Unknown format 'rar'"):
        clf.export(tmp_path / "x", "rar")  # type: ignore[arg-type]


def test_an_export_that_fails_leaves_nothing(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="file"):
        clf.export(tmp_path / "file" / "desk.zip")
    target = tmp_path / "out" / "desk.zip"
    first = clf.examples()[-1].id
    clf.project.store._raw.driver_connection.execute(
        f"UPDATE examples SET media_type='' WHERE id={first}"
    )
    with pytest.raises(KeyError):
        clf.export(target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("form", ["zip", "folder", "tfjs-knn", "web"])
def test_a_full_disk_leaves_nothing(clf: Classifier, tmp_path: Path, form: Any) -> None:
    teach(clf)
    target = tmp_path / "out" / "desk"
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, old_limit[1]))
    try:
        with pytest.raises(OutputError, match="desk: File too large"):
            clf.export(target, form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert list(target.parent.iterdir()) == []
    clf.export(target, form)
    before = target.read_bytes() if target.is_file() else files(target)
    assert before


_AS_NOBODY = """
import os, sys
from classify_anything import Classifier
from classify_anything.errors import OutputError
clf = Classifier(sys.argv[1], backbone=sys.argv[2])
clf.add("Mug", sys.argv[3])
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
clf.add("Cup", sys.argv[5])
for form in ("zip", "folder", "tfjs-knn", "onnx", "web"):
    try:
        clf.export(sys.argv[4], form)
    except OutputError as error:
        print(error)
"""


def test_an_export_that_cannot_be_replaced_stays(clf: Classifier, tmp_path: Path) -> None:
    clf.add("Mug", plain("red"))
    clf.export(tmp_path / "desk", "folder")
    before = sorted(path.name for path in (tmp_path / "desk").rglob("*"))
    with (
        pytest.raises(OutputError),
        new_folder(tmp_path / "desk", overwrite=True) as folder,
    ):
        folder.rmdir()  # so the new folder cannot be renamed
    assert sorted(path.name for path in (tmp_path / "desk").rglob("*")) == before
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_may_not_be_written_is_named(tiny_backbone: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = write_tree(Path(name), {"1.png": plain("red"), "2.png": plain("blue")})
        (home / "closed").mkdir()
        home.chmod(0o777)
        (home / "closed").chmod(0o555)
        backbone = shutil.copy(tiny_backbone, home)
        target = home / "closed" / "desk"
        pictures = [str(home / name) for name in ("1.png", "2.png")]
        inputs = [str(home / "project.db"), backbone, pictures[0], str(target), pictures[1]]
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, *inputs], capture_output=True, text=True, timeout=60
        )
        assert done.stdout.splitlines() == [f"{target}: Permission denied."] * 5, done.stderr
        assert list((home / "closed").iterdir()) == []
        (home / "closed").chmod(0o755)


@pytest.mark.parametrize("precision", ["int8", "fp16"])
@pytest.mark.parametrize("form", ["onnx", "web"])
def test_each_step_of_a_smaller_export_can_be_stopped(
    clf: Classifier, tmp_path: Path, form: Any, precision: Any
) -> None:
    teach(clf)
    target = tmp_path / "desk.zip"
    told: list[Progress] = []
    clf.export(target, form, precision=precision, progress=told.append)
    target.unlink()
    before = {*tmp_path.iterdir()}
    retraining = [one for one in told if one.text == "Retraining on the smaller network"]
    assert retraining[1:] == [Progress(n, 5, retraining[0].text) for n in range(1, 6)]
    calibrating = [one for one in told if one.text == "Making the network smaller"]
    assert len(calibrating) == (6 if precision == "int8" else 1)

    for last in {progress.text: progress for progress in told}.values():

        def stop(progress: Progress, last: Progress = last) -> None:
            if progress == last:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            clf.export(target, form, precision=precision, progress=stop)
        assert {*tmp_path.iterdir()} == before
