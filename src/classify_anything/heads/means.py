"""One mean a class: the least that can be learnt of it, and hard to mislead."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classify_anything.heads.calibration import (
    class_weights,
    fit_temperature,
    has_grown,
    softmax,
)
from classify_anything.heads.frozen import Frozen
from classify_anything.heads.memory import Memory
from classify_anything.heads.nearby import Nearby
from classify_anything.heads.protocol import Decision, HeldOut, Int64Array, nothing_known
from classify_anything.heads.rows import directions
from classify_anything.types import Float32Array

_USUAL_TEMPERATURE = 0.1
_UNLIKE = -1.0
"""The score of a class without examples: the lowest that a cosine can be."""


class ClassMeansHead(Memory):
    """Classify by the most similar class mean, seen from the mean of all classes.

    The nearest-centroid classifier, as in Snell et al., "Prototypical networks for few-shot
    learning" (2017) but without learning. Classes count alike, however many examples they have.

    Args:
        n_neighbors: how many of the nearest examples are named for a decision.
    """

    def __init__(self, n_neighbors: int = 3) -> None:
        super().__init__()
        self.n_neighbors = n_neighbors
        self._temperature = _USUAL_TEMPERATURE
        self._calibrated_on = 0
        self._sums: tuple[Float32Array, Float32Array] | None = None

    def freeze(self) -> Frozen:
        """What it has learnt, as plain numbers. Raises InputError without examples."""
        self._check_fitted()
        self._calibrate()
        order, rows = self._by_class(np.arange(len(self))), self._rows
        centre, means = _means(*self._class_sums())
        return Frozen(
            name="means",
            taught=self._taught(),
            keys=rows.keys[order],
            codes=rows.codes[order],
            vectors=rows.vectors[order],
            parameters={"temperature": self._temperature},
            arrays={"means": means, "centre": centre},
        )

    def held_out(self) -> HeldOut:
        """What it would say of each example, had it not seen the example's group."""
        self._check_fitted()
        self._calibrate()
        judged, scores, alone = self._scores_without()
        return HeldOut(
            self._rows.keys[judged],
            self._rows.codes[judged],
            softmax(scores, self._temperature),
            scores.max(axis=1),
            alone,
        )

    def _decide(self, unit: Float32Array, near: Nearby) -> Decision:
        if not len(self):
            return nothing_known(len(self._codes))
        self._calibrate()
        scores = _scores(unit[None], *self._class_sums())[0]
        probabilities = softmax(scores, self._temperature)
        keys, similarities = self._most_like(near, unit, int(scores.argmax()))
        return Decision(probabilities, keys, similarities, float(scores.max()))

    def _changed(self) -> None:
        self._sums = None

    def _class_sums(self) -> tuple[Float32Array, Float32Array]:
        """The sum of each class's examples, [classes, d], and how many they are, [classes]."""
        if self._sums is None:
            codes = self._rows.codes
            member = np.zeros((len(self._codes), len(codes)), np.float32)
            member[codes, np.arange(len(codes))] = 1
            self._sums = member @ self._rows.vectors, member.sum(axis=1)
        return self._sums

    def _scores_without(self) -> tuple[Int64Array, Float32Array, npt.NDArray[np.bool_]]:
        """The rows that are judged, their scores without their group, and which are left alone."""
        sums, counts = self._class_sums()
        codes, vectors = self._rows.codes, self._rows.vectors
        judged = self._judged()
        groups, alone = self._left_out(np.arange(len(self)))
        scores = np.empty((len(judged), len(counts)), np.float32)
        for group in np.unique(groups[judged]):
            part = np.flatnonzero(groups == group)
            mine = np.flatnonzero(groups[judged] == group)
            left, left_counts = sums.copy(), counts.copy()
            np.subtract.at(left, codes[part], vectors[part])
            np.subtract.at(left_counts, codes[part], 1)
            scores[mine] = _scores(vectors[judged[mine]], left, left_counts)
        return judged, scores, alone[judged]

    def _calibrate(self) -> None:
        """Fit the temperature anew when there are clearly more or fewer examples."""
        if not has_grown(self._calibrated_on, len(self)):
            return
        self._calibrated_on = len(self)
        judged, scores, alone = self._scores_without()
        codes, scores = self._rows.codes[judged[~alone]], np.maximum(scores[~alone], _UNLIKE)
        weights = class_weights(codes, len(self._codes))
        self._temperature = fit_temperature(scores, codes, weights, _USUAL_TEMPERATURE)


def _scores(units: Float32Array, sums: Float32Array, counts: Float32Array) -> Float32Array:
    """Cosines [n, classes] between units [n, d] and class means; -inf without examples."""
    there = counts > 0
    if not there.any():
        return np.full((len(units), len(counts)), _UNLIKE, np.float32)
    centre, means = _means(sums, counts)
    return np.where(there, directions(units - centre) @ means.T, np.float32(-np.inf))


def _means(sums: Float32Array, counts: Float32Array) -> tuple[Float32Array, Float32Array]:
    """The mean of the class means, [d], and their directions from it, [classes, d].

    Classes without examples have no direction: their rows are zero.
    """
    there = counts > 0
    means = sums[there] / counts[there, None]
    centre = np.asarray(means.mean(axis=0), np.float32)
    found = np.zeros_like(sums)
    found[there] = directions(means - centre)
    return centre, found
