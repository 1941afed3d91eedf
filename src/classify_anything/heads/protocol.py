"""What every head can do. ``tests/contracts/test_heads.py`` holds each of them to it."""

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
    """What a head says of one embedding.

    Attributes:
        probabilities: float32 [classes], in the order of the head's ``classes_``; empty, not an
            error, while nothing is learnt.
        keys: int64 [k], the examples that speak for it, nearest first: of k-NN those that voted,
            of other heads those of the most probable class that it is most like.
        similarities: float32 [k], their cosine similarities.
        familiarity: how clearly the embedding belongs to the most probable class; it can only be
            compared with others of the same head.
    """

    probabilities: Float32Array
    keys: Int64Array
    similarities: Float32Array
    familiarity: float = 0.0


def nothing_known(classes: int) -> Decision:
    """What a head says while it has no examples."""
    return Decision(np.zeros(classes, np.float32), np.empty(0, np.int64), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a head says of its own examples, each without the group that it belongs to.

    The only example of a class is not among them: without it there is no such class.

    Attributes:
        keys: int64 [n], the examples.
        codes: int64 [n], their classes, as places in ``classes_``.
        probabilities: float32 [n, classes].
        familiarities: float32 [n], as in a decision.
        alone: bool [n], whether only the example itself was left out, since all examples of its
            class are one group; what is said of it is then too good.
    """

    keys: Int64Array
    codes: Int64Array
    probabilities: Float32Array
    familiarities: Float32Array
    alone: npt.NDArray[np.bool_]


class Head(Protocol):
    """A classifier over embeddings that learns and forgets one example at a time."""

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
