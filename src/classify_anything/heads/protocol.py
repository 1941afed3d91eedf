"""The interface of every head, which ``tests/contracts/test_heads.py`` checks."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from classify_anything.types import Float32Array

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Decision:
    """A head's classification of one embedding.

    Attributes:
        probabilities: float32 [classes], in the order of the head's ``classes_``.
        keys: int64 [k], the examples that support it, nearest first.
        similarities: float32 [k], their cosine similarities.
        typicality: how clearly the embedding belongs to the most probable class; comparable only
            within a head.
    """

    probabilities: Float32Array
    keys: Int64Array
    similarities: Float32Array
    typicality: float = 0.0


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A head's predictions for its own examples, each without its group.

    Omits the only example of a class: without it, the class does not exist.

    Attributes:
        keys: int64 [n], the examples.
        codes: int64 [n], their classes, as places in ``classes_``.
        probabilities: float32 [n, classes].
        typicalities: float32 [n], as in a decision.
        single_recording: bool [n], whether only the example itself was left out, because all
            examples of its class are one group; its prediction is then too optimistic.
    """

    keys: Int64Array
    codes: Int64Array
    probabilities: Float32Array
    typicalities: Float32Array
    single_recording: npt.NDArray[np.bool_]


class Head(Protocol):
    """A classifier over embeddings that adds and removes one example at a time."""

    @property
    def classes_(self) -> npt.NDArray[Any]: ...

    def __len__(self) -> int: ...

    def partial_fit(
        self,
        X: npt.ArrayLike,
        y: Sequence[Hashable],
        keys: Iterable[int] | None = None,
        classes: Sequence[Hashable] | None = None,
        groups: Iterable[int] | None = None,
    ) -> Self: ...

    def remove(self, keys: Iterable[int]) -> None: ...

    def kneighbors(
        self, X: npt.ArrayLike, n_neighbors: int | None = None
    ) -> tuple[Float32Array, Int64Array]: ...

    def decide(self, embedding: npt.ArrayLike) -> Decision: ...

    def decide_many(self, X: npt.ArrayLike) -> list[Decision]: ...

    def predict_proba(self, X: npt.ArrayLike) -> Float32Array: ...

    def held_out(self) -> HeldOut: ...

    def examples(self) -> tuple[list[int], Float32Array]: ...
