"""A matrix of unit vectors that grows and shrinks in amortised time."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from classify_anything.errors import EmbeddingError, NotFoundError
from classify_anything.heads.sketch import Sketch
from classify_anything.types import Float32Array

_FIRST_CAPACITY = 64
_SKETCHED_FROM = 32_768
"""With fewer rows, comparing all of them is faster."""
_MIN_SIGNS = 256
"""A sketch of fewer signs is too coarse."""


def unit_rows(X: npt.ArrayLike, dimension: int | None = None) -> Float32Array:
    """Scale rows to length 1: float32 [n, d].

    Raises:
        EmbeddingError: a row is zero or not finite, or d is not ``dimension``.
    """
    rows = np.asarray(X, dtype=np.float32)
    if rows.ndim != 2:
        raise EmbeddingError(f"Embeddings must have shape [n, d], not {list(rows.shape)}.")
    if dimension is not None and rows.shape[1] != dimension:
        raise EmbeddingError(
            f"The embedding has {rows.shape[1]} numbers; the examples have {dimension}."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)):
        raise EmbeddingError("The embedding contains NaN, infinite or too large values.")
    if np.any(lengths == 0):
        raise EmbeddingError("The embedding is all zeros, so it has no direction.")
    units: Float32Array = rows / lengths
    return units


class EmbeddingMatrix:
    """Unit vectors with a key, a class code and a group each; adding one costs amortised O(d).

    Removal moves the last row into the gap, so only keys show the age of examples. ``keys``,
    ``codes`` and ``groups`` are views, int64 [n].
    """

    def __init__(self) -> None:
        self._vectors = np.empty((0, 0), dtype=np.float32)
        self._compared: Float32Array | None = None
        self._columns = np.empty((3, 0), dtype=np.int64)
        self._sum = np.zeros(0)
        self._row_of_key: dict[int, int] = {}
        self._of_class: dict[int, npt.NDArray[np.int64]] = {}
        self._sketch: Sketch | None = None

    def __len__(self) -> int:
        return len(self._row_of_key)

    def __contains__(self, key: int) -> bool:
        return key in self._row_of_key

    @property
    def dimension(self) -> int | None:
        """d, or None while there are no examples."""
        return self._vectors.shape[1] if len(self) else None

    @property
    def vectors(self) -> Float32Array:
        """float32 [n, d], a view."""
        return self._vectors[: len(self)]

    @property
    def compared(self) -> Float32Array:
        """float32 [n, d], a view: the rows to compare a query with, by default ``vectors``."""
        return self.vectors if self._compared is None else self._compared[: len(self)]

    def compare(self, vectors: Float32Array | None) -> None:
        """Compare queries with these unit vectors, [n, d], or with ``vectors`` again."""
        self._compared, self._sketch = vectors, None
        if vectors is not None and len(vectors) < len(self._vectors):
            self._compared = np.empty_like(self._vectors)
            self._compared[: len(vectors)] = vectors

    def of_class(self, code: int) -> npt.NDArray[np.int64]:
        """Return the rows of a class, ascending."""
        if code not in self._of_class:
            self._of_class[code] = np.flatnonzero(self.codes == code)
        return self._of_class[code]

    @property
    def mean(self) -> Float32Array:
        """float32 [d], the mean vector."""
        return np.asarray(self._sum / max(len(self), 1), np.float32)

    @property
    def keys(self) -> npt.NDArray[np.int64]:
        return self._columns[0, : len(self)]

    @property
    def codes(self) -> npt.NDArray[np.int64]:
        return self._columns[1, : len(self)]

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        return self._columns[2, : len(self)]

    @property
    def sketch(self) -> Sketch | None:
        """A sketch of the rows, built on first use; None if there are too few rows to need one."""
        if len(self) < _SKETCHED_FROM or self._vectors.shape[1] < _MIN_SIGNS:
            return None
        if self._sketch is None or self._sketch.outgrown:
            self._sketch = Sketch(self.compared)
        return self._sketch

    def append(
        self,
        units: Float32Array,
        keys: npt.NDArray[np.int64],
        codes: npt.NDArray[np.int64],
        groups: npt.NDArray[np.int64],
        compared: Float32Array | None = None,
    ) -> None:
        """Add unit vectors [m, d] with new keys [m], class codes [m] and groups [m].

        ``compared`` [m, d] are the vectors to compare instead, if ``compare`` was called.
        """
        start, stop = len(self), len(self) + len(units)
        if start == 0:
            self._vectors = np.empty((0, units.shape[1]), dtype=np.float32)
            self._columns = self._columns[:, :0]
            self._sum = np.zeros(units.shape[1])
            self._compared = self._sketch = None
        self._sum += units.sum(axis=0, dtype=np.float64)
        if stop > len(self._vectors):
            self._grow(max(stop, 2 * len(self._vectors), _FIRST_CAPACITY))
        self._vectors[start:stop] = units
        if self._compared is not None and compared is not None:
            self._compared[start:stop] = compared
        self._columns[:, start:stop] = keys, codes, groups
        self._row_of_key.update(zip(keys.tolist(), range(start, stop), strict=True))
        if self._sketch is not None:
            self._sketch.append(self.compared[start:stop])
        self._of_class.clear()

    def remove(self, keys: Iterable[int]) -> None:
        """Remove the rows with these keys. On NotFoundError, nothing is removed."""
        keys = list(dict.fromkeys(keys))
        for key in keys:
            if key not in self._row_of_key:
                raise NotFoundError(f"No example with key {key}.")
        self._of_class.clear()
        for key in keys:
            gap = self._row_of_key.pop(key)
            self._sum -= self._vectors[gap]
            last = len(self)
            if self._sketch is not None:
                self._sketch.move_last(gap)
            if gap != last:
                self._vectors[gap] = self._vectors[last]
                if self._compared is not None:
                    self._compared[gap] = self._compared[last]
                self._columns[:, gap] = self._columns[:, last]
                self._row_of_key[int(self._columns[0, gap])] = gap

    def recode(self, codes: npt.NDArray[np.int64]) -> None:
        """Replace each class code by ``codes[code]``."""
        self._columns[1, : len(self)] = codes[self.codes]
        self._of_class.clear()

    def _grow(self, capacity: int) -> None:
        spare = capacity - len(self._vectors)
        rows = np.empty((spare, self._vectors.shape[1]), np.float32)
        self._vectors = np.concatenate([self._vectors, rows])
        if self._compared is not None:
            self._compared = np.concatenate([self._compared, rows])
        self._columns = np.concatenate([self._columns, np.empty((3, spare), np.int64)], axis=1)
