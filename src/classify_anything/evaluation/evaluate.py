"""How often a head is right, told honestly: no example is judged by its own recording."""

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
"""The heads by their names, the default first."""

RETIRED_HEADS = ("knn", "means", "ridge", "auto")
"""Heads of earlier versions, which a project may still name. The adaptive one replaces them."""

_BINS = 10
_MOST_SHOWN = 12
_SMALLEST = 1e-12
_Z = 1.96
"""Of a 95 % interval."""

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of one example without its recording."""

    example_id: int
    class_id: int
    predicted: int
    probability: float


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """How often the examples of a class were recognised.

    ``accuracy`` is None where none could be judged: a class with one example is unknown without it.
    ``interval`` is as that of an ``Evaluation``. ``examples`` are those that were judged. ``alone``
    tells that all of them are one recording, so that each could only be judged by its own near
    copies: the number is too good.
    """

    label: str
    accuracy: float | None
    interval: tuple[float, float] | None
    examples: int
    recordings: int
    alone: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a head is on the project's own examples.

    Attributes:
        head: its name.
        accuracy: the share of examples that were recognised without their recording.
        interval: the 95 % interval of it (Wilson, 1927), where a recording counts as one trial.
        per_class: one entry a class, in the order of the classes.
        confusion: [classes][classes], how many of a class (row) were taken for another (column).
        labels, class_ids: of its rows and columns.
        calibration_error: how far the probabilities are from the accuracy, on average (the
            expected calibration error in ten bins; Naeini et al., 2015).
        outcomes: one entry an example.
        trials: how many recordings were judged.
        thumbnail: gives the picture of an example, by its id, as a small JPEG; notebooks show it.
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
            f"{self.accuracy:.0%} right, between {low:.0%} and {high:.0%}",
            [
                (item.label, f"{item.accuracy:.0%}{'*' if item.alone else ''}", item.examples)
                for item in self.per_class
                if item.accuracy is not None
            ],
            self.labels,
            self.confusion,
            [
                (
                    names[one.predicted],
                    one.probability,
                    shown(self.thumbnail, one.example_id),
                )
                for one in wrong[:_MOST_SHOWN]
            ],
        )


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The examples of a project, as a head learns them.

    Attributes:
        vectors: float32 [n, d].
        class_ids, keys, groups: [n]; a group is a recording.
        labels: names by class id, in the order of the classes.
        views: float [v, d] by key, the embeddings of an example's augmented views; not every
            example has any.
    """

    vectors: Float32Array
    class_ids: Sequence[int]
    keys: Sequence[int]
    groups: Sequence[int]
    labels: Mapping[int, str]
    views: Mapping[int, npt.NDArray[np.floating]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[int, int]:
        """How many examples each class has, in the order of the classes."""
        own = Counter(self.class_ids)
        return {class_id: own[class_id] for class_id in self.labels}

    def taught(self, name: str, head: Head | None = None) -> Head:
        """Fit a head: a new one of that name, or the one that is given. Raises SettingError."""
        head = make_head(name) if head is None else head
        head.partial_fit(self.vectors, self.class_ids, self.keys, list(self.labels), self.groups)
        if isinstance(head, KNeighborsHead):
            head.add_views(self.views)
        return head


def make_head(name: str) -> Head:
    """Return a new head by its name. Raises SettingError."""
    if name not in HEADS:
        raise SettingError(f"Unknown head {name!r}. Choose {' or '.join(HEADS)}.")
    return HEADS[name]()


def evaluate(training_set: TrainingSet, name: str, head: Head | None = None) -> Evaluation:
    """Judge a head by what it says of each example without the example's recording.

    Where a class has only one recording, only the example itself is left out, and that is said. The
    only example of a class is not judged.

    Args:
        training_set: the examples.
        name: of the head.
        head: a new one, if it is not one of ``HEADS``.

    Raises:
        SettingError: there is no such head.
        InputError: fewer than two classes have examples, or none has two.
    """
    if len(set(training_set.class_ids)) < 2:
        raise InputError("There is nothing to tell apart yet: add examples of two classes.")
    held = training_set.taught(name, head).held_out()
    if not len(held.keys):
        raise InputError("There is nothing to judge by yet: add a second example of a class.")
    groups = dict(zip(training_set.keys, training_set.groups, strict=True))
    return summarize(name, held, [groups[key] for key in held.keys.tolist()], training_set.labels)


def summarize(
    head: str, held: HeldOut, groups: Sequence[int], labels: Mapping[int, str]
) -> Evaluation:
    """Count what was said of examples; ``groups``, [n], are their recordings, one trial each."""
    ids = list(labels)
    group_of = np.asarray(groups)
    predicted = held.probabilities.argmax(axis=1)
    right = predicted == held.codes
    confusion = np.zeros((len(ids), len(ids)), np.int64)
    np.add.at(confusion, (held.codes, predicted), 1)
    accuracy, trials = float(right.mean()), len(np.unique(group_of))
    return Evaluation(
        head=head,
        accuracy=accuracy,
        interval=_wilson(accuracy, trials),
        trials=trials,
        per_class=tuple(
            _of_class(labels[class_id], right[mine], group_of[mine], held.alone[mine])
            for code, class_id in enumerate(ids)
            for mine in [held.codes == code]
        ),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        labels=tuple(labels.values()),
        class_ids=tuple(ids),
        calibration_error=calibration_error(held.probabilities, held.codes),
        outcomes=tuple(
            Outcome(key, ids[code], ids[said], float(probability))
            for key, code, said, probability in zip(
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
    right: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.int64],
    alone: npt.NDArray[np.bool_],
) -> ClassAccuracy:
    """Of the examples of one class, each [n]."""
    recordings = len(np.unique(groups))
    accuracy = float(right.mean()) if len(right) else None
    return ClassAccuracy(
        label=label,
        accuracy=accuracy,
        interval=None if accuracy is None else _wilson(accuracy, recordings),
        examples=len(right),
        recordings=recordings,
        alone=bool(alone.any()),
    )


def plane(vectors: Float32Array) -> Float32Array:
    """Vectors [n, d] laid into the plane, [n, 2] from -1 to 1, so that near ones stay near.

    They are the first two principal components (Pearson, 1901), each scaled by the widest.
    """
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2), np.float32)
    centred = vectors - vectors.mean(axis=0)
    random = np.random.default_rng(0).standard_normal((centred.shape[1], 8)).astype(np.float32)
    # A few rounds of subspace iteration: only two directions are asked for.
    basis = random
    for _ in range(6):
        basis, _ = np.linalg.qr(centred.T @ (centred @ basis))
    _, _, turned = np.linalg.svd(centred @ basis, full_matrices=False)
    axes = basis @ turned[:2].T
    # An axis and its mirror image are as good: the same one is taken each time.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    places = centred @ axes
    return np.asarray(places / max(float(np.abs(places).max()), _SMALLEST), np.float32)


def calibration_error(probabilities: Float32Array, codes: Int64Array) -> float:
    """The expected calibration error of probabilities [n, classes] for the true classes [n]."""
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == codes
    places = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(places, right - sure, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(codes))


def _wilson(share: float, trials: int) -> tuple[float, float]:
    spread = _Z**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    # A share of all or of nothing is a bound itself, which rounding may miss.
    return min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)
