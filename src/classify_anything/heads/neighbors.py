"""The k-nearest-neighbours head."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from classify_anything.constants import CONSTANTS
from classify_anything.errors import InputError
from classify_anything.heads.calibration import class_scores, softmax
from classify_anything.heads.candidates import Candidates, find_candidates
from classify_anything.heads.embedding_matrix import EmbeddingMatrix, unit_rows
from classify_anything.heads.estimator import ClassifierEstimator, labels, table
from classify_anything.heads.fitting import Fit, Sample
from classify_anything.heads.parameters import HeadParameters
from classify_anything.heads.protocol import Decision, HeldOut, Int64Array
from classify_anything.types import Float32Array

_HEAD = CONSTANTS["head"]
TIE = float(_HEAD["tie"])
"""Similarities that differ by less are equal: float32 products of 1280 terms are no more exact."""
SMALLEST_DISTANCE = float(_HEAD["smallest_distance"])
"""Smaller distances count as this, so that no weight depends on a product's last digit."""
TYPICAL_NEIGHBORS = int(_HEAD["typical_neighbors"])
"""With ``metric="cosine"``, typicality is the similarity to this many examples of the class."""
REFIT_ALWAYS = int(_HEAD["refit_always"])
"""Up to this many examples, a refit takes less time than a frame."""
_REFIT_GROWTH = float(_HEAD["refit_growth"])
"""With more, the head refits once this share of the examples has changed."""
_REFIT_AT_ONCE = 16
"""Up to this many examples, a fit takes milliseconds, and a second class cannot wait for it."""
_MAX_SAMPLE = 2000
"""The metric and every evaluation use at most this many examples, evenly of all classes."""
_BLOCK = 64
"""Examples to compare with all others at a time."""


class KNeighborsHead(ClassifierEstimator):
    """Classify by the most similar examples, in a metric learnt from all examples.

    With ``metric="adaptive"`` the score of a class is the mean similarity of its ``n_neighbors``
    nearest examples (Mitani and Hamamoto, "A local mean-based nonparametric classifier", 2006).
    Probabilities are the softmax of the scores at a temperature fitted to held-out examples.
    Similarities are cosines after within-class covariance normalisation (see ``metric.py``), so
    variation within classes counts less. Classes with many examples have no advantage, and equal
    scores share the probability.

    With ``metric="cosine"`` the ``n_neighbors`` nearest examples of all vote (Cover and Hart,
    "Nearest neighbor pattern classification", 1967). With ``weights="uniform"`` the results are
    those of ``@tensorflow-models/knn-classifier``.

    Similarities are float32. With many thousand examples, a sketch preselects candidates. Ties
    among neighbours go to the first class, then to the oldest example (the lowest key).

    Args:
        n_neighbors: k. With fewer examples, uses all of them.
        metric: "adaptive" or "cosine".
        weights: of the votes with ``metric="cosine"``: "uniform", or "distance" for the inverse of
            the cosine distance.
        balanced: with ``metric="cosine"``, divide a vote by the square root of the number of
            examples of its class.

    Attributes:
        classes_: the classes, in order of appearance or of ``classes``.
        refits: whether a prediction refits the head after enough changes. A server turns this off,
            and fits ``sample()`` on another thread.
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
        """The dimension d of the examples."""
        if self._rows.dimension is None:
            raise AttributeError("n_features_in_ requires examples.")
        return self._rows.dimension

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: int) -> bool:
        return key in self._rows

    def fit(self, X: npt.ArrayLike, y: Sequence[Hashable]) -> Self:
        """Replace all examples by X, float [n, d], with labels y, [n], and sort the classes."""
        rows, names = table(X, self), labels(y, self)
        self.clear()
        return self.partial_fit(rows, names, classes=np.unique(np.asarray(names)).tolist())

    def partial_fit(
        self,
        X: npt.ArrayLike,
        y: Sequence[Hashable],
        keys: Iterable[int] | None = None,
        classes: Sequence[Hashable] | None = None,
        groups: Iterable[int] | None = None,
    ) -> Self:
        """Add examples, in amortised O(d) each.

        Args:
            X: float [n, d] embeddings of any length.
            y: [n] labels.
            keys: [n] numbers that identify the examples, ascending with age (default: continue).
            classes: all classes in order; classes without examples have the probability 0.
            groups: [n] numbers, the same for near copies such as the frames of a recording;
                ``held_out`` leaves out a group at a time. By default, each example is a group.

        Raises:
            InputError: a parameter is invalid, a key is used twice, lengths differ.
            EmbeddingError: a row is zero, not finite, or of another dimension. Nothing is added.
        """
        self._check_parameters()
        rows, names = np.asarray(X, dtype=np.float32), list(y)
        if keys is None:
            keys = range(self._next_key, self._next_key + len(rows))
        new_keys = np.fromiter(keys, np.int64)
        if not len(rows) == len(names) == len(new_keys):
            raise InputError(
                f"Got {len(rows)} embeddings, {len(names)} labels and {len(new_keys)} keys."
            )
        unique = set(new_keys.tolist())
        if len(unique) < len(new_keys) or any(key in self._rows for key in unique):
            raise InputError("Two examples have the same key.")
        units = unit_rows(rows, self._rows.dimension) if len(rows) else None
        if classes is not None:
            self._reorder(classes, names)
        for label in names:
            self._codes.setdefault(label, len(self._codes))
        if units is not None:
            codes = np.fromiter((self._codes[label] for label in names), np.int64)
            recordings = -1 - new_keys if groups is None else np.fromiter(groups, np.int64)
            if not len(self):
                self._forget_fit()
            compared = self._fit.metric.apply(units) if self._fit and self._fit.metric else None
            self._rows.append(units, new_keys, codes, recordings, compared)
            self._next_key = max(self._next_key, int(new_keys.max()) + 1)
            self._changes += len(units)
        return self

    def add_views(self, views: Mapping[int, npt.NDArray[np.floating]]) -> None:
        """Add augmented views, which show how examples vary.

        Args:
            views: by key, the embeddings float [v, d] of augmented views of an example. Unknown
                keys are skipped.

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
        """Remove the views of the examples with these keys, if any."""
        for key in keys:
            if self._views.pop(key, None) is not None:
                self._changes += 1

    def remove(self, keys: Iterable[int]) -> None:
        """Remove the examples with these keys; their class stays. Raises NotFoundError."""
        keys = list(keys)
        self._rows.remove(keys)
        for key in keys:
            self._views.pop(key, None)
        self._changes += len(keys)
        self._removed = self._changes

    def remove_class(self, label: Hashable) -> None:
        """Remove a class and its examples. Raises InputError for an unknown class."""
        if label not in self._codes:
            raise InputError(f"No class {label!r}. Classes: {list(self._codes)!r}.")
        self.remove(self._rows.keys[self._rows.codes == self._codes[label]].tolist())
        self._reorder([known for known in self._codes if known != label], [])

    def clear(self) -> None:
        """Remove all examples and classes."""
        self._rows, self._codes, self._next_key, self._views = EmbeddingMatrix(), {}, 0, {}
        self._changes += 1
        self._forget_fit()

    def decide(self, embedding: npt.ArrayLike) -> Decision:
        """Classify one embedding, float [d]; see ``decide_many``."""
        return self.decide_many(np.asarray(embedding, dtype=np.float32)[None])[0]

    def decide_many(self, X: npt.ArrayLike) -> list[Decision]:
        """Classify embeddings, float [n, d], and return the examples that support each decision.

        Without examples, decisions have no neighbours, and every probability is 0.

        Raises:
            EmbeddingError: a row is zero, not finite, or of another dimension.
        """
        units = unit_rows(X, self._rows.dimension)
        if not len(self):
            nothing = np.zeros(len(self._codes), np.float32)
            return [
                Decision(nothing, np.empty(0, np.int64), np.empty(0, np.float32)) for _ in units
            ]
        self._refresh()
        decide = self._decide_by_scores if self.metric == "adaptive" else self._decide_by_votes
        queries = self._project(units)
        candidates = find_candidates(self._rows, queries, self.n_neighbors)
        return [decide(*pair) for pair in zip(queries, candidates, strict=True)]

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the class of each row of X, float [n, d] → [n]. Raises InputError if empty."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def predict_proba(self, X: npt.ArrayLike) -> Float32Array:
        """Return probabilities, float [n, d] → float32 [n, classes]. Raises InputError if empty."""
        return np.stack([found.probabilities for found in self.decide_many(self._query(X))])

    def kneighbors(
        self,
        X: npt.ArrayLike,
        n_neighbors: int | None = None,
    ) -> tuple[Float32Array, Int64Array]:
        """Return distances and keys of the nearest examples, each [n, min(k, examples)].

        A distance is 1 minus the cosine similarity in the head's metric.
        """
        units = self._query(X)
        self._refresh()
        count = self.n_neighbors if n_neighbors is None else n_neighbors
        count = min(count, len(self))
        distances = np.empty((len(units), count), np.float32)
        keys = np.empty((len(units), count), np.int64)
        for place, near in enumerate(find_candidates(self._rows, self._project(units), count)):
            chosen = self._best(near, count)
            distances[place] = 1 - near.similarities[chosen]
            keys[place] = self._rows.keys[near.rows[chosen]]
        return distances, keys

    def _best(self, near: Candidates, count: int) -> Int64Array:
        """Return the places with the highest similarities, ties by class order, then by age."""
        count = min(count, len(near.rows))
        if count <= 0:
            return np.empty(0, np.int64)
        last = np.partition(near.similarities, -count)[-count]
        places = np.flatnonzero(near.similarities >= last - TIE)
        rows = near.rows[places]
        found = zip(  # so few that plain numbers are faster than arrays
            near.similarities[places].tolist(),
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
        """Return the keys [n] and the unit vectors, float32 [n, d], oldest first."""
        order = np.argsort(self._rows.keys)
        return self._rows.keys[order].tolist(), self._rows.vectors[order]

    @property
    def needs_fit(self) -> bool:
        """Whether examples have changed since the last fit."""
        stale = self._fit is None or self._fitted < self._changes
        return self.metric == "adaptive" and len(self) > 0 and stale

    def sample(self) -> Sample:
        """Copy the examples for a fit on another thread. Raises InputError without examples."""
        self._check_fitted()
        rows, order = self._rows, self._by_class()
        chosen = order[sample_evenly(rows.codes[order], _MAX_SAMPLE)]
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
        """Use a fit of ``sample()``, unless a newer one is in use.

        Args:
            fit: the result of ``sample().fit()``.
            changes: the value of ``changes`` when the sample was taken (default: its value now).
            compared: float32 [m, d], the ``vectors`` of that time, mapped by ``fit.metric`` in
                advance; ignored if examples were removed since.
        """
        changes = self._changes if changes is None else changes
        if changes >= self._fitted:
            self._fitted = changes
            self._use(fit, compared if self._removed <= changes else None)

    def _use(self, fit: Fit, compared: Float32Array | None = None) -> None:
        """Use a fit; ``compared`` are the first rows as its metric maps them."""
        self._fit = fit
        if len(self) and fit.metric:
            known = self._rows.vectors[:0] if compared is None else compared
            new = fit.metric.apply(self._rows.vectors[len(known) :])
            self._rows.compare(np.concatenate([known, new]) if len(known) else new)

    @property
    def vectors(self) -> Float32Array:
        """The unit vectors, float32 [n, d], a view; removing an example reorders its rows."""
        return self._rows.vectors

    @property
    def views(self) -> Mapping[int, npt.NDArray[np.floating]]:
        """The embeddings of augmented views, float16 [v, d], by the key of their example."""
        return self._views

    @property
    def changes(self) -> int:
        """The number of additions and removals of examples and views so far."""
        return self._changes

    def refit(self) -> None:
        """Fit now, if examples have changed since the last fit."""
        if self.needs_fit:
            self.adopt(self.sample().fit())

    def references(self) -> Float32Array:
        """Return the typicality of examples without their recording, float32 [m], ascending."""
        if self.metric == "adaptive":
            self._refresh()
            return self._fit.references if self._fit else np.empty(0, np.float32)
        held = self.held_out()
        return np.sort(held.typicalities[~held.single_recording])

    def held_out(self) -> HeldOut:
        """Predict each example without its group.

        In a class with only one group, only the example itself is left out. The only example of a
        class is skipped: without it, the class does not exist.
        """
        self._check_fitted()
        return self._held_out_votes() if self.metric == "cosine" else self.sample().held_out()

    def freeze(self) -> HeadParameters:
        """Return the parameters as arrays. Raises InputError without examples."""
        self._check_fitted()
        self._refresh()  # after a change of the metric
        self.refit()
        order, rows = self._by_class(), self._rows
        parameters: dict[str, Any] = {"metric": self.metric, "n_neighbors": int(self.n_neighbors)}
        if self._fit and self._fit.metric:
            parameters["temperature"] = self._fit.temperature
            metric = self._fit.metric
            arrays = {name: getattr(metric, name) for name in ("centre", "directions", "gains")}
        else:
            parameters |= {"weights": self.weights, "balanced": self.balanced}
            parameters["n_neighbors"] = min(int(self.n_neighbors), len(self))
            arrays = {"votes": np.asarray(self._votes(), np.float32), "mean": rows.mean}
        return HeadParameters(
            name=self.metric,
            taught=np.bincount(rows.codes, minlength=len(self._codes)) > 0,
            keys=rows.keys[order],
            codes=rows.codes[order],
            vectors=rows.vectors[order],
            parameters=parameters,
            arrays=arrays,
        )

    def _refresh(self) -> None:
        """Refit if due, unless another thread fits."""
        if self.metric == "cosine" and self._fit:  # set_params after a fit
            self._forget_fit()
            self._rows.compare(None)
        if not self.needs_fit:
            return
        few = len(self) <= REFIT_ALWAYS
        if self._fit is None and not self.refits and not few:
            # A prediction must not wait for a fit on another thread.
            self._use(self.sample().centred())
            return
        due = few or self._changes - self._fitted > _REFIT_GROWTH * len(self)
        if self._fit is None or (due and (self.refits or len(self) <= _REFIT_AT_ONCE)):
            self.refit()

    def _forget_fit(self) -> None:
        self._fit, self._fitted = None, self._changes

    def _project(self, units: Float32Array) -> Float32Array:
        """Map unit embeddings [n, d] by the metric."""
        return self._fit.metric.apply(units) if self._fit and self._fit.metric else units

    def _decide_by_scores(self, query: Float32Array, near: Candidates) -> Decision:
        """Classify by the mean similarity of each class's nearest examples."""
        assert self._fit is not None
        codes, classes, count = self._rows.codes, len(self._codes), self.n_neighbors
        scores = class_scores(near.similarities[None], codes[near.rows], classes, count)[0]
        if near.differences is not None:
            wanted = np.minimum(np.bincount(codes, minlength=classes), count)
            found = np.bincount(codes[near.rows], minlength=classes)
            for code in np.flatnonzero(found < wanted).tolist():
                own = near.of_class(code, count, self._rows, query)
                scores[code] = np.sort(own.similarities)[-count:].mean(dtype=np.float64)
        best = int(scores.argmax())
        own = near.of_class(best, count, self._rows, query)
        chosen = self._best(own, count)
        return Decision(
            probabilities=softmax(scores, self._fit.temperature),
            keys=self._rows.keys[own.rows[chosen]],
            similarities=own.similarities[chosen],
            typicality=float(scores[best]),
        )

    def _left_out(self, rows: Int64Array) -> tuple[Int64Array, npt.NDArray[np.bool_]]:
        """Return the group to leave out with each row, and whether it is only the row itself."""
        groups, codes = self._rows.groups[rows], self._rows.codes[rows]
        pairs = np.unique(np.stack([codes, groups]), axis=1)
        lone = np.flatnonzero(np.bincount(pairs[0], minlength=len(self._codes)) == 1)
        sizes = np.bincount(codes, minlength=len(self._codes))
        single_recording = np.isin(codes, lone) & (sizes[codes] > 1)
        groups[single_recording] = (
            groups.max(initial=0) + 1 + np.arange(int(single_recording.sum()))
        )
        return groups, single_recording

    def _by_class(self) -> Int64Array:
        """Return all rows, ordered by class, then by age, oldest first."""
        return np.lexsort((self._rows.keys, self._rows.codes))

    def _reorder(self, classes: Sequence[Hashable], also: Sequence[Hashable]) -> None:
        """Change the order of classes; classes that still have examples must be included."""
        order = {label: code for code, label in enumerate(dict.fromkeys([*classes, *also]))}
        if list(order) == list(self._codes):
            return
        used = set(self._rows.codes.tolist())
        lost = [label for label, code in self._codes.items() if code in used and label not in order]
        if lost:
            raise InputError(f"classes must include those with examples: {lost!r}.")
        if self._codes:
            self._rows.recode(np.array([order.get(label, -1) for label in self._codes], np.int64))
        self._codes = order
        self._changes += 1

    def _check_parameters(self) -> None:
        if not isinstance(self.n_neighbors, int | np.integer) or self.n_neighbors < 1:
            raise InputError(
                f"n_neighbors must be a positive whole number, not {self.n_neighbors!r}."
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
            raise InputError("The head has no examples yet. Add one first.")

    def _held_out_votes(self) -> HeldOut:
        rows = self._rows
        sizes = np.bincount(rows.codes, minlength=len(self._codes))
        chosen = np.flatnonzero(sizes[rows.codes] > 1)
        chosen = chosen[sample_evenly(rows.codes[chosen], _MAX_SAMPLE)]
        total = rows.mean * len(self)
        groups, single_recording = self._left_out(np.arange(len(self)))
        probabilities = np.zeros((len(chosen), len(self._codes)), np.float32)
        typicalities = np.zeros(len(chosen), np.float32)
        for start in range(0, len(chosen), _BLOCK):
            block = chosen[start : start + _BLOCK]
            similarities = rows.vectors[block] @ rows.vectors.T
            for place, row in enumerate(block.tolist()):
                same = groups == groups[row]
                left = np.flatnonzero(~same)
                near = Candidates(left, similarities[place, left])
                mean = (total - rows.vectors[same].sum(axis=0)) / max(len(left), 1)
                found = self._decide_by_votes(rows.vectors[row], near, self._votes(left), mean)
                probabilities[start + place] = found.probabilities
                typicalities[start + place] = found.typicality
        return HeldOut(
            rows.keys[chosen],
            rows.codes[chosen],
            probabilities,
            typicalities,
            single_recording[chosen],
        )

    def _decide_by_votes(
        self,
        unit: Float32Array,
        near: Candidates,
        votes: npt.NDArray[np.float64] | None = None,
        mean: Float32Array | None = None,
    ) -> Decision:
        """Classify by the votes of the nearest examples.

        ``votes`` [classes] and ``mean`` [d] default to those of all examples.
        """
        chosen = self._best(near, self.n_neighbors)
        rows, similarities = near.rows[chosen], near.similarities[chosen]
        probabilities = self._vote(rows, similarities, self._votes() if votes is None else votes)
        best = int(probabilities.argmax())
        typicality = self._typicality(unit, near, best, self._rows.mean if mean is None else mean)
        return Decision(probabilities, self._rows.keys[rows], similarities, typicality)

    def _vote(
        self, chosen: Int64Array, similarities: Float32Array, votes: npt.NDArray[np.float64]
    ) -> Float32Array:
        if len(chosen) == 0:
            return np.zeros(len(self._codes), np.float32)
        codes = self._rows.codes[chosen]
        weights = votes[codes]
        if self.weights == "distance":
            weights = weights / np.maximum(1 - similarities, SMALLEST_DISTANCE)
        totals = np.bincount(codes, weights, minlength=len(self._codes))
        return np.asarray(totals / totals.sum(), np.float32)

    def _votes(self, rows: Int64Array | None = None) -> npt.NDArray[np.float64]:
        """Return the weight of a vote for each class, [classes], if only these rows exist."""
        if not self.balanced:
            return np.ones(len(self._codes))
        codes = self._rows.codes if rows is None else self._rows.codes[rows]
        counts = np.bincount(codes, minlength=len(self._codes))
        return 1 / np.sqrt(np.maximum(counts, 1))

    def _typicality(
        self, unit: Float32Array, near: Candidates, code: int, mean: Float32Array
    ) -> float:
        """Return the mean similarity, seen from ``mean``, to the nearest examples of a class."""
        own = near.of_class(code, TYPICAL_NEIGHBORS, self._rows, unit)
        if len(own.rows) == 0:
            return -1.0
        nearest = own.rows[np.argsort(own.similarities)[-TYPICAL_NEIGHBORS:]]
        rows, query = self._rows.vectors[nearest] - mean, unit - mean
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows) * (query @ query))
        return float((rows @ query / np.maximum(lengths, SMALLEST_DISTANCE)).mean())


def sample_evenly(codes: Int64Array, most: int) -> Int64Array:
    """Return at most this many rows, ascending, as equally many of each class as possible."""
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
