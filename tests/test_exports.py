"""What goes out comes back, byte for byte."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classify_anything import Classifier, KNeighborsHead
from classify_anything.errors import LabelError, OutputError, SettingError
from tests.files import colored
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
    '"quoted", <b>',
]


def everything(clf: Classifier) -> tuple[Any, ...]:
    """All that must not get lost, without the ids, which are the project's own."""
    examples = clf.examples()[::-1]
    first: dict[int, int] = {}
    for example in examples:
        first.setdefault(example.recording_id, len(first))
    return (
        [(item.name, item.color, clf.count(item.id)) for item in clf.classes()],
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


def test_every_label_can_be_exported(clf: Classifier, tmp_path: Path, tiny_backbone: Path) -> None:
    for number, label in enumerate(LABELS):
        clf.add(label, colored(number, 0, 0))
    before = everything(clf)
    for form in ("zip", "folder"):
        target = clf.export(tmp_path / f"labels.{form}", form)  # type: ignore[arg-type]
        with Classifier(tmp_path / f"{form}.db", backbone=tiny_backbone) as again:
            assert again.import_dataset(target).problems == ()
            assert everything(again) == before


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
    assert "not the picture that the list beside it names" in report.problems[0].message


def test_the_json_of_tfjs_has_the_embeddings(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    entries = json.loads(clf.export(tmp_path / "knn.json", "tfjs-knn").read_text())
    assert [(label, shape) for label, _, shape in entries] == [("Mug", [2, 48]), ("Cup", [3, 48])]
    head = KNeighborsHead()
    for label, numbers, shape in entries:
        head.partial_fit(np.array(numbers, np.float32).reshape(shape), [label] * shape[0])
    embedding = clf.embed(plain("red"))
    assert head.predict([embedding]) == ["Cup"]
    stored = dict(clf.embeddings_by_label())
    for label, numbers, shape in entries:
        exact = np.array(numbers, np.float32).reshape(shape)
        np.testing.assert_array_equal(exact, stored[label])


def test_nothing_is_replaced_unasked(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    (tmp_path / "kept.zip").write_bytes(b"kept")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for form, name in (("zip", "kept.zip"), ("folder", "mine")):
        with pytest.raises(OutputError, match=f"{name}: is there already"):
            clf.export(tmp_path / name, form)  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="not an export"):
        clf.export(tmp_path / "mine", "folder", overwrite=True)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert (tmp_path / "kept.zip").read_bytes() == b"kept"
    clf.export(tmp_path / "kept.zip", overwrite=True)
    assert zipfile.is_zipfile(tmp_path / "kept.zip")
    folder = clf.export(tmp_path / "desk", "folder")
    clf.remove_class("Mug")
    clf.export(folder, "folder", overwrite=True)
    assert {item.name for item in folder.iterdir()} == {"Cup", "metadata.csv", "classes.csv"}
    with pytest.raises(SettingError, match="No format 'rar'"):
        clf.export(tmp_path / "x", "rar")  # type: ignore[arg-type]


def test_an_export_that_fails_leaves_nothing(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="file"):
        clf.export(tmp_path / "file" / "desk.zip")
    target = tmp_path / "out" / "desk.zip"
    first = clf.examples()[-1].id
    clf._store._raw.driver_connection.execute(f"UPDATE examples SET media_type='' WHERE id={first}")
    with pytest.raises(KeyError):
        clf.export(target)
    assert list(target.parent.iterdir()) == []
