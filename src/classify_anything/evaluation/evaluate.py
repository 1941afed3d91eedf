"""Evaluate a head, predicting each example without its own recording."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from classify_anything.errors import InputError, SettingError
from classify_anything.heads import Head, HeldOut, KNeighborsHead
from classify_anything.notebook import evaluation_html
from classify_anything.types import Float32Array, shown

HEADS: dict[str, Callable[[], Head]] = {
    "adaptive": KNeighborsHead,
    "classic": lambda: KNeighborsHead(metric="cosine"),
}
"""The heads by name, the default first."""

RETIRED_HEADS = ("knn", "means", "ridge", "auto")
"""Heads of earlier versions, which stored projects may name. The adaptive head replaces them."""

_BINS = 10
_MOST_SHOWN = 12
_SMALLEST = 1e-12
_Z_95 = 1.96
"""Standard normal quantile of a 95 % interval."""

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The prediction of one example without its recording."""

    example_id: int
    class_id: int
    predicted: int
    probability: float


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """The accuracy of one class.

    Attributes:
        accuracy: None if no example could be evaluated: without its only example, a class does not
            exist.
        interval: its 95 % interval, see ``Evaluation``.
        examples: the number of evaluated examples.
        single_recording: whether all of them are one recording. Each was then compared with its
            own near copies, so the accuracy is too optimistic.
    """

    label: str
    accuracy: float | None
    interval: tuple[float, float] | None
    examples: int
    recordings: int
    single_recording: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The accuracy of a head.

    Attributes:
        head: its name.
        accuracy: the share of examples predicted correctly without their recording.
        interval: its 95 % interval (Wilson, 1927), with a recording as one trial.
        per_class: one entry per class, in the order of the classes.
        confusion: [classes][classes], the number of examples of a class (row) predicted as another
            (column).
        labels, class_ids: of its rows and columns.
        calibration_error: the expected calibration error in ten bins (Naeini et al., 2015).
        outcomes: one entry per example.
        trials: the number of recordings.
        thumbnail: returns an example as a small JPEG, by id, for notebooks.
    """

    head: str
    accuracy: float
    interval: tuple[float, float]
    per_class: tuple[ClassAccuracy, ...]
    confusion: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]
    class_ids: tuple[int, ...]
    calibration_error: float
    outcomes: tuple[Outcome, ...]
    trials: int
    thumbnail: Callable[[int], bytes] | None = field(default=None, repr=False, compare=False)

    def _repr_html_(self) -> str:
        names = dict(zip(self.class_ids, self.labels, strict=True))
        low, high = self.interval
        wrong = [one for one in self.outcomes if one.predicted != one.class_id]
        return evaluation_html(
            f"{self.accuracy:.0%} accuracy (95% confidence interval: {low:.0%} to {high:.0%})",
            [
                (
                    item.label,
                    f"{item.accuracy:.0%}{'*' if item.single_recording else ''}",
                    item.examples,
                )
                for item in self.per_class
                if item.accuracy is not None
            ],
            self.labels,
            self.confusion,
            [
                (names[one.predicted], one.probability, shown(self.thumbnail, one.example_id))
                for one in wrong[:_MOST_SHOWN]
            ],
        )


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The examples of a project, to fit a head to.

    Attributes:
        vectors: float32 [n, d].
        class_ids, keys, groups: [n]; a group is a recording.
        labels: names by class id, in the order of the classes.
        views: float [v, d] by key, the embeddings of an example's augmented views, if it has any.
    """

    vectors: Float32Array
    class_ids: Sequence[int]
    keys: Sequence[int]
    groups: Sequence[int]
    labels: Mapping[int, str]
    views: Mapping[int, npt.NDArray[np.floating]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[int, int]:
        """The number of examples of each class, in the order of the classes."""
        own = Counter(self.class_ids)
        return {class_id: own[class_id] for class_id in self.labels}

    def fit(self, name: str, head: Head | None = None) -> Head:
        """Fit a new head of that name, or the given one. Raises SettingError."""
        head = make_head(name) if head is None else head
        head.partial_fit(self.vectors, self.class_ids, self.keys, list(self.labels), self.groups)
        if isinstance(head, KNeighborsHead):
            head.add_views(self.views)
        return head


def make_head(name: str) -> Head:
    """Return a new head by name. Raises SettingError."""
    if name not in HEADS:
        raise SettingError(f"Unknown head {name!r}. Choose {' or '.join(HEADS)}.")
    return HEADS[name]()


def evaluate(training_set: TrainingSet, name: str, head: Head | None = None) -> Evaluation:
    """Predict each example without its recording, and count correct predictions.

    In a class with only one recording, only the example itself is left out; see
    ``ClassAccuracy.single_recording``. The only example of a class is skipped.

    Args:
        training_set: the examples.
        name: of the head.
        head: a new one, if it is not one of ``HEADS``.

    Raises:
        SettingError: the head is unknown.
        InputError: fewer than two classes have examples, or none has two.
    """
    if len(set(training_set.class_ids)) < 2:
        raise InputError("Add examples of at least two classes first.")
    held = training_set.fit(name, head).held_out()
    if not len(held.keys):
        raise InputError("Add a second example of a class first.")
    groups = dict(zip(training_set.keys, training_set.groups, strict=True))
    return summarize(name, held, [groups[key] for key in held.keys.tolist()], training_set.labels)


def summarize(
    head: str, held: HeldOut, groups: Sequence[int], labels: Mapping[int, str]
) -> Evaluation:
    """Evaluate held-out predictions; ``groups``, [n], are the recordings of the examples."""
    ids = list(labels)
    group_of = np.asarray(groups)
    predicted = held.probabilities.argmax(axis=1)
    correct = predicted == held.codes
    confusion = np.zeros((len(ids), len(ids)), np.int64)
    np.add.at(confusion, (held.codes, predicted), 1)
    accuracy, trials = float(correct.mean()), len(np.unique(group_of))
    return Evaluation(
        head=head,
        accuracy=accuracy,
        interval=_wilson(accuracy, trials),
        trials=trials,
        per_class=tuple(
            _of_class(labels[class_id], correct[mine], group_of[mine], held.single_recording[mine])
            for code, class_id in enumerate(ids)
            for mine in [held.codes == code]
        ),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        labels=tuple(labels.values()),
        class_ids=tuple(ids),
        calibration_error=calibration_error(held.probabilities, held.codes),
        outcomes=tuple(
            Outcome(key, ids[code], ids[guess], float(probability))
            for key, code, guess, probability in zip(
                held.keys.tolist(),
                held.codes.tolist(),
                predicted.tolist(),
                held.probabilities.max(axis=1),
                strict=True,
            )
        ),
    )


def _of_class(
    label: str,
    correct: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.int64],
    single_recording: npt.NDArray[np.bool_],
) -> ClassAccuracy:
    """Evaluate the examples of one class, each [n]."""
    recordings = len(np.unique(groups))
    accuracy = float(correct.mean()) if len(correct) else None
    return ClassAccuracy(
        label=label,
        accuracy=accuracy,
        interval=None if accuracy is None else _wilson(accuracy, recordings),
        examples=len(correct),
        recordings=recordings,
        single_recording=bool(single_recording.any()),
    )


def plane(vectors: Float32Array) -> Float32Array:
    """Project vectors [n, d] onto their first two principal components (Pearson, 1901).

    Returns float32 [n, 2] from -1 to 1, at the same scale in both directions.
    """
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2), np.float32)
    centred = vectors - vectors.mean(axis=0)
    basis = np.random.default_rng(0).standard_normal((centred.shape[1], 8)).astype(np.float32)
    # A few rounds of subspace iteration suffice for two directions.
    for _ in range(6):
        basis, _ = np.linalg.qr(centred.T @ (centred @ basis))
    _, _, rotation = np.linalg.svd(centred @ basis, full_matrices=False)
    axes = basis @ rotation[:2].T
    # An axis and its mirror image are equally good: always choose the same one.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    places = centred @ axes
    return np.asarray(places / max(float(np.abs(places).max()), _SMALLEST), np.float32)


def calibration_error(probabilities: Float32Array, codes: Int64Array) -> float:
    """Return the expected calibration error of probabilities [n, classes] for classes [n]."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == codes
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(bins, correct - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(codes))


def _wilson(share: float, trials: int) -> tuple[float, float]:
    z2 = _Z_95**2 / trials
    centre = (share + z2 / 2) / (1 + z2)
    half = _Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials)) / (1 + z2)
    # A share of 0 or 1 is a bound itself, which rounding may miss.
    return min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)
