"""Public values. All are immutable."""

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
    """Return the thumbnail of an example, if available."""
    try:
        return thumbnail and thumbnail(example_id)
    except ClassifyAnythingError:  # the project is closed, or the example is gone
        return None


@dataclass(frozen=True, slots=True)
class Class:
    """A class. Its id never changes.

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
    """The classification of one image.

    Attributes:
        label: the class; None without examples, and for "none of these".
        probability: of ``label``; 0 if it is None.
        probabilities: of each class with examples, most probable first; they sum to 1.
        neighbors: the examples that support it, nearest first.
        class_id: of ``label``.
        typicality: the share of the project's examples that, without their recording, belong less
            clearly to a class than this image; 1 if there are none to compare with. Below the
            project's rejection level, the image is "none of these".
        thumbnail: returns an example as a small JPEG, by id, for notebooks.
    """

    label: str | None
    probability: float
    probabilities: dict[str, float]
    neighbors: tuple[Neighbor, ...]
    class_id: int | None = None
    typicality: float = 1.0
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
        # Without the thumbnails, which need the open project.
        values = (self.label, self.probability, self.probabilities, self.neighbors)
        return Prediction, (*values, self.class_id, self.typicality)


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a long task, in items; ``total`` is None if unknown.

    ``text`` describes the current step, if there are several.
    """

    done: int
    total: int | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that an import skipped; ``message`` gives its name and the reason."""

    name: str
    message: str
    code: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of an import.

    Attributes:
        examples: the ids of the added examples, in the order of the source.
        known: the number of duplicates: the same bytes (by sha256) in the same class.
        problems: the skipped files.
    """

    examples: tuple[int, ...]
    known: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a project, stored in it.

    Attributes:
        head: "adaptive", or "classic" for the votes of the nearest examples.
        rejection_level: the share of the project's examples that would be "none of these" if they
            were new. At 0, every image is assigned to a class.
        backbone: the name or the file of the backbone; empty for the default.
        former: backbones used before, to go back to.
    """

    head: str = "adaptive"
    rejection_level: float = 0.0
    backbone: str = ""
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the journal, which can be undone or redone."""

    id: int
    text: str
