"""What every head does with its examples: it keeps them, and finds the nearest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from classify_anything.errors import InputError
from classify_anything.heads.estimator import ClassifierEstimator, labels, table
from classify_anything.heads.frozen import Frozen
from classify_anything.heads.nearby import Nearby, nearby
from classify_anything.heads.protocol import Decision, HeldOut, Int64Array
from classify_anything.heads.rows import Rows, unit_rows
from classify_anything.types import Float32Array

MOST_JUDGED = 1500
"""So many examples tell how good a head is; of more, these are taken evenly of all classes."""

_TIE = 1e-6
"""Similarities that differ by less are the same number: a float32 product of 1280 terms is not
exact to more, and which of two equal rows comes out higher depends on where they lie in memory."""


class Memory(ClassifierEstimator, ABC):
    """Base of the heads: examples as unit vectors, learnt and forgotten one at a time.

    A head says in ``_decide`` what it makes of a unit vector.

    Attributes:
        n_neighbors: how many of the nearest examples are named for a decision.
        classes_: the classes, first seen first (or as ``classes`` gave them).
    """

    n_neighbors: int

    def __init__(self) -> None:
        self._rows = Rows()
        self._codes: dict[Hashable, int] = {}
        self._next_key = 0

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The classes, [classes]."""
        return np.asarray(list(self._codes))

    @property
    def n_features_in_(self) -> int:
        """d, once there are examples."""
        if self._rows.dimension is None:
            raise AttributeError("n_features_in_ is known once there are examples.")
        return self._rows.dimension

    def __len__(self) -> int:
        """The number of examples."""
        return len(self._rows)

    def __contains__(self, key: int) -> bool:
        return key in self._rows

    def fit(self, X: npt.ArrayLike, y: Sequence[Hashable]) -> Self:
        """Forget everything, then learn X, float [n, d], with labels y, [n].

        As in scikit-learn, the classes are then in sorted order.
        """
        rows, named = table(X, self), labels(y, self)
        self.clear()
        return self.partial_fit(rows, named, classes=np.unique(np.asarray(named)).tolist())

    def partial_fit(
        self,
        X: npt.ArrayLike,
        y: Sequence[Hashable],
        keys: Iterable[int] | None = None,
        classes: Sequence[Hashable] | None = None,
        groups: Iterable[int] | None = None,
    ) -> Self:
        """Learn more examples; amortised O(d) each, and nothing learnt before is copied.

        Args:
            X: float [n, d] embeddings; they are divided by their length.
            y: [n] labels.
            keys: [n] numbers that name the examples, ascending with age; counted on by default.
            classes: all classes in their order; those without examples get the probability 0.
            groups: [n] numbers, the same for examples that are near copies, as those of one
                recording; ``held_out`` leaves out a group at a time. By default each is alone.

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
            alone = -1 - new_keys
            own = alone if groups is None else np.fromiter(groups, np.int64, len(labels))
            self._rows.append(units, new_keys, codes, own)
            self._next_key = max(self._next_key, int(new_keys.max()) + 1)
        self._changed()
        return self

    def remove(self, keys: Iterable[int]) -> None:
        """Forget the examples with these keys; the class stays. Raises NotFoundError."""
        self._forgotten(self._rows.remove(keys))

    def remove_class(self, label: Hashable) -> None:
        """Forget a class and all its examples. Raises InputError for an unknown one."""
        if label not in self._codes:
            raise InputError(f"No class {label!r}. Classes: {list(self._codes)!r}.")
        self.remove(self._rows.keys[self._rows.codes == self._codes[label]].tolist())
        self._reorder([known for known in self._codes if known != label], [])

    def clear(self) -> None:
        """Forget everything; the head stays usable."""
        self._rows, self._codes, self._next_key = Rows(), {}, 0
        self._moved()

    def decide(self, embedding: npt.ArrayLike) -> Decision:
        """Classify one embedding, float [d], and name the nearest examples.

        With no examples the decision has no neighbours and every probability is 0.

        Raises:
            EmbeddingError: it is zero, not finite, or of another dimension.
        """
        return self.decide_many(np.asarray(embedding, dtype=np.float32)[None])[0]

    def decide_many(self, X: npt.ArrayLike) -> list[Decision]:
        """Classify embeddings, float [n, d]: quicker than one by one."""
        units = unit_rows(X, self._rows.dimension)
        if not len(self):
            nothing = Nearby(np.empty(0, np.int64), np.empty(0, np.float32))
            return [self._decide(unit, nothing) for unit in units]
        near = nearby(self._rows, units, self.n_neighbors)
        return [self._decide(*pair) for pair in zip(units, near, strict=True)]

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """The class of each row of X, float [n, d] → [n]. Raises InputError without examples."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def predict_proba(self, X: npt.ArrayLike) -> Float32Array:
        """Probabilities, float [n, d] → float32 [n, classes]. Raises InputError if empty."""
        units = self._query(X)
        found = [decision.probabilities for decision in self.decide_many(units)]
        return np.stack(found) if found else np.empty((0, len(self._codes)), np.float32)

    def kneighbors(
        self,
        X: npt.ArrayLike,
        n_neighbors: int | None = None,
    ) -> tuple[Float32Array, Int64Array]:
        """Cosine distances and keys of the nearest examples, each [n, min(k, examples)]."""
        units = self._query(X)
        count = self.n_neighbors if n_neighbors is None else n_neighbors
        count = min(count, len(self))
        distances = np.empty((len(units), count), np.float32)
        keys = np.empty((len(units), count), np.int64)
        for place, near in enumerate(nearby(self._rows, units, count)):
            chosen = self._best(near, count)
            distances[place] = 1 - near.similarities[chosen]
            keys[place] = self._rows.keys[near.rows[chosen]]
        return distances, keys

    def _best(self, nearby: Nearby, count: int) -> Int64Array:
        """The places with the highest similarities, ties by class order, then by age."""
        if count <= 0:
            return np.empty(0, np.int64)
        last = np.partition(nearby.similarities, len(nearby.similarities) - count)[-count]
        places = np.flatnonzero(nearby.similarities >= last - _TIE)
        rows = nearby.rows[places]
        found = zip(  # few, so that plain numbers are quicker than arrays
            nearby.similarities[places].tolist(),
            self._rows.codes[rows].tolist(),
            self._rows.keys[rows].tolist(),
            places.tolist(),
            strict=True,
        )
        step, before = 0, np.inf
        ordered = []
        for similarity, code, key, place in sorted(found, key=lambda one: -one[0]):
            step += before - similarity > _TIE
            before = similarity
            ordered.append((step, code, key, place))
        return np.array([place for *_, place in sorted(ordered)[:count]], np.int64)

    def _most_like(
        self, near: Nearby, unit: Float32Array, code: int
    ) -> tuple[Int64Array, Float32Array]:
        """Keys and similarities of the examples of a class that a unit vector is most like."""
        own = near.of_class(code, self.n_neighbors, self._rows, unit)
        chosen = self._best(own, min(self.n_neighbors, len(own.rows)))
        return self._rows.keys[own.rows[chosen]], own.similarities[chosen]

    def examples(self) -> tuple[list[int], Float32Array]:
        """The keys [n] and the unit vectors, float32 [n, d], oldest first."""
        order = np.argsort(self._rows.keys)
        return self._rows.keys[order].tolist(), self._rows.vectors[order]

    @abstractmethod
    def freeze(self) -> Frozen:
        """What it has learnt, as plain numbers. Raises InputError without examples."""

    @abstractmethod
    def held_out(self) -> HeldOut:
        """What it would say of each example, had it not seen the example's group.

        Where all examples of a class are one group, only the example itself is left out. The only
        example of a class cannot be judged: without it there is no such class.
        """

    @abstractmethod
    def _decide(self, unit: Float32Array, near: Nearby) -> Decision:
        """Classify a unit vector [d], of which the most similar examples are known."""

    def _left_out(self, rows: Int64Array) -> tuple[Int64Array, npt.NDArray[np.bool_]]:
        """For each of these rows what is left out with it, as a number, and if it is alone."""
        groups, codes = self._rows.groups[rows], self._rows.codes[rows]
        pairs = np.unique(np.stack([codes, groups]), axis=1)
        lone = np.flatnonzero(np.bincount(pairs[0], minlength=len(self._codes)) == 1)
        sizes = np.bincount(codes, minlength=len(self._codes))
        alone = np.isin(codes, lone) & (sizes[codes] > 1)
        groups[alone] = groups.max(initial=0) + 1 + np.arange(int(alone.sum()))
        return groups, alone

    def _has_others(self, rows: Int64Array) -> npt.NDArray[np.bool_]:
        """Which of these rows have another one of their class among them, so can be judged."""
        codes = self._rows.codes[rows]
        counts: npt.NDArray[np.int64] = np.bincount(codes, minlength=len(self._codes))
        return counts[codes] > 1

    def _judged(self) -> Int64Array:
        """The rows that tell how good the head is."""
        able = np.flatnonzero(self._has_others(np.arange(len(self))))
        return able[evenly(self._rows.codes[able], MOST_JUDGED)]

    def _by_class(self, rows: Int64Array) -> Int64Array:
        """The places in ``rows`` that put them in order: by class, the oldest of each first."""
        return np.lexsort((self._rows.keys[rows], self._rows.codes[rows]))

    def _taught(self) -> npt.NDArray[np.bool_]:
        """Which classes have examples, [classes]."""
        return np.bincount(self._rows.codes, minlength=len(self._codes)) > 0

    def _changed(self) -> None:
        """Called after examples were learnt."""

    def _moved(self) -> None:
        """Called after the rows have changed in another way, or the order of classes."""
        self._changed()

    def _forgotten(self, moves: list[tuple[int, int]]) -> None:  # noqa: ARG002 - for ridge
        """Called after examples were forgotten; ``moves`` are those of ``Rows.remove``."""
        self._moved()

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
        self._moved()

    def _check_parameters(self) -> None:
        if not isinstance(self.n_neighbors, int | np.integer) or self.n_neighbors < 1:
            raise InputError(
                f"n_neighbors must be a whole number from 1, not {self.n_neighbors!r}."
            )

    def _query(self, X: npt.ArrayLike) -> Float32Array:
        self._check_fitted()
        return unit_rows(table(X, self, self._rows.dimension), self._rows.dimension)

    def _check_fitted(self) -> None:
        self._check_parameters()
        if not len(self):
            raise InputError("The head has no examples yet: add one first.")


def evenly(codes: Int64Array, most: int) -> Int64Array:
    """At most so many rows, as many of each class as can be, spread over those there are."""
    if len(codes) <= most:
        return np.arange(len(codes))
    members = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    left, chosen = most, []
    for number, rows in enumerate(sorted(members, key=np.size)):
        share = left // (len(members) - number)
        picked = rows[np.linspace(0, len(rows) - 1, min(share, len(rows))).astype(np.int64)]
        chosen.append(picked)
        left -= len(picked)
    return np.sort(np.concatenate(chosen))
