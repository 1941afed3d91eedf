"""The rows that a query is compared with: all of them, or of many those that may be the nearest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classify_anything.heads.embedding_matrix import EmbeddingMatrix
from classify_anything.heads.protocol import Int64Array
from classify_anything.heads.sketch import fewest
from classify_anything.types import Float32Array

_LEAST = 256
_PER_ROOT = 4
"""So many rows are looked at for each root of their number: 400 of 10,000, 4,000 of a million."""
_PER_NEIGHBOR = 64


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows and how similar they are to a query.

    Attributes:
        rows: int64 [m], ascending.
        similarities: float32 [m], exact.
        differences: uint16 [n], by which the rows were taken from all; None where they are all.
    """

    rows: Int64Array
    similarities: Float32Array
    differences: npt.NDArray[np.uint16] | None = None

    def of_class(
        self, code: int, count: int, rows: EmbeddingMatrix, unit: Float32Array
    ) -> Candidates:
        """The rows of a class, with its ``count`` nearest among them if it has as many.

        ``rows`` and ``unit``, float32 [d], are what this was found by.
        """
        mine = np.flatnonzero(rows.codes[self.rows] == code)
        if len(mine) < count and self.differences is not None:
            members = rows.of_class(code)
            near = fewest(self.differences[members], count * _PER_NEIGHBOR)
            return _among(members[near], rows, unit)
        return Candidates(self.rows[mine], self.similarities[mine])


def nearby(rows: EmbeddingMatrix, units: Float32Array, count: int) -> list[Candidates]:
    """For each unit vector, float32 [n, d], rows with its ``count`` nearest among them.

    Up to a few thousand rows these are all rows; of more, those that a sketch finds.
    """
    wanted = max(_LEAST, int(_PER_ROOT * len(rows) ** 0.5), _PER_NEIGHBOR * count)
    sketch = rows.sketch if 4 * wanted < len(rows) else None
    if sketch is None:
        everything = np.arange(len(rows))
        return [Candidates(everything, found) for found in units @ rows.compared.T]
    found = []
    for unit in units:
        differences = sketch.differences(unit)
        near = _among(fewest(differences, wanted), rows, unit)
        found.append(Candidates(near.rows, near.similarities, differences))
    return found


def _among(chosen: Int64Array, rows: EmbeddingMatrix, unit: Float32Array) -> Candidates:
    return Candidates(chosen, rows.compared[chosen] @ unit)
