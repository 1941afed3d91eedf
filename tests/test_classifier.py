"""The one object: what it was shown it knows, in this process and the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from classify_anything import Classifier, Prediction
from classify_anything.errors import (
    EmbeddingError,
    ImageError,
    LabelError,
    NotFoundError,
    NothingToUndoError,
    SettingError,
    StoreError,
)
from classify_anything.store import NewExample
from tests.photos import PHOTOS, encoded, photo, plain
from tests.tiny import write_backbone


def teach(clf: Classifier, *colors: str) -> None:
    for color in colors:
        clf.add(color, plain(color))


def test_nothing_learnt_is_a_value(clf: Classifier) -> None:
    assert clf.predict(plain("red")) == Prediction(None, 0.0, {}, ())
    clf.add_class("empty")
    assert clf.predict(plain("red")).label is None


def test_one_example_a_class_is_enough(clf: Classifier) -> None:
    teach(clf, "red", "lime", "blue")
    prediction = clf.predict(plain("blue"))
    assert prediction.label == "blue"
    assert prediction.probability > 0.9
    assert next(iter(prediction.probabilities)) == "blue"
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.neighbors[0].label == "blue"
    assert prediction.neighbors[0].similarity == pytest.approx(1)


def test_with_the_real_backbone_photographs_are_told_apart(tmp_path: Path) -> None:
    with Classifier(tmp_path / "photos.db") as clf:
        for name in PHOTOS:
            clf.add(name, photo(name))
        for name in PHOTOS:
            height, width, _ = photo(name).shape
            part = photo(name)[height // 8 : -height // 8, width // 8 : -width // 8]
            assert clf.predict(encoded(part, quality=70)).label == name


def test_everything_is_there_tomorrow(clf: Classifier, tmp_path: Path, tiny_backbone: Path) -> None:
    teach(clf, "red", "lime", "blue")
    clf.edit_class("lime", name="Green")
    clf.remove(clf.examples("blue")[0])
    before = clf.classes(), clf.examples(), clf.predict(plain("lime"))
    clf.close()
    with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as again:
        assert (again.classes(), again.examples(), again.predict(plain("lime"))) == before


def test_two_processes_on_one_project_stay_in_step(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path
) -> None:
    with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as other:
        teach(other, "red")
        assert clf.predict(plain("blue")).label == "red"
        teach(clf, "blue")
        assert other.predict(plain("blue")).label == "blue"
        other.edit_class("blue", name="Sky")
        assert clf.predict(plain("blue")).label == "Sky"
        other.remove_class("Sky")
        assert clf.predict(plain("blue")).label == "red"
        clf.undo()
        assert other.predict(plain("blue")).label == "Sky"
        assert other.project.revision == clf.project.revision


def test_predicting_without_changes_reads_nothing_from_the_database(clf: Classifier) -> None:
    teach(clf, "red")
    clf.predict(plain("red"))
    statements = []
    clf.project.store._raw.driver_connection.set_trace_callback(statements.append)
    clf.predict(plain("red"))
    assert statements == ["PRAGMA data_version"]


def test_another_backbone_embeds_the_stored_images(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path
) -> None:
    teach(clf, "red", "blue")
    clf.close()
    other = write_backbone(tmp_path / "other.onnx", "other")
    with Classifier(tmp_path / "project.db", backbone=other) as with_other:
        assert with_other.predict(plain("blue")).label == "blue"
    with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as back:
        assert back.predict(plain("red")).label == "red"


def test_undo_and_redo_reach_the_head(clf: Classifier) -> None:
    teach(clf, "red", "blue")
    clf.remove_class("blue")
    assert clf.predict(plain("blue")).label == "red"
    clf.undo()
    assert clf.predict(plain("blue")).label == "blue"
    clf.redo()
    assert clf.predict(plain("blue")).label == "red"
    clf.project.clear_class("red")
    assert clf.predict(plain("blue")).label is None
    clf.undo()
    assert clf.predict(plain("blue")).label == "red"


def test_a_recording_is_removed_and_undone_as_one(clf: Classifier) -> None:
    teach(clf, "red")
    for shade in ("blue", "navy"):
        clf.add("blue", plain(shade), recording="press")
    assert clf.next_undo() is not None
    assert clf.next_undo().text == "2 examples added to blue"  # type: ignore[union-attr]
    clf.project.remove_last_recording()
    assert len(clf) == 1
    clf.undo()
    assert len(clf) == 3
    clf.undo()
    assert len(clf) == 1
    clf.project.remove_last_recording()
    with pytest.raises(NothingToUndoError):
        clf.project.remove_last_recording()


def test_labels_are_found_in_any_case_and_a_wrong_one_gets_a_hint(clf: Classifier) -> None:
    clf.add("Mug", plain("red"))
    clf.add("mug", plain("red"))
    assert [(item.name, clf.project.count(item.id)) for item in clf.classes()] == [("Mug", 2)]
    with pytest.raises(NotFoundError, match=r"No class named 'Mgu'\. Classes: 'Mug'\. Did"):
        clf.remove_class("Mgu")
    with pytest.raises(NotFoundError, match="No class 7"):
        clf.add(7, plain("red"))


def test_what_is_refused_changes_nothing(clf: Classifier) -> None:
    teach(clf, "red")
    before = clf.project.revision
    with pytest.raises(ImageError):
        clf.add("new", b"no image")
    with pytest.raises(LabelError):
        clf.add(" ", plain("red"))
    with pytest.raises(NotFoundError):
        clf.remove([clf.examples()[0], 99])
    clf.project.refresh()
    assert clf.project.revision == before
    assert [item.name for item in clf.classes()] == ["red"]


@pytest.mark.parametrize("bad", [[0.0] * 48, [np.nan] * 48, [1.0] * 47])
def test_an_embedding_that_cannot_be_is_refused_before_it_is_kept(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path, bad: list[float]
) -> None:
    with pytest.raises(EmbeddingError):
        clf.add("a", plain("red"), embedding=np.array(bad, np.float32))
    clf.close()
    with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as again:
        assert len(again) == 0


def test_a_new_class_and_its_first_example_are_one_change(clf: Classifier) -> None:
    clf.add("red", plain("red"))
    clf.undo()
    assert clf.classes() == []
    assert clf.next_undo() is None
    clf.redo()
    assert clf.predict(plain("red")).label == "red"


def test_every_reading_call_sees_what_another_process_did(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path
) -> None:
    with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as other:
        example = other.add("red", plain("red"))
    assert clf.examples("red") == [example]
    assert (len(clf), clf.project.count(example.class_id)) == (1, 1)
    assert clf.project.latest(example.class_id, 5) == [example.id]


def test_a_closed_classifier_says_so(clf: Classifier) -> None:
    clf.close()
    with pytest.raises(StoreError, match="closed"):
        clf.predict(plain("red"))


def test_numbers_may_come_from_numpy_and_colours_do_not_wrap(clf: Classifier) -> None:
    example = clf.add("red", plain("red"))
    assert clf.find_class(np.int64(example.class_id)).name == "red"
    with pytest.raises(SettingError, match="from 0 to 7, not 9"):
        clf.edit_class("red", color=9)
    clf.remove(np.int64(example.id))
    assert len(clf) == 0


def test_the_newest_examples_come_first(clf: Classifier) -> None:
    ids = [clf.add("red", plain("red")).id for _ in range(5)]
    red = clf.find_class("red").id
    assert clf.project.latest(red, 3) == ids[:1:-1]
    clf.remove(ids[3])
    clf.undo()
    assert clf.project.latest(red, 99) == ids[::-1]


def test_a_setting_that_stays_keeps_the_revision(clf: Classifier) -> None:
    clf.configure(rejection_level=0.5)
    before = clf.project.revision
    clf.configure(rejection_level=0.5)
    assert clf.project.revision == before


def test_starting_classes_come_once(clf: Classifier) -> None:
    clf.project.add_starting_classes(["A", "B"])
    clf.remove_class("A")
    clf.project.add_starting_classes(["A", "B"])
    assert [item.name for item in clf.classes()] == ["B"]


def test_opening_thousands_of_examples_takes_as_few_queries_as_thirty(
    tmp_path: Path, tiny_backbone: Path
) -> None:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    taken = []
    for number in (30, 3000):
        path = tmp_path / f"{number}.db"
        with Classifier(path, backbone=tiny_backbone) as clf:
            embedding = clf.embed(plain("red"))
            # Who looks at the picture, rather than read the embedding, fails.
            new = NewExample("red", b"no picture", "image/png", 1, 1, "t", embedding)
            clf.project.store.add([new] * number, clf.backbone.fingerprint)
        statements.clear()
        sa.event.listen(sa.Engine, "before_cursor_execute", count)
        with Classifier(path, backbone=tiny_backbone) as clf:
            assert len(clf) == number
            np.testing.assert_allclose(clf.predict(plain("red")).probability, 1)
        sa.event.remove(sa.Engine, "before_cursor_execute", count)
        taken.append(len(statements))
    assert taken[0] == taken[1] > 0
