"""k-nearest neighbours by cosine similarity: the heart of the product."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from classify_anything.errors import InputError
from classify_anything.heads.frozen import Frozen
from classify_anything.heads.memory import Memory
from classify_anything.heads.nearby import Nearby
from classify_anything.heads.protocol import Decision, HeldOut, Int64Array
from classify_anything.types import Float32Array

_SMALLEST_DISTANCE = 1e-5
"""Nearer than this is the same: float32 products are not exact to much less, and a weight must not
hang on their last digit."""

_BLOCK = 64
"""Examples that are compared with all at once."""

_FAMILIAR = 5
"""Familiarity is told by so many of the class's nearest examples."""


class KNeighborsHead(Memory):
    """Classify by the labels of the k most similar examples.

    With ``weights="uniform"`` each neighbour has one vote; this is the classifier of
    Cover and Hart, "Nearest neighbor pattern classification" (1967), and gives what
    ``@tensorflow-models/knn-classifier`` gives. With ``weights="distance"`` a neighbour weighs the
    inverse of its cosine distance, as in scikit-learn, so that one example a class is decided by
    similarity and not by the order of the classes.

    Similarities are float32. Up to a few thousand examples are all compared; of more, a sketch says
    which may be the nearest, and those are. Ties are decided by class order, then by age (the lower
    key).

    Args:
        n_neighbors: k. With fewer examples, all of them vote.
        weights: "uniform" or "distance".
        balanced: whether a vote is divided by the square root of the number of examples of its
            class, so that a class with many does not win by number.

    Attributes:
        classes_: the classes, first seen first (or as ``classes`` gave them).
    """

    def __init__(
        self,
        n_neighbors: int = 3,
        weights: Literal["uniform", "distance"] = "uniform",
        *,
        balanced: bool = False,
    ) -> None:
        super().__init__()
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.balanced = balanced

    def freeze(self) -> Frozen:
        """What it has learnt, as plain numbers. Raises InputError without examples."""
        self._check_fitted()
        order, rows = self._by_class(np.arange(len(self))), self._rows
        return Frozen(
            name="knn",
            taught=self._taught(),
            keys=rows.keys[order],
            codes=rows.codes[order],
            vectors=rows.vectors[order],
            parameters={
                "n_neighbors": min(int(self.n_neighbors), len(self)),
                "weights": self.weights,
                "balanced": self.balanced,
            },
            arrays={"votes": np.asarray(self._votes(), np.float32), "mean": rows.mean},
        )

    def held_out(self) -> HeldOut:
        """What it would say of each example, had it not seen the example's group."""
        self._check_fitted()
        rows, count = self._rows, len(self)
        judged, total = self._judged(), rows.mean * count
        groups, alone = self._left_out(np.arange(count))
        probabilities = np.zeros((len(judged), len(self._codes)), np.float32)
        familiarities = np.zeros(len(judged), np.float32)
        for start in range(0, len(judged), _BLOCK):
            block = judged[start : start + _BLOCK]
            same = groups[block][:, None] == groups
            similarities = np.where(same, -np.inf, rows.vectors[block] @ rows.vectors.T)
            for place, own in enumerate(similarities, start):
                left = np.flatnonzero(own > -np.inf)
                near = Nearby(left, own[left])
                chosen = self._best(near, min(self.n_neighbors, len(left)))
                probabilities[place] = self._vote(
                    left[chosen], near.similarities[chosen], self._votes(left)
                )
                gone = np.flatnonzero(groups == groups[judged[place]])
                familiarities[place] = self._familiarity(
                    rows.vectors[judged[place]],
                    near,
                    int(probabilities[place].argmax()),
                    (total - rows.vectors[gone].sum(axis=0)) / max(len(left), 1),
                )
        return HeldOut(
            rows.keys[judged], rows.codes[judged], probabilities, familiarities, alone[judged]
        )

    def _decide(self, unit: Float32Array, near: Nearby) -> Decision:
        chosen = self._best(near, min(self.n_neighbors, len(self)))
        rows, similarities = near.rows[chosen], near.similarities[chosen]
        probabilities = self._vote(rows, similarities, self._votes())
        familiarity = 0.0
        if len(rows):
            best = int(probabilities.argmax())
            familiarity = self._familiarity(unit, near, best, self._rows.mean)
        return Decision(probabilities, self._rows.keys[rows], similarities, familiarity)

    def _vote(
        self, chosen: Int64Array, similarities: Float32Array, votes: npt.NDArray[np.float64]
    ) -> Float32Array:
        if len(chosen) == 0:
            return np.zeros(len(self._codes), np.float32)
        codes = self._rows.codes[chosen]
        weights = votes[codes]
        if self.weights == "distance":
            weights = weights / np.maximum(1 - similarities, _SMALLEST_DISTANCE)
        given = np.bincount(codes, weights, minlength=len(self._codes))
        return np.asarray(given / given.sum(), np.float32)

    def _votes(self, rows: Int64Array | None = None) -> npt.NDArray[np.float64]:
        """What a vote for each class weighs, [classes], if these rows are all there is."""
        if not self.balanced:
            return np.ones(len(self._codes))
        codes = self._rows.codes if rows is None else self._rows.codes[rows]
        counts = np.bincount(codes, minlength=len(self._codes))
        return 1 / np.sqrt(np.maximum(counts, 1))

    def _familiarity(
        self, unit: Float32Array, near: Nearby, code: int, mean: Float32Array
    ) -> float:
        """The mean similarity to the nearest examples of a class, seen from the examples' mean."""
        own = near.of_class(code, _FAMILIAR, self._rows, unit)
        mine = own.rows
        if len(mine) == 0:
            return -1.0
        if len(mine) > _FAMILIAR:
            mine = mine[np.argpartition(own.similarities, -_FAMILIAR)[-_FAMILIAR:]]
        seen, this = self._rows.vectors[mine] - mean, unit - mean
        lengths = np.sqrt(np.einsum("nd,nd->n", seen, seen) * (this @ this))
        return float((seen @ this / np.maximum(lengths, _SMALLEST_DISTANCE)).mean())

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.weights not in ("uniform", "distance"):
            raise InputError(f"weights must be 'uniform' or 'distance', not {self.weights!r}.")
