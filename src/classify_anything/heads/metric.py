"""The learnt metric: how examples of one class differ from each other counts less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classify_anything.heads.constants import (
    FEW_RECORDINGS,
    SHRINKAGE,
    SMALLEST_EIGENVALUE,
    SMALLEST_LENGTH,
    SMALLEST_SCATTER,
    VIEW_WEIGHT,
)
from classify_anything.heads.protocol import Int64Array
from classify_anything.types import Float32Array

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metric:
    """A linear map from embeddings to vectors that are compared by cosine.

    Attributes:
        centre: float32 [d], the mean of the class means.
        directions: float32 [r, d], orthonormal, those with most scatter first.
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
        """Return the lengths, float32 [n], to which ``apply`` maps before it scales to 1."""
        seen = units - self.centre
        changes = np.square(seen @ self.directions.T) @ (np.square(1 + self.gains) - 1)
        squares = np.einsum("nd,nd->n", seen, seen) + changes
        return np.asarray(np.maximum(np.sqrt(np.maximum(squares, 0)), SMALLEST_LENGTH), np.float32)

    def of_most_scatter(self, count: int) -> Metric:
        """Keep only the first ``count`` directions."""
        return Metric(self.centre, self.directions[:count], self.gains[:count])


def directed(vectors: Float32Array) -> Float32Array:
    """Scale rows [n, d] to length 1; rows that are almost 0 stay almost 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, SMALLEST_LENGTH), np.float32)


@dataclass(frozen=True, slots=True)
class Scatter:
    """The within-class covariance as weighted deviations, whose outer products add up to it.

    Every recording of a class has the same weight, and so has every class: a burst of 100 frames
    does not outweigh a single picture.

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


def recording_weights(codes: Int64Array, groups: Int64Array, classes: int) -> Float64Array:
    """Weights [n] with which recordings count alike in their class; they add up to 1 in each."""
    pairs, inverse, sizes = np.unique(
        np.stack([codes, groups]), axis=1, return_inverse=True, return_counts=True
    )
    recordings = np.bincount(pairs[0], minlength=classes)
    return np.asarray(1 / (recordings[codes] * sizes[inverse.ravel()]))


def view_weight(recordings_per_class: float) -> float:
    """The weight of the views' scatter, where that of the examples has the weight 1.

    It is full while examples are few, and fades with the square of their number: by then the
    examples themselves show how their class varies, and views only show how views vary.
    """
    return VIEW_WEIGHT * min(1.0, FEW_RECORDINGS / recordings_per_class) ** 2


def scatter(
    units: Float32Array,
    codes: Int64Array,
    groups: Int64Array,
    views: Mapping[int, npt.NDArray[np.floating]],
) -> Scatter:
    """Measure how examples vary within their classes.

    Args:
        units: float32 [n, d], unit vectors.
        codes: int64 [n], their classes.
        groups: int64 [n], their recordings.
        views: by row of ``units``, the embeddings [v, d] of an example's augmented views.
    """
    classes = int(codes.max()) + 1
    weights = recording_weights(codes, groups, classes)
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
    own = float(weights @ np.einsum("nd,nd->n", deviations, deviations))
    seen = float(sum(weights[row] * np.square(one).sum() for row, one in varied.items()))
    taught = len(np.unique(codes))
    recordings = len(np.unique(np.stack([codes, groups]), axis=1).T)
    of_views = view_weight(recordings / taught) if own > SMALLEST_SCATTER else 1.0
    own_scale = 1 / own if own > SMALLEST_SCATTER else 0.0
    view_scale = of_views / seen if seen > SMALLEST_SCATTER else 0.0
    rank = (len(codes) - taught) * (own_scale > 0)
    rank += sum(len(one) - 1 for one in varied.values()) * (view_scale > 0)
    total = own * own_scale + seen * view_scale
    return Scatter(
        classes=taught,
        weights=weights,
        means=means,
        deviations=deviations,
        views=varied,
        own_scale=own_scale,
        view_scale=view_scale,
        shrinkage=SHRINKAGE * total / max(min(rank, units.shape[1]), 1),
    )


def fit_metric(found: Scatter) -> Metric:
    """Whiten the within-class covariance, in all directions that have any.

    Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker
    recognition" (2006): vectors are multiplied by (covariance + shrinkage · identity)^(-1/2), here
    times the root of the shrinkage, so that directions without any scatter stay as they are.
    """
    rows = found.rows().astype(np.float32)
    values, directions = _spectrum(rows, SMALLEST_EIGENVALUE * found.shrinkage)
    gains = np.sqrt(found.shrinkage / (values + found.shrinkage)) - 1
    return Metric(
        centred_metric(found).centre, directions.astype(np.float32), gains.astype(np.float32)
    )


def _spectrum(rows: Float32Array, smallest: float) -> tuple[Float64Array, Float64Array]:
    """The eigenvalues [r] above ``smallest`` of ``rows.T @ rows``, and their directions [r, d]."""
    if not len(rows):
        return np.empty(0), np.empty((0, rows.shape[1]))
    wide = len(rows) < rows.shape[1]
    # The Gram matrix has the same eigenvalues, and is smaller while examples are few.
    values, vectors = np.linalg.eigh((rows @ rows.T if wide else rows.T @ rows).astype(np.float64))
    chosen = np.flatnonzero(values > smallest)[::-1]
    values, vectors = values[chosen], vectors[:, chosen]
    return values, (vectors / np.sqrt(values)).T @ rows if wide else vectors.T


def centred_metric(found: Scatter) -> Metric:
    """Return the metric that whitens nothing: vectors are only compared from their centre."""
    centre = (found.means.sum(axis=0) / found.classes).astype(np.float32)
    return Metric(centre, np.empty((0, len(centre)), np.float32), np.empty(0, np.float32))
