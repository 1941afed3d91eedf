"""What a head has learnt, as plain numbers: enough for another program to decide as it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from classify_anything.heads.protocol import Int64Array
from classify_anything.types import Float32Array


@dataclass(frozen=True, slots=True)
class HeadParameters:
    """A head at one moment. n examples of d numbers, in ``classes`` classes.

    Attributes:
        name: which kind of head.
        taught: bool [classes], which classes have examples; the others have the probability 0.
        keys: int64 [n], the examples.
        codes: int64 [n], their classes, ascending; within a class the oldest comes first, so that
            of two equal similarities the earlier row counts.
        vectors: float32 [n, d], unit vectors.
        parameters: single numbers and words, by name.
        arrays: further numbers, by name.

    For a unit vector ``u`` a program decides so:

    ``adaptive``  With c = u - ``centre``, u becomes c + ((``directions`` · c) * ``gains``) ·
                  ``directions``, divided by its length (at least 1e-5), and so does each row of
                  ``vectors``. The score of a class is the mean of its ``n_neighbors`` highest
                  products with it. Probabilities are softmax(scores / ``temperature``), and
                  typicality is the highest score.
    ``cosine``    The ``n_neighbors`` rows of ``vectors`` with the highest product with ``u`` (those
                  that differ by less than 1e-6 count as equal) vote for their classes. A vote
                  weighs ``votes[class]``, and with ``weights == "distance"`` also
                  1 / max(1 - similarity, 1e-5). Probabilities are shares of the weight. Typicality:
                  over the (at most 5) examples of the best class with the highest similarity, the
                  mean cosine between ``vector - mean`` and ``u - mean``.
    """

    name: Literal["adaptive", "cosine"]
    taught: npt.NDArray[np.bool_]
    keys: Int64Array
    codes: Int64Array
    vectors: Float32Array
    parameters: Mapping[str, Any]
    arrays: Mapping[str, Float32Array]


@runtime_checkable
class HasParameters(Protocol):
    """A head that can be frozen."""

    def freeze(self) -> HeadParameters: ...
