"""Ridge regression on the examples' similarities: linear, closed form, and quick to update."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from classify_anything.heads.calibration import (
    class_weights,
    fit_temperature,
    has_grown,
    softmax,
)
from classify_anything.heads.frozen import Frozen
from classify_anything.heads.kernel import Float64Array, KernelRidge
from classify_anything.heads.memory import Memory, evenly
from classify_anything.heads.nearby import Nearby
from classify_anything.heads.protocol import Decision, HeldOut, Int64Array
from classify_anything.types import Float32Array

_USUAL_TEMPERATURE = 0.085
_SOON = 200
"""Up to so many examples a whole solution takes a few milliseconds, and is made at each change."""
_MOST = 1500
"""A solution takes no more examples than this, evenly of all classes: its time grows with their
cube, and more of them hardly change it."""


class RidgeHead(Memory):
    """Classify by kernel ridge regression on class indicators.

    The kernel is the product of unit vectors (see ``KernelRidge``). They are not centred: a mean
    that an example had a part in would give its class away when it is left out. An indicator is
    divided by the square root of its class's size, so that a class with many examples does not win
    by number. Scores become probabilities by a temperature that is fitted to the scores of
    examples left out.

    One example more is a rank-one update; the whole solution is made anew only when their number
    has grown by a fifth.

    Args:
        n_neighbors: how many of the nearest examples are named for a decision.
    """

    def __init__(self, n_neighbors: int = 3) -> None:
        super().__init__()
        self.n_neighbors = n_neighbors
        self._solution: KernelRidge | None = None
        self._chosen: Int64Array = np.empty(0, np.int64)
        self._solved_on = 0
        self._temperature = _USUAL_TEMPERATURE

    def partial_fit(
        self,
        X: npt.ArrayLike,
        y: Sequence[Hashable],
        keys: Iterable[int] | None = None,
        classes: Sequence[Hashable] | None = None,
        groups: Iterable[int] | None = None,
    ) -> Self:
        """Learn more examples; see ``Memory.partial_fit``."""
        before, solution = len(self), self._solution
        super().partial_fit(X, y, keys, classes, groups)
        new = np.arange(before, len(self))
        stale = has_grown(self._solved_on, len(self)) or len(self) <= _SOON
        if solution is not None and not stale and len(self) <= _MOST:
            for point in self._rows.vectors[new]:
                solution.add(point)
            self._chosen = np.concatenate([self._chosen, new])
        elif len(new) and stale:
            self._moved()
        return self

    def freeze(self) -> Frozen:
        """What it has learnt, as plain numbers. Raises InputError without examples."""
        self._check_fitted()
        solution, rows = self._solve(), self._rows
        places = self._by_class(self._chosen)
        order = self._chosen[places]
        targets, offsets = self._targets()
        linear = (solution.inverse @ targets)[places].T @ rows.vectors[order]
        return Frozen(
            name="ridge",
            taught=self._taught(),
            keys=rows.keys[order],
            codes=rows.codes[order],
            vectors=rows.vectors[order],
            parameters={"temperature": self._temperature, "penalty": solution.penalty},
            arrays={
                "linear": linear.astype(np.float32),
                "offsets": offsets.astype(np.float32),
                "inverse": solution.inverse[np.ix_(places, places)].astype(np.float32),
            },
        )

    def held_out(self) -> HeldOut:
        """What it would say of each example, had it not seen the example's group."""
        self._check_fitted()
        scores, familiarities, alone = self._without(self._solve())
        return HeldOut(
            self._rows.keys[self._chosen],
            self._rows.codes[self._chosen],
            self._probabilities(scores),
            familiarities,
            alone,
        )

    def _decide(self, unit: Float32Array, near: Nearby) -> Decision:
        chosen = self._best(near, min(self.n_neighbors, len(self)))
        keys, similarities = self._rows.keys[near.rows[chosen]], near.similarities[chosen]
        if len(chosen) == 0:
            return Decision(np.zeros(len(self._codes), np.float32), keys, similarities)
        solution = self._solve()
        everything = len(near.rows) == len(self)
        weights, variance = solution.weigh(
            near.similarities[self._chosen] if everything else solution.compare(unit)
        )
        targets, offsets = self._targets()
        scores = (weights @ targets + offsets)[None]
        (familiarity,) = _familiarity(scores, np.array([variance]))
        return Decision(self._probabilities(scores)[0], keys, similarities, float(familiarity))

    def _moved(self) -> None:
        self._solution, self._solved_on = None, 0

    def _solve(self) -> KernelRidge:
        """The solution; made anew where it is out of date."""
        if self._solution is None:
            self._chosen = evenly(self._rows.codes, _MOST)
            codes = self._rows.codes[self._chosen]
            weights = class_weights(codes, len(self._codes))
            targets, _ = self._targets()
            points = self._rows.vectors[self._chosen]
            self._solution = KernelRidge(points, targets, weights)
            self._solved_on = len(self)
            scores, _, _ = self._without(self._solution)
            scores[:, ~self._taught()] = -np.inf
            self._temperature = fit_temperature(scores, codes, weights, _USUAL_TEMPERATURE)
        return self._solution

    def _without(
        self, solution: KernelRidge
    ) -> tuple[Float64Array, Float32Array, npt.NDArray[np.bool_]]:
        """Scores and familiarity of each example without its group; which are left out alone."""
        groups, alone = self._left_out(self._chosen)
        order = np.argsort(groups, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
        targets, offsets = self._targets()
        scores, variances = solution.without(parts, targets)
        scores += offsets
        familiarities = _familiarity(scores, variances)
        codes = self._rows.codes[self._chosen]
        sizes = np.bincount(codes, minlength=len(self._codes))
        for part in parts:
            # Without the part its classes are smaller, so their indicators are larger.
            left = sizes - np.bincount(codes[part], minlength=len(sizes))
            scores[part] *= np.where(left > 0, np.sqrt(sizes / np.maximum(left, 1)), 0)
        return scores, familiarities, alone

    def _targets(self) -> tuple[Float64Array, Float64Array]:
        """Class indicators [n, classes], smaller for classes with more examples, less their means
        over the classes, [classes].
        """
        codes = self._rows.codes[self._chosen]
        sizes = np.bincount(codes, minlength=len(self._codes))
        usual = len(codes) / max(int((sizes > 0).sum()), 1)
        targets = np.zeros((len(codes), len(sizes)))
        targets[np.arange(len(codes)), codes] = np.sqrt(usual / sizes[codes])
        offsets = targets.max(axis=0, initial=0) / max(int((sizes > 0).sum()), 1)
        return targets - offsets, offsets

    def _probabilities(self, scores: Float64Array) -> Float32Array:
        return softmax(np.where(self._taught(), scores, -np.inf), self._temperature)


def _familiarity(scores: Float64Array, variances: Float64Array) -> Float32Array:
    """The lead of the best class over the next, less the variance: [n].

    Their weights are those that told taught signs from others best (benchmarks/README.md).
    """
    lead = np.zeros(len(scores))
    if scores.shape[1] > 1:
        ranked = np.partition(scores, -2, axis=1)
        lead = ranked[:, -1] - ranked[:, -2]
    return np.asarray(2 * lead - 3 * variances, np.float32)
