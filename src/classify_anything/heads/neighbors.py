"""Exact k-nearest neighbours by cosine similarity: the heart of the product."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from classify_anything.errors import InputError
from classify_anything.heads.protocol import Decision, Int64Array
from classify_anything.heads.rows import Rows, unit_rows
from classify_anything.types import Float32Array

_TIE = 1e-6
"""Similarities that differ by less are the same number: a float32 product of 1280 terms is not
exact to more, and which of two equal rows comes out higher depends on where they lie in memory."""

_SMALLEST_DISTANCE = float(np.finfo(np.float32).eps)


class KNeighborsHead:
    """Classify by the labels of the k most similar examples.

    With ``weights="uniform"`` each neighbour has one vote; this is the classifier of
    Cover and Hart, "Nearest neighbor pattern classification" (1967), and gives what
    ``@tensorflow-models/knn-classifier`` gives. With ``weights="distance"`` a neighbour weighs the
    inverse of its cosine distance, as in scikit-learn, so that one example a class is decided by
    similarity and not by the order of the classes.

    Similarities are float32. Ties are decided by class order, then by age (the lower key).

    Args:
        n_neighbors: k. With fewer examples, all of them vote.
        weights: "uniform" or "distance".

    Attributes:
        classes_: the classes, first seen first (or as ``classes`` gave them).
    """

    def __init__(
        self, n_neighbors: int = 3, weights: Literal["uniform", "distance"] = "uniform"
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self._rows = Rows()
        self._codes: dict[Hashable, int] = {}
        self._next_key = 0

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The classes, [classes]."""
        return np.asarray(list(self._codes))

    def __len__(self) -> int:
        """The number of examples."""
        return len(self._rows)

    def __contains__(self, key: int) -> bool:
        return key in self._rows

    def fit(self, X: npt.ArrayLike, y: Sequence[Hashable]) -> Self:
        """Forget everything, then learn X, float [n, d], with labels y, [n]."""
        self.clear()
        return self.partial_fit(X, y)

    def partial_fit(
        self,
        X: npt.ArrayLike,
        y: Sequence[Hashable],
        keys: Iterable[int] | None = None,
        classes: Sequence[Hashable] | None = None,
    ) -> Self:
        """Learn more examples; amortised O(d) each, and nothing learnt before is copied.

        Args:
            X: float [n, d] embeddings; they are divided by their length.
            y: [n] labels.
            keys: [n] numbers that name the examples, ascending with age; counted on by default.
            classes: all classes in their order; those without examples get the probability 0.

        Raises:
            InputError: n_neighbors or weights cannot be, a key is used twice, lengths differ.
            EmbeddingError: a row is zero, not finite, or of another dimension. Nothing is learnt.
        """
        self._check_parameters()
        rows = np.asarray(X, dtype=np.float32)
        new_keys = np.fromiter(range(self._next_key, self._next_key + len(rows)), np.int64)
        if keys is not None:
            new_keys = np.fromiter(keys, np.int64)
        labels = list(y)
        if not len(rows) == len(labels) == len(new_keys):
            raise InputError(
                f"{len(rows)} embeddings, {len(labels)} labels and {len(new_keys)} keys were given."
            )
        if len(set(new_keys.tolist())) < len(new_keys) or any(
            k in self._rows for k in new_keys.tolist()
        ):
            raise InputError("Two examples have the same key.")
        units = unit_rows(rows, self._rows.dimension) if len(rows) else None
        if classes is not None:
            self._reorder(classes, labels)
        for label in labels:
            self._codes.setdefault(label, len(self._codes))
        if units is not None:
            codes = np.fromiter((self._codes[label] for label in labels), np.int64, len(labels))
            self._rows.append(units, new_keys, codes)
            self._next_key = max(self._next_key, int(new_keys.max()) + 1)
        return self

    def remove(self, keys: Iterable[int]) -> None:
        """Forget the examples with these keys; the class stays. Raises NotFoundError."""
        self._rows.remove(keys)

    def remove_class(self, label: Hashable) -> None:
        """Forget a class and all its examples. Raises InputError for an unknown one."""
        if label not in self._codes:
            raise InputError(f"No class {label!r}. Classes: {list(self._codes)!r}.")
        self._rows.remove(self._rows.keys[self._rows.codes == self._codes[label]].tolist())
        self._reorder([known for known in self._codes if known != label], [])

    def clear(self) -> None:
        """Forget everything; the head stays usable."""
        self._rows, self._codes, self._next_key = Rows(), {}, 0

    def decide(self, embedding: npt.ArrayLike) -> Decision:
        """Classify one embedding, float [d], and name the examples that decided.

        With no examples the decision has no neighbours and every probability is 0.

        Raises:
            EmbeddingError: it is zero, not finite, or of another dimension.
        """
        unit = unit_rows(np.asarray(embedding, dtype=np.float32)[None], self._rows.dimension)[0]
        chosen, similarities = self._nearest(unit, self.n_neighbors)
        return Decision(self._vote(chosen, similarities), self._rows.keys[chosen], similarities)

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """The class of each row of X, float [n, d] → [n]. Raises InputError without examples."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def predict_proba(self, X: npt.ArrayLike) -> Float32Array:
        """Probabilities, float [n, d] → float32 [n, classes]. Raises InputError if empty."""
        self._check_fitted()
        units = unit_rows(X, self._rows.dimension)
        votes = [self._vote(*self._nearest(unit, self.n_neighbors)) for unit in units]
        return np.stack(votes) if votes else np.empty((0, len(self._codes)), np.float32)

    def kneighbors(
        self,
        X: npt.ArrayLike,
        n_neighbors: int | None = None,
    ) -> tuple[Float32Array, Int64Array]:
        """Cosine distances and keys of the nearest examples, each [n, min(k, examples)]."""
        self._check_fitted()
        count = self.n_neighbors if n_neighbors is None else n_neighbors
        found = [self._nearest(unit, count) for unit in unit_rows(X, self._rows.dimension)]
        shape = (len(found), min(count, len(self)))
        distances = np.array([1 - similarities for _, similarities in found], np.float32)
        keys = np.array([self._rows.keys[chosen] for chosen, _ in found], np.int64)
        return distances.reshape(shape), keys.reshape(shape)

    def _nearest(self, unit: Float32Array, count: int) -> tuple[Int64Array, Float32Array]:
        """Rows and similarities of the nearest examples, ties by class order, then by age."""
        count = min(count, len(self))
        if count == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        similarities = self._rows.vectors @ unit
        last = np.partition(similarities, len(similarities) - count)[-count]
        near = np.flatnonzero(similarities >= last - _TIE)
        near = near[np.argsort(-similarities[near])]
        rank = np.cumsum(np.diff(similarities[near], prepend=np.float32(np.inf)) < -_TIE)
        order = np.lexsort((self._rows.keys[near], self._rows.codes[near], rank))
        chosen = near[order[:count]]
        return chosen, similarities[chosen]

    def _vote(self, chosen: Int64Array, similarities: Float32Array) -> Float32Array:
        if len(chosen) == 0:
            return np.zeros(len(self._codes), np.float32)
        weights = None
        if self.weights == "distance":
            weights = 1 / np.maximum(1 - similarities, _SMALLEST_DISTANCE)
        votes = np.bincount(self._rows.codes[chosen], weights, minlength=len(self._codes))
        return np.asarray(votes / votes.sum(), np.float32)

    def _reorder(self, classes: Sequence[Hashable], also: Sequence[Hashable]) -> None:
        """Take a new order of classes. Classes that still have examples must be among them."""
        order = {label: code for code, label in enumerate(dict.fromkeys([*classes, *also]))}
        if list(order) == list(self._codes):
            return
        used = set(self._rows.codes.tolist())
        lost = [label for label, code in self._codes.items() if code in used and label not in order]
        if lost:
            raise InputError(f"Classes with examples cannot be left out: {lost!r}.")
        if self._codes:
            self._rows.recode(np.array([order.get(label, -1) for label in self._codes], np.int64))
        self._codes = order

    def _check_parameters(self) -> None:
        if not isinstance(self.n_neighbors, int | np.integer) or self.n_neighbors < 1:
            raise InputError(
                f"n_neighbors must be a whole number from 1, not {self.n_neighbors!r}."
            )
        if self.weights not in ("uniform", "distance"):
            raise InputError(f"weights must be 'uniform' or 'distance', not {self.weights!r}.")

    def _check_fitted(self) -> None:
        self._check_parameters()
        if not len(self):
            raise InputError("The head has no examples yet: add one first.")
