"""Leaving out a recording equals refitting without it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from classify_anything import KNeighborsHead
from classify_anything.heads.fitting import Fit
from classify_anything.heads.metric import fit_metric, scatter, view_weight

_CLASSES = 10
_VIEWS = 8
_DRAWS = 4
_TOLERANCE = 0.01


class Digits:
    """Scikit-learn's digits, embedded as 64 numbers by a fixed random layer."""

    def __init__(self) -> None:
        self.images, self.codes = load_digits(return_X_y=True)
        self.images = self.images.reshape(-1, 8, 8) / 16
        self._layer = np.random.default_rng(0).standard_normal((64, 64))

    def embed(self, images: np.ndarray) -> np.ndarray:
        """float [n, 8, 8] → float32 [n, 64], of length 1."""
        found = np.maximum(images.reshape(-1, 64) @ self._layer, 0)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    def vary(self, image: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
        """Return copies of an image, [count, 8, 8], shifted by up to a pixel and dimmed or not."""
        moved = [np.roll(image, random.integers(-1, 2, 2), (0, 1)) for _ in range(count)]
        return np.stack(moved) * random.uniform(0.7, 1.3, (count, 1, 1))

    def draw(self, recordings: int, random: np.random.Generator) -> np.ndarray:
        """Return the rows of random images, ``recordings`` per class."""
        return np.concatenate(
            [
                random.choice(np.flatnonzero(self.codes == code), recordings, replace=False)
                for code in range(_CLASSES)
            ]
        )


@pytest.fixture(scope="module")
def digits() -> Digits:
    return Digits()


def teach(
    X: np.ndarray, y: np.ndarray, keys: np.ndarray, groups: np.ndarray, views: dict[int, np.ndarray]
) -> KNeighborsHead:
    head = KNeighborsHead()
    head.partial_fit(X, y.tolist(), keys.tolist(), list(range(_CLASSES)), groups.tolist())
    head.add_views(views)
    return head


def fitted(head: KNeighborsHead) -> KNeighborsHead:
    """Fit only the metric: the temperature takes longer, and never changes the answer."""
    sample = head.sample()
    found = scatter(sample.units, sample.codes, sample.groups, sample.views)
    head.adopt(Fit(fit_metric(found), temperature=0.1, references=np.empty(0, np.float32)))
    return head


@pytest.mark.parametrize("frames", [1, 4], ids=["pictures", "recordings of 4 frames"])
@pytest.mark.parametrize("views", [0, _VIEWS], ids=["without views", "with views"])
@pytest.mark.parametrize("recordings", [2, 5])
def test_leaving_out_a_recording_is_as_accurate_as_refitting_without_it(
    digits: Digits, frames: int, views: int, recordings: int
) -> None:
    left_out, retrained = [], []
    for seed in range(_DRAWS):
        random = np.random.default_rng(seed)
        rows = digits.draw(recordings, random)
        images = digits.images[rows][:, None]
        if frames > 1:
            images = np.stack([digits.vary(image[0], frames, random) for image in images])
        X = digits.embed(images)
        y, groups = np.repeat(digits.codes[rows], frames), np.repeat(rows, frames)
        keys = np.arange(len(X))
        flat = images.reshape(-1, 8, 8)
        seen = {
            key: digits.embed(digits.vary(flat[key], views, random))
            for key in keys.tolist()
            if views
        }

        held = teach(X, y, keys, groups, seen).held_out()
        assert held.keys.tolist() == keys.tolist()
        left_out.append((held.probabilities.argmax(axis=1) == held.codes).mean())

        right = np.zeros(len(X), bool)
        for group in rows:
            kept = groups != group
            head = fitted(teach(X[kept], y[kept], keys[kept], groups[kept], seen))
            right[~kept] = head.predict(X[~kept]) == y[~kept]
        retrained.append(right.mean())
    assert np.mean(left_out) == pytest.approx(np.mean(retrained), abs=_TOLERANCE)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_classes_with_identical_examples_share_the_probability(count: int) -> None:
    random = np.random.default_rng(count)
    same = random.standard_normal((count, 16))
    head = KNeighborsHead().fit(np.tile(same, (3, 1)), np.repeat(["a", "b", "c"], count).tolist())
    for query in [*same, *random.standard_normal((5, 16))]:
        np.testing.assert_allclose(head.predict_proba([query]), [[1 / 3] * 3], atol=1e-5)


def test_a_burst_of_100_frames_weighs_as_much_as_one_picture_of_another_recording(
    digits: Digits,
) -> None:
    random = np.random.default_rng(0)
    units = digits.embed(digits.images[digits.draw(2, random)])
    codes, groups = np.repeat(np.arange(_CLASSES), 2), np.arange(2 * _CLASSES)
    # The first picture of every class becomes 100 frames of one recording.
    repeats = np.where(groups % 2, 1, 100)
    once = scatter(units, codes, groups, {})
    burst = scatter(
        np.repeat(units, repeats, 0), np.repeat(codes, repeats), np.repeat(groups, repeats), {}
    )
    np.testing.assert_allclose(burst.means, once.means, atol=1e-7)
    np.testing.assert_allclose(
        burst.rows().T @ burst.rows(), once.rows().T @ once.rows(), atol=1e-7
    )


def test_views_stop_mattering_with_many_recordings(digits: Digits) -> None:
    assert [view_weight(count) for count in (1, 5)] == [0.3, 0.3]
    assert view_weight(10) == pytest.approx(0.3 / 4)
    random = np.random.default_rng(0)
    changes = []
    for recordings in (2, 100):
        rows = digits.draw(recordings, random)
        X, y, keys = digits.embed(digits.images[rows]), digits.codes[rows], np.arange(len(rows))
        views = {
            key: digits.embed(digits.vary(digits.images[row], _VIEWS, random))
            for key, row in enumerate(rows)
        }
        queries = digits.embed(np.delete(digits.images, rows, 0)[:200])
        plain, varied = (
            fitted(teach(X, y, keys, keys, some)).predict_proba(queries) for some in ({}, views)
        )
        changes.append(float(np.abs(plain - varied).sum(axis=1).mean() / 2))
    few, many = changes
    assert few > 0.03
    assert many < 0.01
