"""Kernel ridge regression in closed form, with its leave-out errors, one example at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classify_anything.heads.protocol import Int64Array
from classify_anything.types import Float32Array

Float64Array = npt.NDArray[np.float64]

PENALTIES = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)

_ROWS = 32


class KernelRidge:
    """The inverse of kernel + penalty · identity over n points, from which all answers follow.

    Saunders et al., "Ridge regression learning algorithm in dual variables" (1998). The kernel is
    the product of unit vectors. Targets come in only when an answer is asked for, so they may
    change at no cost.

    Args:
        points: float32 [n, d], unit vectors.
        penalty: one of ``PENALTIES``; see ``best_penalty``.
    """

    def __init__(self, points: Float32Array, penalty: float) -> None:
        self.penalty = penalty
        self._count = len(points)
        self._points = points
        kernel = (points @ points.T).astype(np.float64)
        self._inverse = np.asarray(np.linalg.inv(kernel + penalty * np.eye(len(points))), float)

    def __len__(self) -> int:
        """N."""
        return self._count

    @property
    def inverse(self) -> Float64Array:
        """[n, n], a view."""
        inverse: Float64Array = self._inverse[: self._count, : self._count]
        return inverse

    def add(self, point: Float32Array) -> None:
        """Take in one more point, float32 [d], at a cost of O(n · d + n²)."""
        n = self._count
        if n == len(self._points):
            self._grow(max(2 * n, 64))
        kernel = (self._points[:n] @ point).astype(np.float64)
        inverse = self.inverse
        weights = inverse @ kernel
        gain = float(point @ point) + self.penalty - float(kernel @ weights)
        _add_outer(inverse, weights / gain, weights)
        self._inverse[n, :n] = self._inverse[:n, n] = -weights / gain
        self._inverse[n, n] = 1 / gain
        self._points[n] = point
        self._count = n + 1

    def remove(self, place: int) -> None:
        """Take out a point, at a cost of O(n²); the last one takes its place."""
        last, inverse = self._count - 1, self.inverse
        if place != last:
            inverse[[place, last]] = inverse[[last, place]]
            inverse[:, [place, last]] = inverse[:, [last, place]]
        self._points[place] = self._points[last]
        column = inverse[:last, last].copy()
        _add_outer(inverse[:last, :last], column / -inverse[last, last], column)
        self._count = last

    def compare(self, unit: Float32Array) -> Float32Array:
        """The products of a unit vector, float32 [d], with the points: float32 [n]."""
        return np.asarray(self._points[: self._count] @ unit, np.float32)

    def weigh(self, similarities: Float32Array) -> tuple[Float64Array, float]:
        """How much each target counts for a point, [n], and how unlike the points it is (0 to 1).

        ``similarities`` are its products with the points, [n]; it has length 1.

        The latter is the variance of a Gaussian process with the same kernel (Rasmussen and
        Williams, "Gaussian processes for machine learning", 2006, equation 2.26).
        """
        kernel = similarities.astype(np.float64)
        weights = self.inverse @ kernel
        return weights, 1 - float(kernel @ weights)

    def without(
        self, parts: Sequence[Int64Array], targets: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Scores [n, classes] and variances [n] of the points, each without the part it is in."""
        inverse = self.inverse
        solved = inverse @ targets
        scores, variances = np.empty_like(solved), np.empty(len(self))
        for part in parts:
            block = np.linalg.inv(inverse[np.ix_(part, part)])
            scores[part] = targets[part] - block @ solved[part]
            variances[part] = np.diag(block) - self.penalty
        return scores, variances

    def _grow(self, room: int) -> None:
        n = self._count
        points = np.empty((room, self._points.shape[1]), np.float32)
        points[:n] = self._points[:n]
        inverse = np.empty((room, room))
        inverse[:n, :n] = self._inverse[:n, :n]
        self._points, self._inverse = points, inverse


def best_penalty(points: Float32Array, targets: Float64Array, parts: Sequence[Int64Array]) -> float:
    """The penalty with which points are foretold best when they are left out, part by part.

    For one point there is a closed form (Rifkin and Lippert, "Notes on regularized least squares",
    2007), and for several the same with the block of the inverse that is theirs.

    Args:
        points: float32 [n, d], unit vectors.
        targets: float [n, classes], which are to be foretold.
        parts: places of points that are left out together; a point in none is not foretold. Without
            any, the largest penalty is taken, which trusts single points least.
    """
    if not parts:
        return PENALTIES[-1]
    values, vectors = np.linalg.eigh((points @ points.T).astype(np.float64))
    values = np.maximum(values, 0)
    projected = vectors.T @ targets
    singles = np.array([part[0] for part in parts if len(part) == 1], np.int64)
    bursts = [part for part in parts if len(part) > 1]

    def error(penalty: float) -> float:
        scaled = vectors / (values + penalty)
        solved = scaled @ projected
        diagonal = np.einsum("ij,ij->i", scaled[singles], vectors[singles])
        total = float(((solved[singles] / diagonal[:, None]) ** 2).sum())
        for part in bursts:
            block = scaled[part] @ vectors[part].T
            total += float((np.linalg.solve(block, solved[part]) ** 2).sum())
        return total

    return min(PENALTIES, key=error)


def _add_outer(matrix: Float64Array, left: Float64Array, right: Float64Array) -> None:
    """Add left · rightᵀ to a matrix, a few rows at a time, so that products stay in the cache."""
    for start in range(0, len(matrix), _ROWS):
        rows = slice(start, start + _ROWS)
        matrix[rows] += left[rows, None] * right
