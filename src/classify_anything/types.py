"""The values that the classifier gives out. All are frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from classify_anything.errors import ClassifyAnythingError
from classify_anything.notebook import prediction_html

UInt8Array = npt.NDArray[np.uint8]
Float16Array = npt.NDArray[np.float16]
Float32Array = npt.NDArray[np.float32]


def shown(thumbnail: Callable[[int], bytes] | None, example_id: int) -> bytes | None:
    """The picture of an example, if it is at hand."""
    try:
        return thumbnail and thumbnail(example_id)
    except ClassifyAnythingError:  # the project is closed, or the example is gone
        return None


@dataclass(frozen=True, slots=True)
class Class:
    """A thing the project knows: its id never changes, its name may.

    ``color`` is an index from 0 to 7 into the palette of class colours.
    """

    id: int
    name: str
    color: int


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled image. ``created_at`` is in UTC; ``width`` and ``height`` are in pixels."""

    id: int
    class_id: int
    label: str
    recording_id: int
    width: int
    height: int
    sha256: str
    created_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Neighbor:
    """An example that took part in a prediction, with its cosine similarity (at most 1)."""

    example_id: int
    class_id: int
    label: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier says of one image.

    ``label`` is None while nothing is learnt, and for "none of these"; ``probability`` is then 0.
    ``probabilities`` has an entry for each class that has examples, most probable first, and sums
    to 1. ``familiarity`` is the share of the project's own examples that, seen without their
    recording, are less clearly of a class than this image; 1 where there is nothing to compare
    with. It is "none of these" when that is below the project's strictness. ``neighbors`` are
    the examples that decided, nearest first. ``thumbnail`` gives the picture of one of them, by its
    id, as a small JPEG; notebooks show it.
    """

    label: str | None
    probability: float
    probabilities: dict[str, float]
    neighbors: tuple[Neighbor, ...]
    class_id: int | None = None
    familiarity: float = 1.0
    thumbnail: Callable[[int], bytes] | None = field(default=None, repr=False, compare=False)

    def _repr_html_(self) -> str:
        return prediction_html(
            self.label,
            self.probability,
            self.probabilities,
            [
                (one.label, one.similarity, shown(self.thumbnail, one.example_id))
                for one in self.neighbors
            ],
        )

    def __reduce__(self) -> tuple[type[Prediction], tuple[Any, ...]]:
        # Without the thumbnails: they belong to an open project.
        given = (self.label, self.probability, self.probabilities, self.neighbors)
        return Prediction, (*given, self.class_id, self.familiarity)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work has come, in items; ``total`` is None while it is not known.

    ``text`` says what is being done, where that changes on the way.
    """

    done: int
    total: int | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was left out of an import: ``message`` names it and says why."""

    name: str
    message: str
    code: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of an import.

    Attributes:
        examples: the ids of those that were added, in the order of the source.
        known: how many were there already: the same bytes (by sha256) in the same class.
        problems: what was left out.
    """

    examples: tuple[int, ...]
    known: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a project decides; kept in it, for all who use it.

    Attributes:
        head: "adaptive", or "classic" for the votes of the nearest examples.
        strictness: the share of the project's own examples that would be called "none of these",
            were they new: 0 always answers, and the higher, the surer an answer must be.
        backbone: the name or the file of the backbone; empty for the default.
        former: those that were used before, so that one can go back to them.
    """

    head: str = "adaptive"
    strictness: float = 0.0
    backbone: str = ""
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the journal: something that was done, and can be undone or redone."""

    id: int
    text: str
