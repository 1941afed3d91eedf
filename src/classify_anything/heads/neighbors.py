"""k-nearest neighbours: the heart of the product."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from classify_anything.errors import InputError
from classify_anything.heads.calibration import softmax
from classify_anything.heads.candidates import Candidates, nearby
from classify_anything.heads.constants import (
    REFIT_ALWAYS,
    REFIT_GROWTH,
    SMALLEST_DISTANCE,
    TIE,
    TYPICAL_NEIGHBORS,
)
from classify_anything.heads.embedding_matrix import EmbeddingMatrix, unit_rows
from classify_anything.heads.estimator import ClassifierEstimator, labels, table
from classify_anything.heads.fitting import Fit, Sample
from classify_anything.heads.parameters import HeadParameters
from classify_anything.heads.protocol import Decision, HeldOut, Int64Array
from classify_anything.types import Float32Array

MAX_SAMPLE = 2000
"""The metric and every evaluation use at most this many examples, evenly of all classes."""

_BLOCK = 64
"""Examples that are compared with all others at a time."""


_REFIT_AT_ONCE = 16
"""This few examples are fitted in milliseconds, and a second class cannot wait for a thread."""


class KNeighborsHead(ClassifierEstimator):
    """Classify by the most similar examples, in a metric learnt from all of them.

    With ``metric="adaptive"`` the score of a class is the mean similarity of its ``n_neighbors``
    nearest examples (Mitani and Hamamoto, "A local mean-based nonparametric classifier", 2006,
    which averages in the same way), and probabilities are the softmax of the scores at a
    temperature that fits the examples when they are left out. Similarities are cosines after
    within-class covariance normalisation, see ``metric.py``: what varies within classes counts
    less. Classes with many examples have no advantage, and equal scores share the probability.

    With ``metric="cosine"`` the ``n_neighbors`` nearest examples of all vote (Cover and Hart,
    "Nearest neighbor pattern classification", 1967). With ``weights="uniform"`` the results are
    those of ``@tensorflow-models/knn-classifier``.

    Similarities are float32. A sketch preselects candidates once there are many thousand examples.
    Ties among neighbours are decided by class order, then by age (the lower key).

    Args:
        n_neighbors: k. A class, or all classes together, with fewer examples uses those.
        metric: "adaptive" or "cosine".
        weights: of the votes with ``metric="cosine"``: "uniform", or "distance" for the inverse of
            the cosine distance.
        balanced: with ``metric="cosine"``, divide a vote by the square root of the number of
            examples of its class.

    Attributes:
        classes_: the classes, first seen first (or as ``classes`` gave them).
        refits: whether the head refits itself when it is asked and enough has changed. A server
            turns it off, and fits ``sample()`` on another thread.
    """

    refits = True

    def __init__(
        self,
        n_neighbors: int = 3,
        metric: Literal["adaptive", "cosine"] = "adaptive",
        weights: Literal["uniform", "distance"] = "uniform",
        *,
        balanced: bool = False,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.weights = weights
        self.balanced = balanced
        self._rows = EmbeddingMatrix()
        self._codes: dict[Hashable, int] = {}
        self._next_key = 0
        self._views: dict[int, npt.NDArray[np.float16]] = {}
        self._fit: Fit | None = None
        self._changes = self._fitted = self._removed = 0

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
            if not len(self):
                self._forget_fit()
            compared = self._fit.metric.apply(units) if self._fit and self._fit.metric else None
            self._rows.append(units, new_keys, codes, own, compared)
            self._next_key = max(self._next_key, int(new_keys.max()) + 1)
            self._changes += len(units)
        return self

    def add_views(self, views: Mapping[int, npt.NDArray[np.floating]]) -> None:
        """Learn how examples look under small changes.

        Args:
            views: by key, the embeddings float [v, d] of augmented views of an example. Keys of no
                example are ignored.

        Raises:
            EmbeddingError: a row is zero, not finite, or of another dimension.
        """
        known = {
            key: unit_rows(rows, self._rows.dimension).astype(np.float16)
            for key, rows in views.items()
            if key in self._rows and len(rows)
        }
        self._views |= known
        self._changes += len(known)

    def remove_views(self, keys: Iterable[int]) -> None:
        """Forget the views of the examples with these keys, if they have any."""
        for key in keys:
            if self._views.pop(key, None) is not None:
                self._changes += 1

    def remove(self, keys: Iterable[int]) -> None:
        """Forget the examples with these keys; the class stays. Raises NotFoundError."""
        gone = list(keys)
        self._rows.remove(gone)
        for key in gone:
            self._views.pop(key, None)
        self._changes += len(gone)
        self._removed = self._changes

    def remove_class(self, label: Hashable) -> None:
        """Forget a class and all its examples. Raises InputError for an unknown one."""
        if label not in self._codes:
            raise InputError(f"No class {label!r}. Classes: {list(self._codes)!r}.")
        self.remove(self._rows.keys[self._rows.codes == self._codes[label]].tolist())
        self._reorder([known for known in self._codes if known != label], [])

    def clear(self) -> None:
        """Forget everything; the head stays usable."""
        self._rows, self._codes, self._next_key, self._views = EmbeddingMatrix(), {}, 0, {}
        self._changes += 1
        self._forget_fit()

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
            nothing = np.zeros(len(self._codes), np.float32)
            return [
                Decision(nothing, np.empty(0, np.int64), np.empty(0, np.float32)) for _ in units
            ]
        self._refresh()
        decide = self._decide if self.metric == "adaptive" else self._vote_on
        seen = self._seen(units)
        near = nearby(self._rows, seen, self.n_neighbors)
        return [decide(*pair) for pair in zip(seen, near, strict=True)]

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
        """Distances and keys of the nearest examples, each [n, min(k, examples)].

        A distance is 1 minus the cosine similarity in the head's metric.
        """
        units = self._query(X)
        self._refresh()
        count = self.n_neighbors if n_neighbors is None else n_neighbors
        count = min(count, len(self))
        distances = np.empty((len(units), count), np.float32)
        keys = np.empty((len(units), count), np.int64)
        for place, near in enumerate(nearby(self._rows, self._seen(units), count)):
            chosen = self._best(near, count)
            distances[place] = 1 - near.similarities[chosen]
            keys[place] = self._rows.keys[near.rows[chosen]]
        return distances, keys

    def _best(self, nearby: Candidates, count: int) -> Int64Array:
        """The places with the highest similarities, ties by class order, then by age."""
        if count <= 0:
            return np.empty(0, np.int64)
        last = np.partition(nearby.similarities, len(nearby.similarities) - count)[-count]
        places = np.flatnonzero(nearby.similarities >= last - TIE)
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
            step += before - similarity > TIE
            before = similarity
            ordered.append((step, code, key, place))
        return np.array([place for *_, place in sorted(ordered)[:count]], np.int64)

    def examples(self) -> tuple[list[int], Float32Array]:
        """The keys [n] and the unit vectors, float32 [n, d], oldest first."""
        order = np.argsort(self._rows.keys)
        return self._rows.keys[order].tolist(), self._rows.vectors[order]

    # --- what follows from all examples

    @property
    def needs_fit(self) -> bool:
        """Whether examples have changed since the last fit."""
        stale = self._fit is None or self._fitted < self._changes
        return self.metric == "adaptive" and len(self) > 0 and stale

    def sample(self) -> Sample:
        """Copy the examples for a fit on another thread. Raises InputError without examples."""
        self._check_fitted()
        rows = self._rows
        order = self._by_class(np.arange(len(self)))
        chosen = order[evenly(rows.codes[order], MAX_SAMPLE)]
        left_out, single = self._left_out(chosen)
        keys = rows.keys[chosen]
        views = {
            row: self._views[key] for row, key in enumerate(keys.tolist()) if key in self._views
        }
        return Sample(
            keys=keys,
            units=rows.vectors[chosen],
            codes=rows.codes[chosen],
            groups=rows.groups[chosen],
            classes=len(self._codes),
            count=int(self.n_neighbors),
            left_out=left_out,
            single_recording=single,
            views=views,
        )

    def adopt(
        self, fit: Fit, changes: int | None = None, compared: Float32Array | None = None
    ) -> None:
        """Decide by a fit of ``sample()``, unless a newer one is in use.

        Args:
            fit: what ``sample().fit()`` returned.
            changes: what ``changes`` was when the sample was taken; by default what it is now.
            compared: float32 [m, d], what ``fit.metric`` makes of the ``vectors`` of that time. It
                saves time here, unless examples were removed since.
        """
        changes = self._changes if changes is None else changes
        if changes >= self._fitted:
            self._fitted = changes
            self._use(fit, compared if self._removed <= changes else None)

    def _use(self, fit: Fit, compared: Float32Array | None = None) -> None:
        """Decide by a fit; ``compared`` is what it makes of the first rows."""
        self._fit = fit
        if len(self) and fit.metric:
            known = self._rows.vectors[:0] if compared is None else compared
            new = fit.metric.apply(self._rows.vectors[len(known) :])
            self._rows.compare(np.concatenate([known, new]) if len(known) else new)

    @property
    def vectors(self) -> Float32Array:
        """The unit vectors, float32 [n, d], a view; the removal of an example changes its rows."""
        return self._rows.vectors

    @property
    def views(self) -> Mapping[int, npt.NDArray[np.floating]]:
        """The embeddings of views, float16 [v, d], by the keys of their examples."""
        return self._views

    @property
    def changes(self) -> int:
        """The number of examples and views that were ever added or removed."""
        return self._changes

    def refit(self) -> None:
        """Fit now, if anything has changed since the last fit."""
        if self.needs_fit:
            self.adopt(self.sample().fit())

    def references(self) -> Float32Array:
        """The typicality of examples whose recording is left out, float32 [m], ascending."""
        if self.metric == "adaptive":
            self._refresh()
            return self._fit.references if self._fit else np.empty(0, np.float32)
        held = self.held_out()
        return np.sort(held.familiarities[~held.alone])

    def held_out(self) -> HeldOut:
        """Predict each example as if the head had never seen its group.

        In a class with only one group, only the example itself is left out. The only example of a
        class is not judged: without it the class does not exist.
        """
        self._check_fitted()
        return self._held_out_votes() if self.metric == "cosine" else self.sample().held_out()

    def freeze(self) -> HeadParameters:
        """Return what the head has learnt as plain numbers. Raises InputError without examples."""
        self._check_fitted()
        self._refresh()  # after a change of the metric
        self.refit()
        order, rows = self._by_class(np.arange(len(self))), self._rows
        parameters: dict[str, Any] = {"metric": self.metric, "n_neighbors": int(self.n_neighbors)}
        if self._fit and self._fit.metric:
            parameters["temperature"] = self._fit.temperature
            metric = self._fit.metric
            arrays = {
                "centre": metric.centre,
                "directions": metric.directions,
                "gains": metric.gains,
            }
        else:
            parameters |= {"weights": self.weights, "balanced": self.balanced}
            parameters["n_neighbors"] = min(int(self.n_neighbors), len(self))
            arrays = {"votes": np.asarray(self._votes(), np.float32), "mean": rows.mean}
        return HeadParameters(
            name=self.metric,
            taught=self._taught(),
            keys=rows.keys[order],
            codes=rows.codes[order],
            vectors=rows.vectors[order],
            parameters=parameters,
            arrays=arrays,
        )

    def _refresh(self) -> None:
        """Refit if that is due, and up to this head."""
        if self.metric == "cosine" and self._fit:  # the parameter was changed after a fit
            self._forget_fit()
            self._rows.compare(None)
        if not self.needs_fit:
            return
        few = len(self) <= REFIT_ALWAYS
        if self._fit is None and not self.refits and not few:
            # No answer waits for the fit that is being made elsewhere.
            self._use(self.sample().centred())
            return
        due = few or self._changes - self._fitted > REFIT_GROWTH * len(self)
        if self._fit is None or (due and (self.refits or len(self) <= _REFIT_AT_ONCE)):
            self.refit()

    def _forget_fit(self) -> None:
        self._fit, self._fitted = None, self._changes

    def _seen(self, units: Float32Array) -> Float32Array:
        """Unit embeddings [n, d] as the metric maps them."""
        return self._fit.metric.apply(units) if self._fit and self._fit.metric else units

    def _decide(self, seen: Float32Array, near: Candidates) -> Decision:
        """Classify by the mean similarity of each class's nearest examples."""
        assert self._fit is not None
        codes, classes, count = self._rows.codes, len(self._codes), self.n_neighbors
        scores = nearest_means(near.similarities, codes[near.rows], classes, count)
        if near.differences is not None:
            wanted = np.minimum(np.bincount(codes, minlength=classes), count)
            found = np.bincount(codes[near.rows], minlength=classes)
            for code in np.flatnonzero(found < wanted).tolist():
                own = near.of_class(code, count, self._rows, seen)
                scores[code] = np.sort(own.similarities)[-count:].mean(dtype=np.float64)
        best = int(scores.argmax())
        own = near.of_class(best, self.n_neighbors, self._rows, seen)
        chosen = self._best(own, min(self.n_neighbors, len(own.rows)))
        return Decision(
            probabilities=softmax(scores, self._fit.temperature),
            keys=self._rows.keys[own.rows[chosen]],
            similarities=own.similarities[chosen],
            familiarity=float(scores[best]),
        )

    def _left_out(self, rows: Int64Array) -> tuple[Int64Array, npt.NDArray[np.bool_]]:
        """For each of these rows what is left out with it, as a number, and if it is alone."""
        groups, codes = self._rows.groups[rows], self._rows.codes[rows]
        pairs = np.unique(np.stack([codes, groups]), axis=1)
        lone = np.flatnonzero(np.bincount(pairs[0], minlength=len(self._codes)) == 1)
        sizes = np.bincount(codes, minlength=len(self._codes))
        alone = np.isin(codes, lone) & (sizes[codes] > 1)
        groups[alone] = groups.max(initial=0) + 1 + np.arange(int(alone.sum()))
        return groups, alone

    def _by_class(self, rows: Int64Array) -> Int64Array:
        """The places in ``rows`` that put them in order: by class, the oldest of each first."""
        return np.lexsort((self._rows.keys[rows], self._rows.codes[rows]))

    def _taught(self) -> npt.NDArray[np.bool_]:
        """Which classes have examples, [classes]."""
        return np.bincount(self._rows.codes, minlength=len(self._codes)) > 0

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
        self._changes += 1

    def _check_parameters(self) -> None:
        if not isinstance(self.n_neighbors, int | np.integer) or self.n_neighbors < 1:
            raise InputError(
                f"n_neighbors must be a whole number from 1, not {self.n_neighbors!r}."
            )
        if self.metric not in ("adaptive", "cosine"):
            raise InputError(f"metric must be 'adaptive' or 'cosine', not {self.metric!r}.")
        if self.weights not in ("uniform", "distance"):
            raise InputError(f"weights must be 'uniform' or 'distance', not {self.weights!r}.")

    def _query(self, X: npt.ArrayLike) -> Float32Array:
        self._check_fitted()
        return unit_rows(table(X, self, self._rows.dimension), self._rows.dimension)

    def _check_fitted(self) -> None:
        self._check_parameters()
        if not len(self):
            raise InputError("The head has no examples yet: add one first.")

    def _held_out_votes(self) -> HeldOut:
        rows, count = self._rows, len(self)
        sizes = np.bincount(rows.codes, minlength=len(self._codes))
        judged = np.flatnonzero(sizes[rows.codes] > 1)
        judged = judged[evenly(rows.codes[judged], MAX_SAMPLE)]
        total = rows.mean * count
        groups, alone = self._left_out(np.arange(count))
        probabilities = np.zeros((len(judged), len(self._codes)), np.float32)
        familiarities = np.zeros(len(judged), np.float32)
        for start in range(0, len(judged), _BLOCK):
            block = judged[start : start + _BLOCK]
            same = groups[block][:, None] == groups
            similarities = np.where(same, -np.inf, rows.vectors[block] @ rows.vectors.T)
            for place, own in enumerate(similarities, start):
                left = np.flatnonzero(own > -np.inf)
                near = Candidates(left, own[left])
                chosen = self._best(near, min(self.n_neighbors, len(left)))
                probabilities[place] = self._vote(
                    left[chosen], near.similarities[chosen], self._votes(left)
                )
                gone = np.flatnonzero(groups == groups[judged[place]])
                familiarities[place] = self._typicality(
                    rows.vectors[judged[place]],
                    near,
                    int(probabilities[place].argmax()),
                    (total - rows.vectors[gone].sum(axis=0)) / max(len(left), 1),
                )
        return HeldOut(
            rows.keys[judged], rows.codes[judged], probabilities, familiarities, alone[judged]
        )

    def _vote_on(self, unit: Float32Array, near: Candidates) -> Decision:
        """Classify by the votes of the nearest examples."""
        chosen = self._best(near, min(self.n_neighbors, len(self)))
        rows, similarities = near.rows[chosen], near.similarities[chosen]
        probabilities = self._vote(rows, similarities, self._votes())
        familiarity = 0.0
        if len(rows):
            best = int(probabilities.argmax())
            familiarity = self._typicality(unit, near, best, self._rows.mean)
        return Decision(probabilities, self._rows.keys[rows], similarities, familiarity)

    def _vote(
        self, chosen: Int64Array, similarities: Float32Array, votes: npt.NDArray[np.float64]
    ) -> Float32Array:
        if len(chosen) == 0:
            return np.zeros(len(self._codes), np.float32)
        codes = self._rows.codes[chosen]
        weights = votes[codes]
        if self.weights == "distance":
            weights = weights / np.maximum(1 - similarities, SMALLEST_DISTANCE)
        given = np.bincount(codes, weights, minlength=len(self._codes))
        return np.asarray(given / given.sum(), np.float32)

    def _votes(self, rows: Int64Array | None = None) -> npt.NDArray[np.float64]:
        """What a vote for each class weighs, [classes], if these rows are all there is."""
        if not self.balanced:
            return np.ones(len(self._codes))
        codes = self._rows.codes if rows is None else self._rows.codes[rows]
        counts = np.bincount(codes, minlength=len(self._codes))
        return 1 / np.sqrt(np.maximum(counts, 1))

    def _typicality(
        self, unit: Float32Array, near: Candidates, code: int, mean: Float32Array
    ) -> float:
        """The mean similarity to the nearest examples of a class, seen from the examples' mean."""
        own = near.of_class(code, TYPICAL_NEIGHBORS, self._rows, unit)
        mine = own.rows
        if len(mine) == 0:
            return -1.0
        if len(mine) > TYPICAL_NEIGHBORS:
            mine = mine[np.argpartition(own.similarities, -TYPICAL_NEIGHBORS)[-TYPICAL_NEIGHBORS:]]
        seen, this = self._rows.vectors[mine] - mean, unit - mean
        lengths = np.sqrt(np.einsum("nd,nd->n", seen, seen) * (this @ this))
        return float((seen @ this / np.maximum(lengths, SMALLEST_DISTANCE)).mean())


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


def nearest_means(
    similarities: Float32Array, codes: Int64Array, classes: int, count: int
) -> npt.NDArray[np.float64]:
    """The mean of the ``count`` highest similarities, [n], in each class: float64 [classes].

    -inf for a class without any. One sort for all classes: a loop over 1,000 takes 30 ms.
    """
    sizes = np.bincount(codes, minlength=classes)
    # Similarities are from -1 to 1, so 4 keeps the classes apart.
    ordered = np.sort(4.0 * codes - similarities)
    places = (np.cumsum(sizes) - sizes)[:, None] + np.arange(min(count, int(sizes.max())))
    there = np.arange(places.shape[1]) < sizes[:, None]
    best = 4.0 * np.arange(classes)[:, None] - ordered[np.minimum(places, len(codes) - 1)]
    # float32 takes the rounding of the sum out again, so that equal similarities stay equal.
    total = np.where(there, best.astype(np.float32), 0).sum(axis=1, dtype=np.float64)
    used = there.sum(axis=1)
    return np.where(used > 0, total / np.maximum(used, 1), -np.inf)
