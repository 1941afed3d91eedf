"""The parameters of a head as arrays, so that other programs can classify as it does."""

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
    """A snapshot of a head: n examples of d numbers.

    Attributes:
        name: the metric.
        taught: bool [classes], whether a class has examples; without, its probability is 0.
        keys: int64 [n], the examples.
        codes: int64 [n], their classes, ascending; within a class, oldest first, so that the
            earlier row wins a tie.
        vectors: float32 [n, d], unit vectors.
        parameters: scalars, by name.
        arrays: arrays, by name.

    To classify a unit vector ``u``:

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
    """A head that can export its parameters."""

    def freeze(self) -> HeadParameters: ...
