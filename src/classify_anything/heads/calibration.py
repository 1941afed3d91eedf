"""Makes scores into probabilities that can be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from classify_anything.types import Float32Array

_TEMPERATURES = np.geomspace(0.005, 1, 40)
_PRIOR_WEIGHT = 3.0
_GROWTH = 1.2


def softmax(scores: npt.NDArray[Any], temperature: float) -> Float32Array:
    """Probabilities of scores [..., classes]."""
    weights = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), np.float32)


def fit_temperature(
    scores: npt.NDArray[Any],
    codes: npt.NDArray[np.int64],
    weights: npt.NDArray[Any],
    usual: float,
) -> float:
    """The temperature at which held-out scores [n, classes] are least surprised by the truth.

    Guo et al., "On calibration of modern neural networks" (2017), with a prior around ``usual``
    that weighs as much as a few examples, since a handful says little.
    """
    truth = scores[np.arange(len(codes)), codes][:, None]
    surprises = [
        weights @ np.log(np.exp(((scores - truth) / temperature).clip(max=500)).sum(axis=1))
        for temperature in _TEMPERATURES
    ]
    prior = _PRIOR_WEIGHT * np.log(_TEMPERATURES / usual) ** 2
    return float(_TEMPERATURES[int(np.argmin(np.asarray(surprises) + prior))])


def class_weights(codes: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
    """Weights [n] under which each class that has examples counts alike; their mean is 1."""
    counts = np.bincount(codes, minlength=classes)
    return len(codes) / (np.count_nonzero(counts) * counts[codes])


def has_grown(before: int, now: int, growth: float = _GROWTH) -> bool:
    """Whether a number of examples has clearly changed, so that what hangs on it is out of date."""
    return not before / growth < now < before * growth
