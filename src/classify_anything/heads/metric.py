"""The learnt metric, in which variation within classes counts less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classify_anything.constants import CONSTANTS
from classify_anything.heads.protocol import Int64Array
from classify_anything.types import Float32Array

Float64Array = npt.NDArray[np.float64]

_HEAD = CONSTANTS["head"]
_SHRINKAGE = float(_HEAD["shrinkage"])
"""Added to the covariance, as a share of its mean eigenvalue."""
SMALLEST_LENGTH = float(_HEAD["smallest_length"])
"""Shorter vectors have no direction: they shrink to 0 instead of amplifying noise."""
_VIEW_WEIGHT = float(_HEAD["view_weight"])
_FEW_RECORDINGS = int(_HEAD["few_recordings"])
"""From this many recordings a class on, the weight of views falls with the square."""
_SMALLEST_SCATTER = float(_HEAD["smallest_scatter"])
_SMALLEST_EIGENVALUE = float(_HEAD["smallest_eigenvalue"])
"""As a share of the shrinkage: whitening changes directions with less by under 0.1 %."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A linear map from embeddings to vectors to compare by cosine.

    Attributes:
        centre: float32 [d], the mean of the class means.
        directions: float32 [r, d], orthonormal, most scatter first.
        gains: float32 [r], in -1..0: a vector keeps ``1 + gain`` of its part in each direction.
    """

    centre: Float32Array
    directions: Float32Array
    gains: Float32Array

    def project(self, vectors: npt.NDArray[np.floating]) -> Float32Array:
        """Map differences of embeddings, float [n, d], without centring or normalising them."""
        parts = (vectors @ self.directions.T) * self.gains
        return np.asarray(vectors + parts @ self.directions, np.float32)

    def apply(self, units: Float32Array) -> Float32Array:
        """Map unit embeddings, float32 [n, d], to unit vectors of the same shape."""
        return directed(self.project(units - self.centre))

    def lengths(self, units: Float32Array) -> Float32Array:
        """Return the lengths, float32 [n], of mapped embeddings before scaling to 1."""
        vectors = units - self.centre
        changes = np.square(vectors @ self.directions.T) @ (np.square(1 + self.gains) - 1)
        squares = np.einsum("nd,nd->n", vectors, vectors) + changes
        return np.asarray(np.maximum(np.sqrt(np.maximum(squares, 0)), SMALLEST_LENGTH), np.float32)


def directed(vectors: Float32Array) -> Float32Array:
    """Scale rows [n, d] to length 1; rows that are almost 0 stay almost 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, SMALLEST_LENGTH), np.float32)


@dataclass(frozen=True, slots=True)
class Scatter:
    """The within-class covariance, as weighted deviations whose outer products add up to it.

    Every recording of a class has the same weight, and so has every class: a burst of 100
    frames does not outweigh a single picture.

    Attributes:
        classes: the number of classes.
        weights: float64 [n], of the examples; they add up to 1 in each class.
        means: float64 [classes, d], of the classes; 0 for classes without examples.
        deviations: float64 [n, d], of the examples from their class mean.
        views: by row, the deviations [v, d] of an example's views from their mean.
        own_scale, view_scale: factors of both parts of the covariance.
        shrinkage: float, added to each eigenvalue.
    """

    classes: int
    weights: Float64Array
    means: Float64Array
    deviations: Float64Array
    views: Mapping[int, Float64Array]
    own_scale: float
    view_scale: float
    shrinkage: float

    def rows(self) -> Float64Array:
        """All weighted deviations, float64 [m, d]."""
        parts = []
        if self.own_scale:
            parts.append(self.deviations * np.sqrt(self.own_scale * self.weights)[:, None])
        if self.view_scale:
            parts += [
                one * np.sqrt(self.view_scale * self.weights[row])
                for row, one in self.views.items()
            ]
        return np.concatenate(parts) if parts else np.empty((0, self.deviations.shape[1]))


def view_weight(recordings_per_class: float) -> float:
    """Return the weight of the scatter of views, relative to that of the examples.

    It is full while examples are few, and falls with the square of their number, because the
    examples themselves then show how their class varies.
    """
    return _VIEW_WEIGHT * min(1.0, _FEW_RECORDINGS / recordings_per_class) ** 2


def scatter(
    units: Float32Array,
    codes: Int64Array,
    groups: Int64Array,
    views: Mapping[int, npt.NDArray[np.floating]],
) -> Scatter:
    """Compute how examples vary within their classes.

    Args:
        units: float32 [n, d], unit vectors.
        codes: int64 [n], their classes.
        groups: int64 [n], their recordings.
        views: by row of ``units``, the embeddings [v, d] of an example's augmented views.
    """
    classes = int(codes.max()) + 1
    pairs, inverse, sizes = np.unique(
        np.stack([codes, groups]), axis=1, return_inverse=True, return_counts=True
    )
    recordings = np.bincount(pairs[0], minlength=classes)
    weights = 1 / (recordings[codes] * sizes[inverse.ravel()])
    vectors = units.astype(np.float64)
    member = np.zeros((classes, len(codes)))
    member[codes, np.arange(len(codes))] = weights
    means = member @ vectors
    deviations = vectors - means[codes]
    varied = {
        row: (together - together.mean(axis=0)) / np.sqrt(len(together))
        for row, one in views.items()
        for together in [np.concatenate([one.astype(np.float64), vectors[row : row + 1]])]
    }
    own_total = float(weights @ np.einsum("nd,nd->n", deviations, deviations))
    view_total = float(sum(weights[row] * np.square(one).sum() for row, one in varied.items()))
    present = len(np.unique(codes))
    weight_of_views = (
        view_weight(pairs.shape[1] / present) if own_total > _SMALLEST_SCATTER else 1.0
    )
    own_scale = 1 / own_total if own_total > _SMALLEST_SCATTER else 0.0
    view_scale = weight_of_views / view_total if view_total > _SMALLEST_SCATTER else 0.0
    rank = (len(codes) - present) * (own_scale > 0)
    rank += sum(len(one) - 1 for one in varied.values()) * (view_scale > 0)
    total = own_total * own_scale + view_total * view_scale
    return Scatter(
        classes=present,
        weights=weights,
        means=means,
        deviations=deviations,
        views=varied,
        own_scale=own_scale,
        view_scale=view_scale,
        shrinkage=_SHRINKAGE * total / max(min(rank, units.shape[1]), 1),
    )


def fit_metric(found: Scatter) -> Metric:
    """Whiten the within-class covariance, in all directions with scatter.

    Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker
    recognition" (2006): multiply vectors by (covariance + shrinkage · identity)^(-1/2). The root of
    the shrinkage is a further factor here, so that directions without scatter stay unchanged.
    """
    rows = found.rows().astype(np.float32)
    values, directions = _spectrum(rows, _SMALLEST_EIGENVALUE * found.shrinkage)
    gains = np.sqrt(found.shrinkage / (values + found.shrinkage)) - 1
    return Metric(
        centred_metric(found).centre, directions.astype(np.float32), gains.astype(np.float32)
    )


def _spectrum(rows: Float32Array, smallest: float) -> tuple[Float64Array, Float64Array]:
    """Return the eigenvalues [r] above ``smallest`` of ``rows.T @ rows``, and directions [r, d]."""
    if not len(rows):
        return np.empty(0), np.empty((0, rows.shape[1]))
    wide = len(rows) < rows.shape[1]
    # The Gram matrix has the same eigenvalues, and is smaller while examples are few.
    values, vectors = np.linalg.eigh((rows @ rows.T if wide else rows.T @ rows).astype(np.float64))
    chosen = np.flatnonzero(values > smallest)[::-1]
    values, vectors = values[chosen], vectors[:, chosen]
    return values, (vectors / np.sqrt(values)).T @ rows if wide else vectors.T


def centred_metric(found: Scatter) -> Metric:
    """Return a metric that subtracts the centre and whitens nothing."""
    centre = (found.means.sum(axis=0) / found.classes).astype(np.float32)
    return Metric(centre, np.empty((0, len(centre)), np.float32), np.empty(0, np.float32))
