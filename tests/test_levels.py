"""Unit vectors in 8 bits."""

from __future__ import annotations

import numpy as np

from classify_anything.export.formats.int8_vectors import from_levels, to_levels


def units(count: int, dimension: int) -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_similarities_stay_near() -> None:
    vectors = units(200, 1280)
    rounded = from_levels(to_levels(vectors))
    np.testing.assert_allclose(np.linalg.norm(rounded, axis=1), 1, atol=1e-6)
    assert np.abs(rounded @ rounded.T - vectors @ vectors.T).max() < 0.003


def test_what_is_rounded_once_stays_as_it_is() -> None:
    rounded = from_levels(to_levels(units(50, 64)))
    np.testing.assert_array_equal(from_levels(to_levels(rounded)), rounded)


def test_a_vector_of_nothing_is_nothing() -> None:
    assert not from_levels(to_levels(np.zeros((1, 8), np.float32))).any()
