"""The index of heads with many examples: the sketch and the candidates it finds."""

from __future__ import annotations

import numpy as np
import pytest

from classify_anything.heads import KNeighborsHead
from classify_anything.heads.sketch import Sketch, fewest

MANY = 6000


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classify_anything.heads.embedding_matrix._SKETCHED_FROM", 4096)


def embeddings(count: int, seed: int = 0) -> np.ndarray:
    """Recordings of ten near copies, float32 [count, 256]."""
    random = np.random.default_rng(seed)
    recordings = random.standard_normal((-(-count // 10), 256), np.float32).repeat(10, axis=0)
    noise = random.standard_normal((count, 256), np.float32)
    return 2 + recordings[:count] + 0.3 * noise


def exact(rows: np.ndarray, query: np.ndarray, count: int) -> list[int]:
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.argsort(-(units @ query), kind="stable")[:count].tolist()


@pytest.mark.parametrize("dimension", [3, 64, 100])
@pytest.mark.parametrize("spread", [1, 10**9])
def test_differences_count_the_signs_that_differ(
    dimension: int, spread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classify_anything.heads.sketch._PARALLEL_FROM", spread)
    monkeypatch.setattr("classify_anything.heads.sketch._BLOCK", 7)
    rows = np.random.default_rng(0).standard_normal((40, dimension)).astype(np.float32)
    sketch = Sketch(rows[:25])
    sketch.append(rows[25:])
    sketch.move_last(3)
    rows[3] = rows[39]
    centre = np.random.default_rng(0).standard_normal((40, dimension)).astype(np.float32)[:25]
    signs = rows[:39] > centre.mean(axis=0, dtype=np.float64).astype(np.float32)
    expected = (signs != signs[11]).sum(axis=1)
    np.testing.assert_array_equal(sketch.differences(rows[11]), expected)


def test_fewest_includes_all_ties() -> None:
    differences = np.array([5, 1, 2, 2, 2, 9], np.uint16)
    assert fewest(differences, 2).tolist() == [1, 2, 3, 4]
    assert fewest(differences, 9).tolist() == [0, 1, 2, 3, 4, 5]


def test_the_nearest_of_many_equal_an_exact_search() -> None:
    rows = embeddings(MANY)
    head = KNeighborsHead(metric="cosine").fit(rows, [number % 3 for number in range(MANY)])
    queries = rows[::200] + 0.3 * embeddings(MANY, 1)[::200]
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found = head.kneighbors(queries, 3)[1].tolist()
    assert head._rows._sketch is not None
    assert found == [exact(rows, query, 3) for query in queries]


def test_few_examples_are_all_compared() -> None:
    head = KNeighborsHead().fit(embeddings(4000), [0] * 4000)
    head.decide(embeddings(1)[0])
    assert head._rows._sketch is None


@pytest.mark.parametrize("metric", ["adaptive", "cosine"])
def test_adding_and_removing_many_equals_adding_the_rest_at_once(metric: str) -> None:
    def make() -> KNeighborsHead:
        return KNeighborsHead(metric=metric)  # type: ignore[arg-type]

    rows, labels = embeddings(MANY), [number // 10 % 4 for number in range(MANY)]
    head = make()
    head.partial_fit(rows[:5000], labels[:5000], keys=range(5000), classes=range(4))
    head.decide(rows[0])
    head.partial_fit(rows[5000:], labels[5000:], keys=range(5000, MANY))
    gone = set(range(0, MANY, 17))
    head.remove(gone)
    kept = [key for key in range(MANY) if key not in gone]
    fresh = make()
    fresh.partial_fit(rows[kept], [labels[key] for key in kept], keys=kept, classes=range(4))
    head.refit()
    for query in rows[5::600]:
        near, same = head.kneighbors(query[None]), fresh.kneighbors(query[None])
        np.testing.assert_array_equal(near[1], same[1])
        np.testing.assert_allclose(near[0], same[0], atol=1e-6)
        one, other = head.decide(query), fresh.decide(query)
        assert one.probabilities.argmax() == other.probabilities.argmax()


def test_equal_rows_among_many_go_by_class_and_then_by_age() -> None:
    rows = embeddings(MANY)
    rows[[5999, 4000, 77, 2500]] = rows[10]
    labels = [1] * MANY
    labels[4000] = 0
    head = KNeighborsHead(metric="cosine").partial_fit(rows, labels, classes=[0, 1])
    assert head.kneighbors(rows[10:11], 5)[1].tolist() == [[4000, 10, 77, 2500, 5999]]
