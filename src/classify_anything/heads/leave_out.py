"""Score the examples of an adaptive head, each without its recording, without refitting."""

from __future__ import annotations

import numpy as np

from classify_anything.heads.calibration import class_scores
from classify_anything.heads.metric import SMALLEST_LENGTH, Float64Array, Metric, Scatter
from classify_anything.heads.protocol import Int64Array
from classify_anything.types import Float32Array

_NOTHING_LEFT = 1e-9
_BLOCK = 128
"""Examples to score at a time."""


def leave_out(
    found: Scatter,
    metric: Metric,
    units: Float32Array,
    codes: Int64Array,
    groups: Int64Array,
    count: int,
) -> Float64Array:
    """Return the class scores [n, classes] of each example with its group removed.

    Refitting the metric without each group would cost n eigendecompositions. A group changes the
    covariance by a matrix of low rank, so its inverse follows from the Woodbury identity: first
    reweight the class of the group to its other examples, then remove the group's deviations.
    The scales of both parts of the covariance stay fixed.

    Args:
        found: the scatter of these examples.
        metric: fitted to it, with all of its directions.
        units: float32 [n, d], the examples.
        codes: int64 [n], their classes.
        groups: int64 [n], the groups to leave out together.
        count: k.
    """
    points = metric.project(units - metric.centre)
    similarities = np.empty((len(codes), len(codes)), np.float32)
    order = np.argsort(groups, kind="stable")
    parts: dict[_Remaining, list[Int64Array]] = {}
    for part in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        parts.setdefault(_remaining(part, codes, found.weights), []).append(part)
    for remaining, alike in parts.items():
        reweighted = _Reweighted(found, metric, points, codes, remaining)
        for part in alike:
            similarities[part] = reweighted.without(part)
            similarities[np.ix_(part, part)] = -np.inf
    blocks = (similarities[start : start + _BLOCK] for start in range(0, len(codes), _BLOCK))
    return np.concatenate([class_scores(block, codes, len(found.means), count) for block in blocks])


_Remaining = tuple[tuple[int, float], ...]
"""For each class of a group, the weight of its other examples."""


def _remaining(part: Int64Array, codes: Int64Array, weights: Float64Array) -> _Remaining:
    own = codes[part]
    return tuple(
        (code, round(1 - float(weights[part[own == code]].sum()), 9))
        for code in np.unique(own).tolist()
    )


class _Reweighted:
    """Products of examples and deviations, with classes reweighted to what remains of them."""

    def __init__(
        self,
        found: Scatter,
        metric: Metric,
        points: Float32Array,
        codes: Int64Array,
        remaining: _Remaining,
    ) -> None:
        self._found, self._codes = found, codes
        self._left = {code: left for code, left in remaining if left > _NOTHING_LEFT}
        self._rows = np.flatnonzero(np.isin(codes, [code for code, _ in remaining]))
        members = self._rows.tolist()
        viewed = [row for row in members if row in found.views and found.view_scale]
        of_views = [found.views[row] for row in viewed]
        start, self._places = len(members), dict[int, Int64Array]()
        for row, one in zip(viewed, of_views, strict=True):
            self._places[row] = np.arange(start, start := start + len(one))
        owners = np.concatenate(
            [self._rows, np.repeat(np.array(viewed, np.int64), [len(one) for one in of_views])]
        )
        scales = np.full(len(owners), found.view_scale)
        scales[: len(members)] = found.own_scale
        growth = np.array([1 / self._left.get(code, 1.0) for code in codes[owners].tolist()])
        # The inverse covariance is 1/shrinkage of the products here.
        self._scale = 1 / (found.shrinkage or 1.0)
        weights = self._scale * scales * found.weights[owners]
        self._weights = weights * growth
        projected = metric.project(
            np.concatenate([found.deviations[self._rows], *of_views]).astype(np.float32)
        )
        kernel = (points @ projected.T).astype(np.float64)
        inner = (projected @ projected.T).astype(np.float64)
        added = weights * (growth - 1)
        # Replacing A by A + U'SU turns A^-1 U' into A^-1 U' (I + S U A^-1 U')^-1.
        mixing = np.linalg.inv(np.eye(len(added)) + added[:, None] * inner)
        self._kernel = kernel @ mixing
        self._inner = inner @ mixing
        weighed = self._kernel * added
        self._lengths = np.einsum("nd,nd->n", points, points, dtype=np.float64)
        self._lengths -= np.einsum("nu,nu->n", weighed, kernel)
        self._examples = points[self._rows] @ points.T - weighed[self._rows] @ kernel.T

    def without(self, part: Int64Array) -> Float64Array:
        """Return the cosines [g, n] of a group to all examples, in the metric fitted without it."""
        codes, weights, size = self._codes[part], self._found.weights[part], len(part)
        mine = np.searchsorted(self._rows, part)
        views = [self._places[row] for row in part.tolist() if row in self._places]
        places = np.concatenate([mine, *views])
        kernel, inner = self._kernel[:, places], self._inner[np.ix_(places, places)]
        # The group contributes its deviations and the shift of the class mean to the covariance.
        share = np.diag(self._weights[places])
        moved = np.zeros(size)
        for code, left in self._left.items():
            own = weights * (codes == code)
            moved -= own / left / self._found.classes
            share[:size, :size] += (
                self._scale * self._found.own_scale * np.outer(own, own) / left**2
            )
        update = np.linalg.solve(np.eye(len(inner)) - share @ inner, share)
        # The centre moves with the means of the group's classes.
        centre = kernel[:, :size] @ moved
        offset = float(moved @ inner[:size, :size] @ moved)
        shifted = kernel - inner[:size].T @ moved
        plain = self._examples[mine] - centre[part][:, None] - centre + offset
        weighed = shifted @ update
        lengths = self._lengths - 2 * centre + offset
        lengths += np.einsum("nu,nu->n", weighed, shifted)
        products = plain + weighed[part] @ shifted.T
        roots = np.sqrt(np.maximum(lengths, SMALLEST_LENGTH**2))
        return np.asarray(products / (roots[part][:, None] * roots))
