"""One bit per number of a vector: enough to find the few hundred rows that may be nearest."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from classify_anything.types import Float32Array

_WORD = 64
_BLOCK = 32_768
"""Rows to compare at a time, so that their words stay in a core's cache."""

_PARALLEL_FROM = 200_000
"""From this many rows on, a second thread saves more than it costs."""

_GROWTH = 4
"""Recompute the centre once the number of rows has grown by this factor."""


class Sketch:
    """The signs of vectors after subtracting their mean, to count where a query differs.

    The share of signs that differ estimates the angle between two vectors (Charikar, "Similarity
    estimation techniques from rounding algorithms", 2002). Embeddings of photographs all point in
    similar directions, hence the subtraction. The rows with the fewest differences include the
    nearest ones; exact similarities then rank them.

    A row takes d bits, 160 bytes for 1,280 numbers, and adding one costs O(d). Words are stored in
    columns, so that a comparison is a few long passes.

    Args:
        vectors: float32 [n, d], whose mean becomes the centre.
    """

    def __init__(self, vectors: Float32Array) -> None:
        self._count = 0
        self._centred_on = len(vectors)
        self._centre = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        words = -(-vectors.shape[1] // _WORD)
        self._words = np.empty((words, len(vectors)), np.uint64)
        self.append(vectors)

    @property
    def outgrown(self) -> bool:
        """Whether there are far more rows than the centre was computed from."""
        return self._count > _GROWTH * self._centred_on

    def append(self, vectors: Float32Array) -> None:
        """Add rows, float32 [m, d]."""
        start, stop = self._count, self._count + len(vectors)
        if stop > self._words.shape[1]:
            grown = np.empty((len(self._words), max(stop, 2 * start)), np.uint64)
            grown[:, :start] = self._words[:, :start]
            self._words = grown
        for first in range(0, len(vectors), _BLOCK):
            words = self._signs(vectors[first : first + _BLOCK])
            self._words[:, start + first : start + first + words.shape[1]] = words
        self._count = stop

    def move_last(self, row: int) -> None:
        """Overwrite a removed row with the last one."""
        self._count -= 1
        self._words[:, row] = self._words[:, self._count]

    def differences(self, unit: Float32Array) -> npt.NDArray[np.uint16]:
        """Count the signs in which each row differs from a vector, float32 [d]: uint16 [n]."""
        query = self._signs(unit[None])[:, 0]
        found = np.zeros(self._count, np.uint16)
        if self._count < _PARALLEL_FROM:
            self._compare(query, 0, found)
            return found
        parts = np.array_split(found, os.cpu_count() or 1)
        starts = np.cumsum([0, *(len(part) for part in parts[:-1])]).tolist()
        with ThreadPoolExecutor(len(parts)) as threads:
            list(threads.map(lambda start, part: self._compare(query, start, part), starts, parts))
        return found

    def _compare(
        self, query: npt.NDArray[np.uint64], start: int, found: npt.NDArray[np.uint16]
    ) -> None:
        """Count the differences of m rows from ``start`` on into ``found`` [m]."""
        other = np.empty(min(_BLOCK, len(found)), np.uint64)
        bits = np.empty(len(other), np.uint8)
        for first in range(0, len(found), _BLOCK):
            sums = found[first : first + _BLOCK]
            size = len(sums)
            for word, column in zip(query, self._words, strict=True):
                rows = column[start + first : start + first + size]
                np.bitwise_xor(rows, word, out=other[:size])
                np.bitwise_count(other[:size], out=bits[:size])
                np.add(sums, bits[:size], out=sums)

    def _signs(self, vectors: Float32Array) -> npt.NDArray[np.uint64]:
        """uint64 [words, m]."""
        packed = np.zeros((len(vectors), 8 * len(self._words)), np.uint8)
        signs = np.packbits(vectors > self._centre, axis=1)
        packed[:, : signs.shape[1]] = signs
        return packed.view(np.uint64).T


def fewest(differences: npt.NDArray[np.uint16], count: int) -> npt.NDArray[np.int64]:
    """Return the ``count`` places with the fewest differences, ascending, and ties with the last.

    With ties, either all equal rows are included or none.
    """
    if count >= len(differences):
        return np.arange(len(differences))
    most = np.partition(differences, count - 1)[count - 1]
    return np.flatnonzero(differences <= most)
