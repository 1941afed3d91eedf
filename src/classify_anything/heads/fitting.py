"""Fit an adaptive head: its metric, temperature and reference typicalities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classify_anything.constants import CONSTANTS
from classify_anything.heads.calibration import class_weights, fit_temperature, softmax
from classify_anything.heads.leave_out import leave_out
from classify_anything.heads.metric import Metric, centred_metric, fit_metric, scatter
from classify_anything.heads.protocol import HeldOut, Int64Array
from classify_anything.types import Float32Array

MAX_DIRECTIONS = int(CONSTANTS["head"]["max_directions"])
"""More directions only cost time: accuracy does not change (benchmarks/README.md)."""
_USUAL_TEMPERATURE = 0.1
"""With one recording a class; it falls with the root of their number."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The result of a fit.

    Attributes:
        metric: None to compare unchanged embeddings.
        temperature: of the softmax over class scores.
        references: float32 [m], ascending: the typicality of examples, each without its recording.
            Empty while no class has two recordings.
    """

    metric: Metric | None
    temperature: float
    references: Float32Array


@dataclass(frozen=True, slots=True)
class Sample:
    """A copy of a head's examples, to fit on another thread.

    Attributes:
        keys, units, codes, groups: [n], [n, d], [n], [n].
        classes: the number of classes.
        count: k.
        left_out: int64 [n], the groups to leave out together.
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
        metric, temperature, held = self._leave_out()
        return Fit(
            metric=Metric(
                metric.centre, metric.directions[:MAX_DIRECTIONS], metric.gains[:MAX_DIRECTIONS]
            ),
            temperature=temperature,
            references=np.sort(held.typicalities[~held.single_recording]),
        )

    def centred(self) -> Fit:
        """Return a provisional fit that only subtracts the centre and takes no time."""
        return Fit(
            metric=centred_metric(scatter(self.units, self.codes, self.groups, {})),
            temperature=self._temperature(np.empty(0, np.int64), np.empty((0, self.classes))),
            references=np.empty(0, np.float32),
        )

    def held_out(self) -> HeldOut:
        """Predict each example without its recording."""
        return self._leave_out()[2]

    def _leave_out(self) -> tuple[Metric, float, HeldOut]:
        """Return the metric with all directions, the temperature, and held-out predictions."""
        found = scatter(self.units, self.codes, self.groups, self.views)
        metric = fit_metric(found)
        counts = np.bincount(self.codes, minlength=self.classes)
        rows = np.flatnonzero(counts[self.codes] > 1)
        scores = np.full((len(rows), self.classes), -np.inf)
        if len(rows):
            all_scores = leave_out(found, metric, self.units, self.codes, self.left_out, self.count)
            scores[:, : all_scores.shape[1]] = all_scores[rows]
        temperature = self._temperature(rows, scores)
        return (
            metric,
            temperature,
            HeldOut(
                keys=self.keys[rows],
                codes=self.codes[rows],
                probabilities=softmax(scores, temperature),
                typicalities=np.asarray(scores.max(axis=1, initial=-1), np.float32),
                single_recording=self.single_recording[rows],
            ),
        )

    def _temperature(self, rows: Int64Array, scores: npt.NDArray[np.float64]) -> float:
        pairs = np.unique(np.stack([self.codes, self.groups]), axis=1)
        recordings = pairs.shape[1] / max(len(np.unique(self.codes)), 1)
        usual = _USUAL_TEMPERATURE / np.sqrt(max(recordings, 1))
        if not len(rows):
            return float(usual)
        codes = self.codes[rows]
        return fit_temperature(scores, codes, class_weights(codes, self.classes), float(usual))
