"""A matrix of unit vectors that grows and shrinks without being copied each time."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from classify_anything.errors import EmbeddingError, NotFoundError
from classify_anything.heads.sketch import Sketch
from classify_anything.types import Float32Array

_FIRST_CAPACITY = 64
_SKETCHED_FROM = 32_768
"""So many rows are compared with one by one in less time than a sketch is worth."""
_LEAST_SIGNS = 256
"""A sketch of fewer signs tells too little."""


def unit_rows(X: npt.ArrayLike, dimension: int | None = None) -> Float32Array:
    """Give float32 [n, d] rows of length 1.

    Raises:
        EmbeddingError: a row is zero or not finite, or d is not ``dimension``.
    """
    rows = np.asarray(X, dtype=np.float32)
    if rows.ndim != 2:
        raise EmbeddingError(f"Embeddings must have shape [n, d], not {list(rows.shape)}.")
    if dimension is not None and rows.shape[1] != dimension:
        raise EmbeddingError(
            f"An embedding of {rows.shape[1]} numbers was given; the examples have {dimension}."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)):
        raise EmbeddingError("An embedding has numbers that are not finite, or too large.")
    if np.any(lengths == 0):
        raise EmbeddingError("An embedding is zero in every place, so it has no direction.")
    units: Float32Array = rows / lengths
    return units


class EmbeddingMatrix:
    """Unit vectors with a key, a class code and a group each; adding one costs amortised O(d).

    Removal moves the last row into the gap, so the order of rows means nothing; age is told by
    the key.
    """

    def __init__(self) -> None:
        self._vectors = np.empty((0, 0), dtype=np.float32)
        self._compared: Float32Array | None = None
        self._keys = np.empty(0, dtype=np.int64)
        self._codes = np.empty(0, dtype=np.int64)
        self._groups = np.empty(0, dtype=np.int64)
        self._sum = np.zeros(0)
        self._mean: Float32Array | None = None
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
        """float32 [n, d], a view: what a query is compared with, by default ``vectors``."""
        return self.vectors if self._compared is None else self._compared[: len(self)]

    def compare(self, vectors: Float32Array | None) -> None:
        """Compare queries with these unit vectors, [n, d]; with None, with ``vectors``."""
        self._compared, self._sketch = vectors, None
        if vectors is not None and len(vectors) < len(self._vectors):
            self._compared = np.empty_like(self._vectors)
            self._compared[: len(vectors)] = vectors

    def of_class(self, code: int) -> npt.NDArray[np.int64]:
        """The rows of a class, ascending."""
        if code not in self._of_class:
            self._of_class[code] = np.flatnonzero(self.codes == code)
        return self._of_class[code]

    @property
    def mean(self) -> Float32Array:
        """float32 [d], of the vectors; kept up to date, not added up anew."""
        if self._mean is None:
            self._mean = (self._sum / max(len(self), 1)).astype(np.float32)
        return self._mean

    @property
    def keys(self) -> npt.NDArray[np.int64]:
        """int64 [n], a view."""
        return self._keys[: len(self)]

    @property
    def codes(self) -> npt.NDArray[np.int64]:
        """int64 [n], a view."""
        return self._codes[: len(self)]

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """int64 [n], a view."""
        return self._groups[: len(self)]

    @property
    def sketch(self) -> Sketch | None:
        """What tells quickly which rows are near; None for the few rows that need no such help.

        It is made when it is first asked for, and then kept up to date.
        """
        if len(self) < _SKETCHED_FROM or self._vectors.shape[1] < _LEAST_SIGNS:
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

        ``compared`` [m, d] is what they are compared by, if ``compare`` was called.
        """
        start, stop = len(self), len(self) + len(units)
        if start == 0 and self._vectors.shape[1] != units.shape[1]:
            self._vectors = np.empty((0, units.shape[1]), dtype=np.float32)
            self._keys, self._codes, self._groups = (
                column[:0] for column in (self._keys, self._codes, self._groups)
            )
        if start == 0:
            self._sum = np.zeros(units.shape[1])
            self._compared = self._sketch = None
        self._sum += units.sum(axis=0, dtype=np.float64)
        self._mean = None
        if stop > len(self._vectors):
            self._grow(max(stop, 2 * len(self._vectors), _FIRST_CAPACITY))
        self._vectors[start:stop] = units
        if self._compared is not None and compared is not None:
            self._compared[start:stop] = compared
        self._keys[start:stop] = keys
        self._codes[start:stop] = codes
        self._groups[start:stop] = groups
        self._row_of_key.update(zip(keys.tolist(), range(start, stop), strict=True))
        if self._sketch is not None:
            self._sketch.append(self.compared[start:stop])
        self._of_class.clear()

    def remove(self, keys: Iterable[int]) -> None:
        """Take out the rows with these keys. Raises NotFoundError, and then removes none."""
        keys = list(dict.fromkeys(keys))
        for key in keys:
            if key not in self._row_of_key:
                raise NotFoundError(f"No example with the key {key}.")
        self._of_class.clear()
        for key in keys:
            gap = self._row_of_key.pop(key)
            self._sum -= self._vectors[gap]
            self._mean = None
            last = len(self)
            if self._sketch is not None:
                self._sketch.move_last(gap)
            if gap != last:
                self._vectors[gap] = self._vectors[last]
                if self._compared is not None:
                    self._compared[gap] = self._compared[last]
                self._keys[gap] = self._keys[last]
                self._codes[gap] = self._codes[last]
                self._groups[gap] = self._groups[last]
                self._row_of_key[int(self._keys[gap])] = gap

    def recode(self, codes: npt.NDArray[np.int64]) -> None:
        """Give every row a new class code: ``codes[old]``."""
        self.codes[:] = codes[self.codes]
        self._of_class.clear()

    def _grow(self, capacity: int) -> None:
        count = len(self)
        for name in ("_vectors", "_compared", "_keys", "_codes", "_groups"):
            old = getattr(self, name)
            if old is None:
                continue
            new = np.empty((capacity, *old.shape[1:]), dtype=old.dtype)
            new[:count] = old[:count]
            setattr(self, name, new)
