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
from classify_anything.heads.kernel import Float64Array, KernelRidge, best_penalty
from classify_anything.heads.memory import Memory, evenly
from classify_anything.heads.nearby import Nearby
from classify_anything.heads.protocol import Decision, HeldOut, Int64Array, nothing_known
from classify_anything.types import Float32Array

_USUAL_TEMPERATURE = 0.085
_SOON = 200
"""Up to so many examples a whole solution takes a few milliseconds, and is made at each change."""
_MOST = 1500
"""A solution takes no more examples than this, evenly of all classes: its time grows with their
cube, and more of them hardly change it."""
_AT_ONCE = 64
"""Of more examples than this a whole solution is quicker than one update after the other."""
_GROWTH = 1.5
"""Penalty and temperature are found anew when their number has changed so much."""
_TUNED_BY = 500
"""So many examples tell the best penalty."""


class RidgeHead(Memory):
    """Classify by kernel ridge regression on class indicators.

    The kernel is the product of unit vectors (see ``KernelRidge``). They are not centred: a mean
    that an example had a part in would give its class away when it is left out. An indicator is
    divided by the square root of its class's size, so that a class with many examples does not win
    by number. Scores become probabilities by a temperature that is fitted to the scores of
    examples left out.

    One example more or less is a rank-one update. When their number has grown by half, the penalty
    is chosen anew, and only if it is another one, the whole solution is made anew. Of more than
    1,500 examples it takes 1,500, evenly of all classes; a new one then takes the place of the
    oldest of the class with the most.

    Args:
        n_neighbors: how many of the nearest examples are named for a decision.
    """

    def __init__(self, n_neighbors: int = 3) -> None:
        super().__init__()
        self.n_neighbors = n_neighbors
        self._solution: KernelRidge | None = None
        self._chosen: Int64Array = np.empty(0, np.int64)
        self._tuned_on = 0
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
        before = len(self)
        super().partial_fit(X, y, keys, classes, groups)
        if self._can_follow(len(self) - before):
            for row in range(before, len(self)):
                self._take_in(row)
            self._tune()
        return self

    def _can_follow(self, changes: int) -> bool:
        """Whether the solution can follow so many changes one by one; else it is made anew."""
        if changes == 0 or self._solution is None:
            return False
        too_many = changes > _AT_ONCE or (self._is_due() and len(self) > _MOST)
        if len(self) <= _SOON or too_many:
            self._moved()
        return self._solution is not None

    def _is_due(self) -> bool:
        return has_grown(self._tuned_on, len(self), _GROWTH)

    def _take_in(self, row: int) -> None:
        assert self._solution
        if len(self._solution) >= _MOST:
            codes = self._rows.codes[self._chosen]
            most = np.bincount(codes).argmax()
            ages = np.where(codes == most, self._rows.keys[self._chosen], np.iinfo(np.int64).max)
            self._give_up(int(ages.argmin()))
        self._solution.add(self._rows.vectors[row])
        self._chosen = np.append(self._chosen, row)

    def _give_up(self, place: int) -> None:
        assert self._solution
        self._solution.remove(place)
        self._chosen[place] = self._chosen[-1]
        self._chosen = self._chosen[:-1]

    def _forgotten(self, moves: list[tuple[int, int]]) -> None:
        if not self._can_follow(len(moves)):
            return
        for gap, last in moves:
            places = np.flatnonzero(self._chosen == gap)
            if len(places) and len(self) >= _MOST:  # another example is to take its place
                self._moved()
                return
            if len(places):
                self._give_up(int(places[0]))
            self._chosen[self._chosen == last] = gap
        self._tune()

    def freeze(self) -> Frozen:
        """What it has learnt, as plain numbers. Raises InputError without examples."""
        self._check_fitted()
        solution, rows = self._solve(), self._rows
        places = self._by_class(self._chosen)
        order = self._chosen[places]
        targets, offsets, heights = self._targets()
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
                "heights": heights.astype(np.float32),
                "inverse": solution.inverse[np.ix_(places, places)].astype(np.float32),
            },
        )

    def held_out(self) -> HeldOut:
        """What it would say of each example, had it not seen the example's group."""
        self._check_fitted()
        solution = self._solve()
        able = self._has_others(self._chosen)
        scores, familiarities, alone = self._without(solution)
        return HeldOut(
            self._rows.keys[self._chosen[able]],
            self._rows.codes[self._chosen[able]],
            self._probabilities(scores[able]),
            familiarities[able],
            alone[able],
        )

    def _decide(self, unit: Float32Array, near: Nearby) -> Decision:
        if not len(self):
            return nothing_known(len(self._codes))
        solution = self._solve()
        everything = len(near.rows) == len(self)
        weights, variance = solution.weigh(
            near.similarities[self._chosen] if everything else solution.compare(unit)
        )
        targets, offsets, heights = self._targets()
        scores = (weights @ targets + offsets)[None]
        (familiarity,) = self._familiarity(scores / heights, np.array([variance]))
        probabilities = self._probabilities(scores)[0]
        keys, similarities = self._most_like(near, unit, int(probabilities.argmax()))
        return Decision(probabilities, keys, similarities, float(familiarity))

    def _moved(self) -> None:
        self._solution, self._tuned_on = None, 0

    def _solve(self) -> KernelRidge:
        """The solution; made anew where it is out of date."""
        if self._solution is None:
            self._chosen = evenly(self._rows.codes, _MOST)
            points = self._rows.vectors[self._chosen]
            self._solution = KernelRidge(points, self._best_penalty())
            self._calibrate()
        return self._solution

    def _tune(self) -> None:
        """Where it is due, see whether another penalty is better now, and calibrate."""
        if not self._solution or not self._is_due():
            return
        if self._best_penalty() == self._solution.penalty:
            self._calibrate()
        else:
            self._moved()

    def _best_penalty(self) -> float:
        sample = evenly(self._rows.codes[self._chosen], _TUNED_BY)
        places = np.full(len(self._chosen), -1)
        places[sample] = np.arange(len(sample))
        able = self._has_others(self._chosen)
        parts = [places[part] for part in self._parts()[0] if able[part].all()]
        parts = [there for part in parts if len(there := part[part >= 0])]
        targets, _, _ = self._targets()
        return best_penalty(self._rows.vectors[self._chosen[sample]], targets[sample], parts)

    def _calibrate(self) -> None:
        """Fit the temperature to what is said of examples without their recording."""
        assert self._solution
        self._tuned_on = len(self)
        scores, _, alone = self._without(self._solution)
        told = self._has_others(self._chosen) & ~alone
        codes = self._rows.codes[self._chosen[told]]
        self._temperature = fit_temperature(
            np.where(self._taught(), scores[told], -np.inf),
            codes,
            class_weights(codes, len(self._codes)),
            _USUAL_TEMPERATURE,
        )

    def _without(
        self, solution: KernelRidge
    ) -> tuple[Float64Array, Float32Array, npt.NDArray[np.bool_]]:
        """Scores and familiarity of each example without its group; which are left out alone."""
        parts, alone = self._parts()
        targets, offsets, heights = self._targets()
        scores, variances = solution.without(parts, targets)
        scores += offsets
        familiarities = self._familiarity(scores / heights, variances)
        codes = self._rows.codes[self._chosen]
        sizes = np.bincount(codes, minlength=len(self._codes))
        for part in parts:
            # Without the part its classes are smaller, so their indicators are larger.
            left = sizes - np.bincount(codes[part], minlength=len(sizes))
            scores[part] *= np.where(left > 0, np.sqrt(sizes / np.maximum(left, 1)), 0)
            scores[part] *= np.sqrt(1 - len(part) / len(codes))
        return scores, familiarities, alone

    def _parts(self) -> tuple[list[Int64Array], npt.NDArray[np.bool_]]:
        """The places in the solution that are left out together, and which are left out alone."""
        groups, alone = self._left_out(self._chosen)
        order = np.argsort(groups, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1), alone

    def _targets(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Class indicators [n, classes] less their means over the classes, these means [classes],
        and how high an indicator is, [classes]: less for classes with more examples.
        """
        codes = self._rows.codes[self._chosen]
        sizes = np.bincount(codes, minlength=len(self._codes))
        taught = max(int((sizes > 0).sum()), 1)
        heights = np.sqrt(len(codes) / taught / np.maximum(sizes, 1))
        offsets = np.where(sizes > 0, heights, 0) / taught
        targets = np.zeros((len(codes), len(sizes)))
        targets[np.arange(len(codes)), codes] = heights[codes]
        return targets - offsets, offsets, heights

    def _probabilities(self, scores: Float64Array) -> Float32Array:
        return softmax(np.where(self._taught(), scores, -np.inf), self._temperature)

    def _familiarity(self, shares: Float64Array, variances: Float64Array) -> Float32Array:
        """The lead of the best class over the next, less the variance: [n].

        ``shares`` are scores [n, classes] by the height of an indicator, so that the lead is as
        large for small classes as for large ones. The weights are those that told taught signs from
        others best (benchmarks/README.md).
        """
        of_taught = shares[:, self._taught()]
        lead = np.zeros(len(shares))
        if of_taught.shape[1] > 1:
            ranked = np.partition(of_taught, -2, axis=1)
            lead = ranked[:, -1] - ranked[:, -2]
        return np.asarray(2 * lead - 3 * variances, np.float32)
