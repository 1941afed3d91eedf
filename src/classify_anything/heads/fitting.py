"""What a k-NN head works out from its examples: the metric, the temperature, what is typical."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classify_anything.heads.calibration import class_weights, fit_temperature, softmax
from classify_anything.heads.constants import MAX_DIRECTIONS
from classify_anything.heads.leave_out import leave_out
from classify_anything.heads.metric import (
    Metric,
    centred_metric,
    fit_metric,
    scatter,
)
from classify_anything.heads.protocol import HeldOut, Int64Array
from classify_anything.types import Float32Array

_USUAL_TEMPERATURE = 0.1
"""With one recording a class; it falls with the root of their number, as similarities get surer."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What a head has worked out.

    Attributes:
        metric: None to compare embeddings as they are.
        temperature: of the softmax over class scores.
        references: float32 [m], ascending: the typicality of examples whose recording was left
            out. Empty while no class has two recordings.
    """

    metric: Metric | None
    temperature: float
    references: Float32Array


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows of a sample, their scores [m, classes], and the temperature that fits these."""

    rows: Int64Array
    scores: npt.NDArray[np.float64]
    temperature: float

    @property
    def typicality(self) -> Float32Array:
        return np.asarray(self.scores.max(axis=1, initial=-1), np.float32)


@dataclass(frozen=True, slots=True)
class Sample:
    """A copy of a head's examples, to work on while the head goes on.

    Attributes:
        keys, units, codes, groups: [n], [n, d], [n], [n].
        classes: the number of classes.
        count: k.
        left_out: int64 [n], what is left out together when the head is judged.
        single_recording: bool [n], whether only the example itself is left out.
        views: by row, float [v, d].
    """

    keys: Int64Array
    units: Float32Array
    codes: Int64Array
    groups: Int64Array
    classes: int
    count: int
    left_out: Int64Array
    single_recording: npt.NDArray[np.bool_]
    views: Mapping[int, npt.NDArray[np.floating]]

    def fit(self) -> Fit:
        """Fit the metric, the temperature and the reference typicalities."""
        metric, held = self._judge()
        alone = self.single_recording[held.rows]
        return Fit(
            metric=metric.of_most_scatter(MAX_DIRECTIONS),
            temperature=held.temperature,
            references=np.sort(held.typicality[~alone]),
        )

    def centred(self) -> Fit:
        """Return a fit that takes no time: embeddings are only compared from their centre."""
        found = scatter(self.units, self.codes, self.groups, {})
        return Fit(
            metric=centred_metric(found),
            temperature=self._temperature(np.empty(0, np.int64), np.empty((0, self.classes))),
            references=np.empty(0, np.float32),
        )

    def held_out(self) -> HeldOut:
        """Predict each example without its recording."""
        _, held = self._judge()
        probabilities = np.empty((0, self.classes), np.float32)
        if len(held.rows):
            probabilities = softmax(held.scores, held.temperature)
        return HeldOut(
            self.keys[held.rows],
            self.codes[held.rows],
            probabilities,
            held.typicality,
            self.single_recording[held.rows],
        )

    def _judge(self) -> tuple[Metric, _Judged]:
        """The metric with all directions, and the scores of the examples that can be judged."""
        found = scatter(self.units, self.codes, self.groups, self.views)
        metric = fit_metric(found)
        counts = np.bincount(self.codes, minlength=self.classes)
        rows = np.flatnonzero(counts[self.codes] > 1)
        scores = np.full((len(rows), self.classes), -np.inf)
        if len(rows):
            every = leave_out(found, metric, self.units, self.codes, self.left_out, self.count)
            scores[:, : every.shape[1]] = every[rows]
        return metric, _Judged(rows, scores, self._temperature(rows, scores))

    def _temperature(self, judged: Int64Array, scores: npt.NDArray[np.float64]) -> float:
        pairs = np.unique(np.stack([self.codes, self.groups]), axis=1)
        recordings = pairs.shape[1] / max(len(np.unique(self.codes)), 1)
        usual = _USUAL_TEMPERATURE / np.sqrt(max(recordings, 1))
        if not len(judged):
            return float(usual)
        codes = self.codes[judged]
        return fit_temperature(scores, codes, class_weights(codes, self.classes), float(usual))
