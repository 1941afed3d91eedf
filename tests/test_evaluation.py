"""Evaluation, advice, the choice of a head, and "none of these"."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classify_anything import Classifier
from classify_anything.errors import DatasetError, InputError, SettingError
from classify_anything.evaluation.advice import advise
from classify_anything.evaluation.evaluate import (
    HEADS,
    RETIRED_HEADS,
    TrainingSet,
    calibration_error,
    evaluate,
    make_head,
    plane,
)
from classify_anything.heads import KNeighborsHead
from tests.files import write_tree
from tests.photos import plain

DIMENSION = 16


def bursts(
    recordings: int, frames: int = 6, classes: int = 3, spread: float = 0.8, seed: int = 0
) -> TrainingSet:
    """Frames of one recording are near copies; recordings of a class differ by ``spread``."""
    random = np.random.default_rng(seed)
    vectors, class_ids, groups = [], [], []
    for number in range(recordings * classes):
        centre = (
            np.eye(DIMENSION)[number % classes] + spread * random.standard_normal(DIMENSION) / 2
        )
        for _ in range(frames):
            vectors.append(centre + 0.02 * random.standard_normal(DIMENSION))
            class_ids.append(number % classes + 1)
            groups.append(number)
    rows = np.array(vectors, np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = {number + 1: f"Class {number + 1}" for number in range(classes)}
    return TrainingSet(rows, class_ids, range(len(rows)), groups, labels)


def test_near_copies_inflate_accuracy_unless_recordings_are_known() -> None:
    training_set = bursts(recordings=4, spread=1.1)
    single_recording = TrainingSet(
        training_set.vectors,
        training_set.class_ids,
        training_set.keys,
        list(training_set.keys),
        training_set.labels,
    )
    fooled, honest = evaluate(single_recording, "adaptive"), evaluate(training_set, "adaptive")
    assert fooled.accuracy == 1
    assert honest.accuracy < 0.9
    low, high = honest.interval
    assert low < honest.accuracy < high
    assert high - low > 0.3, "twelve recordings are twelve trials, however many frames they have"


def test_the_confusion_matrix_counts_predictions() -> None:
    training_set = bursts(recordings=3, spread=1.6)
    found = evaluate(training_set, "adaptive")
    confusion = np.array(found.confusion)
    assert confusion.sum() == len(training_set.keys) == len(found.outcomes)
    assert confusion.trace() / confusion.sum() == pytest.approx(found.accuracy)
    assert [item.examples for item in found.per_class] == confusion.sum(axis=1).tolist()
    assert [item.recordings for item in found.per_class] == [3, 3, 3]
    for number, item in enumerate(found.per_class):
        assert item.accuracy == pytest.approx(confusion[number, number] / confusion[number].sum())
    assert 0 <= found.calibration_error <= 1


def test_a_class_of_one_recording_is_flagged() -> None:
    training_set = bursts(recordings=1)
    found = evaluate(training_set, "adaptive")
    assert [item.single_recording for item in found.per_class] == [True] * 3
    assert found.accuracy == 1
    kinds = [item.kind for item in advise(found, training_set.counts)]
    assert kinds[:3] == ["one_recording"] * 3


def test_the_calibration_error_is_the_mean_gap() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]], np.float32)
    codes = np.array([0, 1, 0, 0])
    assert calibration_error(probabilities, codes) == pytest.approx((0.4 + 0.4) / 2, abs=1e-6)


def test_probabilities_are_calibrated() -> None:
    taught = bursts(recordings=20, frames=2, spread=1.2).fit("adaptive")
    fresh = bursts(recordings=100, frames=1, spread=1.2, seed=1)
    found = np.stack([taught.decide(row).probabilities for row in fresh.vectors])
    codes = np.array(fresh.class_ids) - 1
    assert 0.5 < (found.argmax(axis=1) == codes).mean() < 0.98
    assert calibration_error(found, codes) < 0.12


def test_a_class_with_many_examples_has_no_advantage() -> None:
    random = np.random.default_rng(0)
    labels = [0] * 60 + [1] * 4
    centres = np.eye(DIMENSION)[labels]
    X = centres + 0.3 * random.standard_normal(centres.shape)
    head = make_head("adaptive").partial_fit(X, labels)
    for code, least in ((0, 0.7), (1, 0.6)):
        fresh = np.eye(DIMENSION)[[code] * 200] + 0.3 * random.standard_normal((200, DIMENSION))
        taken = np.mean([head.decide(row).probabilities.argmax() == code for row in fresh])
        assert taken > least


def test_the_plane_keeps_similar_examples_together() -> None:
    training_set = bursts(recordings=2, classes=2, spread=0.2)
    places = plane(training_set.vectors)
    assert places.shape == (24, 2)
    assert np.abs(places).max() == pytest.approx(1)
    own = np.array(training_set.class_ids)
    one, other = places[own == 1], places[own == 2]
    apart = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
    assert apart > 3 * max(one.std(), other.std()) or apart > 1
    assert plane(training_set.vectors[:1]).tolist() == [[0, 0]]


def test_advice_names_the_problem() -> None:
    training_set = bursts(recordings=12, frames=1, spread=0.3)
    swapped = list(training_set.class_ids)
    swapped[0] = 2
    bad = TrainingSet(
        training_set.vectors,
        swapped,
        training_set.keys,
        list(training_set.keys),
        training_set.labels,
    )
    given = {item.kind: item for item in advise(evaluate(bad, "adaptive"), bad.counts)}
    assert given["mislabelled"].example_ids == (0,)
    assert given["mislabelled"].text == (
        "1 example looks mislabelled. Check it, and move it if so."
    )
    mixed = bursts(recordings=8, frames=1, classes=2, spread=3)
    confused = advise(evaluate(mixed, "adaptive"), mixed.counts)
    assert "Class 1 and Class 2 are confused" in " ".join(item.text for item in confused)
    few = bursts(recordings=3, frames=1, spread=0.1)
    assert {item.kind for item in advise(evaluate(few, "adaptive"), few.counts)} == {"few"}


def test_the_only_example_of_a_class_is_skipped_and_reported() -> None:
    training_set = bursts(recordings=3, frames=2, classes=2, spread=0.2)
    rare = np.eye(DIMENSION, dtype=np.float32)[-1:]
    more = TrainingSet(
        np.concatenate([training_set.vectors, rare]),
        [*training_set.class_ids, 3],
        range(13),
        [*training_set.groups, 99],
        {**training_set.labels, 3: "Rare"},
    )
    for name in HEADS:
        found = evaluate(more, name)
        assert (found.accuracy, found.per_class[2].accuracy) == (1, None)
        assert found.per_class[2].interval is None
        told = {item.kind: item for item in advise(found, more.counts)}
        assert "mislabelled" not in told
        assert any(
            item.text == "Rare has only 1 example. Add more." for item in advise(found, more.counts)
        )


# --- through a project


def test_a_custom_head_is_evaluated(tmp_path: Path, tiny_backbone: Path) -> None:
    path = tmp_path / "own.db"
    with Classifier(path, backbone=tiny_backbone, head=KNeighborsHead(1)) as clf:
        teach(clf)
        found = clf.evaluate()
        assert (found.head, found.accuracy) == ("own", 1)
        assert clf.evaluate("classic").head == "classic"
        folder = write_tree(tmp_path / "test", {"red/1.png": plain("darkred")})
        assert clf.evaluate_on(folder).accuracy == 1


def teach(clf: Classifier, *, views: int = 4) -> None:
    for number in range(views):
        for label, color in (("Red", (255, 10 * number, 0)), ("Blue", (0, 10 * number, 255))):
            image = plain(f"rgb{color}")
            clf.add(label, image, recording=f"{label} {number}")


def test_a_project_keeps_its_head_and_rejection_level(clf: Classifier, tiny_backbone: Path) -> None:
    assert (clf.settings.head, clf.settings.rejection_level, clf.project.model.head_name) == (
        "adaptive",
        0,
        "adaptive",
    )
    teach(clf)
    for name in ("classic", "adaptive"):
        clf.configure(head=name)
        assert clf.project.model.head_name == name
        assert clf.predict(plain("darkred")).label == "Red"
    clf.configure(head="classic", rejection_level=0.1)
    with Classifier(clf.path, backbone=tiny_backbone) as other:
        assert (other.settings.head, other.settings.rejection_level) == ("classic", 0.1)
        other.configure(head="adaptive")
        assert other.predict(plain("red")).label == "Red"
    assert clf.predict(plain("red")).label == "Red"
    assert clf.project.model.head_name == "adaptive"
    with pytest.raises(SettingError, match=r"Unknown head 'svm'\. Choose adaptive or classic"):
        clf.configure(head="svm")
    with pytest.raises(SettingError, match="from 0 to 1"):
        clf.configure(rejection_level=2)
    assert clf.settings.head == "adaptive"


@pytest.mark.parametrize("retired", RETIRED_HEADS)
def test_a_project_with_a_retired_head_uses_the_adaptive_one_and_warns_once(
    clf: Classifier, tiny_backbone: Path, retired: str
) -> None:
    teach(clf)
    clf.project.store.set_settings(replace(clf.settings, head=retired, rejection_level=0.05))
    with Classifier(clf.path, backbone=tiny_backbone) as opened:
        assert f"used the head '{retired}', which no longer exists" in opened.notice
        assert (opened.project.model.head_name, opened.settings.rejection_level) == (
            "adaptive",
            0.05,
        )
        assert opened.predict(plain("darkred")).label == "Red"
    with Classifier(clf.path, backbone=tiny_backbone) as again:
        assert again.notice == ""


@pytest.mark.parametrize("head", HEADS)
def test_an_image_unlike_all_examples_is_none_of_these(clf: Classifier, head: str) -> None:
    teach(clf, views=8)
    clf.configure(head=head)
    assert clf.predict(plain("lime")).label is not None, "unless asked, it always answers"
    clf.configure(rejection_level=0.05)
    known, unknown = clf.predict(plain("rgb(255, 35, 0)")), clf.predict(plain("lime"))
    assert known.label == "Red"
    assert known.typicality >= 0.05
    assert (unknown.label, unknown.class_id, unknown.probability) == (None, None, 0)
    assert unknown.typicality < 0.05
    assert unknown.neighbors
    assert sum(unknown.probabilities.values()) == pytest.approx(1)
    clf.configure(rejection_level=0)
    assert clf.predict(plain("lime")).label is not None


def test_one_recording_a_class_is_not_enough_to_abstain(clf: Classifier) -> None:
    for label, color in (("Red", "red"), ("Blue", "blue")):
        for shade in range(5):
            clf.add(label, plain(f"{color}" if shade == 0 else f"dark{color}"), recording=label)
    clf.configure(rejection_level=0.5)
    assert clf.predict(plain("lime")).label is not None


def test_an_evaluation_of_a_project(clf: Classifier) -> None:
    with pytest.raises(InputError, match="at least two classes"):
        clf.evaluate()
    clf.add("Red", plain("red"))
    with pytest.raises(InputError, match="at least two classes"):
        clf.evaluate()
    clf.add("Blue", plain("blue"))
    with pytest.raises(InputError, match="second example of a class"):
        clf.evaluate()
    assert clf.predict(plain("red")).label == "Red"
    teach(clf)
    found = clf.evaluate()
    assert (found.head, found.accuracy) == ("adaptive", 1)
    assert found.labels == ("Red", "Blue")
    assert clf.evaluate("classic").head == "classic"


def test_a_dataset_is_evaluated_with_all_examples(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    files = {
        "red/1.png": plain("darkred"),
        "Blue/1.png": plain("navy"),
        "Blue/2.png": plain("crimson"),
        "Other/1.png": plain("lime"),
        "Blue/notes.txt": b"dear",
    }
    found = clf.evaluate_on(write_tree(tmp_path / "test", files))
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.confusion == ((1, 0), (1, 1))
    with pytest.raises(DatasetError, match="no images of the classes"):
        clf.evaluate_on(write_tree(tmp_path / "none", {"Other/1.png": plain("lime")}))
