"""The rows to compare a query with: all of them, or those that a sketch preselects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classify_anything.heads.embedding_matrix import EmbeddingMatrix
from classify_anything.heads.protocol import Int64Array
from classify_anything.heads.sketch import fewest
from classify_anything.types import Float32Array

_MIN_CANDIDATES = 256
_PER_ROOT = 4
"""Candidates per square root of the number of rows: 400 of 10,000, 4,000 of a million."""
_PER_NEIGHBOR = 64


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows and their similarities to a query.

    Attributes:
        rows: int64 [m], ascending.
        similarities: float32 [m], exact.
        differences: uint16 [n], from the sketch that selected the rows; None if all were selected.
    """

    rows: Int64Array
    similarities: Float32Array
    differences: npt.NDArray[np.uint16] | None = None

    def of_class(
        self, code: int, count: int, rows: EmbeddingMatrix, unit: Float32Array
    ) -> Candidates:
        """Return rows of a class that include its ``count`` nearest, if it has as many.

        ``rows`` and ``unit``, float32 [d], are the matrix and the query of these candidates.
        """
        mine = np.flatnonzero(rows.codes[self.rows] == code)
        if len(mine) < count and self.differences is not None:
            members = rows.of_class(code)
            near = members[fewest(self.differences[members], count * _PER_NEIGHBOR)]
            return Candidates(near, rows.compared[near] @ unit)
        return Candidates(self.rows[mine], self.similarities[mine])


def find_candidates(rows: EmbeddingMatrix, units: Float32Array, count: int) -> list[Candidates]:
    """For each unit vector, float32 [n, d], return rows that include its ``count`` nearest."""
    wanted = max(_MIN_CANDIDATES, int(_PER_ROOT * len(rows) ** 0.5), _PER_NEIGHBOR * count)
    sketch = rows.sketch if 4 * wanted < len(rows) else None
    if sketch is None:
        every = np.arange(len(rows))
        return [Candidates(every, similarities) for similarities in units @ rows.compared.T]
    found = []
    for unit in units:
        differences = sketch.differences(unit)
        chosen = fewest(differences, wanted)
        found.append(Candidates(chosen, rows.compared[chosen] @ unit, differences))
    return found
