"""The contract of every head."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from classify_anything.errors import EmbeddingError, InputError, NotFoundError
from classify_anything.heads import Head, KNeighborsHead
from classify_anything.heads.parameters import HeadParameters

HEADS: dict[str, Callable[[], Head]] = {
    "adaptive": KNeighborsHead,
    "adaptive, k=1": lambda: KNeighborsHead(1),
    "votes": lambda: KNeighborsHead(metric="cosine"),
    "votes, distance": lambda: KNeighborsHead(metric="cosine", weights="distance"),
    "votes, k=1": lambda: KNeighborsHead(1, "cosine"),
    "votes, balanced": lambda: KNeighborsHead(3, "cosine", "distance", balanced=True),
}


@pytest.fixture(params=HEADS.values(), ids=HEADS.keys())
def make_head(request: pytest.FixtureRequest) -> Callable[[], Head]:
    return request.param


@pytest.fixture
def head(make_head: Callable[[], Head]) -> Head:
    return make_head()


def clusters(count: int = 10, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Return embeddings [count * classes, 8] around one axis per class, and their labels."""
    random = np.random.default_rng(seed)
    labels = [f"c{number}" for _ in range(count) for number in range(classes)]
    centres = np.eye(8, dtype=np.float32)[[int(label[1:]) for label in labels]]
    return centres + 0.1 * random.standard_normal(centres.shape).astype(np.float32), labels


def test_it_recognises_its_examples(head: Head) -> None:
    X, y = clusters()
    head.partial_fit(X, y)
    fresh, expected = clusters(seed=1)
    for embedding, label in zip(fresh, expected, strict=True):
        decision = head.decide(embedding)
        assert head.classes_[decision.probabilities.argmax()] == label
        assert decision.probabilities.sum() == pytest.approx(1)
        assert len(decision.keys) == len(decision.similarities)
        assert (np.diff(decision.similarities) <= 1e-6).all()


def test_the_nearest_examples_support_the_decision(head: Head) -> None:
    random = np.random.default_rng(0)
    X, y = clusters(count=20)
    head.partial_fit(X + 0.4 * random.standard_normal(X.shape), y)
    labels = dict(enumerate(y))
    for query in random.standard_normal((30, 8)) + 0.3:
        decision = head.decide(query)
        answer = head.classes_[decision.probabilities.argmax()]
        named = [labels[key] for key in decision.keys.tolist()]
        if head.metric == "adaptive":
            assert named == [answer] * head.n_neighbors
        else:
            assert answer in named


def test_without_examples_every_probability_is_zero(head: Head) -> None:
    assert head.decide([1, 0, 0]).probabilities.size == 0
    head.partial_fit(np.empty((0, 3)), [], classes=["a", "b"])
    decision = head.decide([1, 0, 0])
    assert decision.probabilities.tolist() == [0, 0]
    assert decision.keys.size == 0


def test_adding_one_by_one_equals_adding_at_once(head: Head, make_head: Callable[[], Head]) -> None:
    X, y = clusters()
    for key, (row, label) in enumerate(zip(X, y, strict=True)):
        head.partial_fit(row[None], [label], keys=[key])
    at_once = make_head().partial_fit(X, y)
    for query in clusters(seed=2)[0]:
        one, all_ = head.decide(query), at_once.decide(query)
        np.testing.assert_allclose(one.probabilities, all_.probabilities, atol=1e-5)
        np.testing.assert_array_equal(one.keys, all_.keys)


def test_removing_equals_never_adding(head: Head, make_head: Callable[[], Head]) -> None:
    X, y = clusters()
    classes = sorted(set(y))
    head.partial_fit(X, y, keys=range(len(X)), classes=classes)
    gone = [0, 7, 8, 29, 15]
    head.remove(gone)
    kept = [key for key in range(len(X)) if key not in gone]
    other = make_head()
    other.partial_fit(X[kept], [y[key] for key in kept], keys=kept, classes=classes)
    assert len(head) == len(kept)
    for query in clusters(seed=3)[0]:
        np.testing.assert_allclose(
            head.decide(query).probabilities, other.decide(query).probabilities, atol=1e-5
        )
        np.testing.assert_array_equal(head.decide(query).keys, other.decide(query).keys)


def test_a_removed_example_can_return_under_its_key(head: Head) -> None:
    X, y = clusters()
    head.partial_fit(X, y, keys=range(len(X)))
    before = head.decide(X[4])
    head.remove([4])
    assert 4 not in head.decide(X[4]).keys
    head.partial_fit(X[4:5], y[4:5], keys=[4])
    np.testing.assert_array_equal(head.decide(X[4]).keys, before.keys)


@pytest.mark.parametrize("bad", [[0.0, 0, 0], [np.nan, 1, 0], [np.inf, 1, 0], [1e38, 1e38, 1e38]])
def test_an_embedding_without_direction_is_refused_and_nothing_is_added(
    head: Head, bad: list[float]
) -> None:
    head.partial_fit([[1.0, 0, 0]], ["a"])
    with pytest.raises(EmbeddingError):
        head.partial_fit([[0.0, 1, 0], bad], ["b", "b"])
    with pytest.raises(EmbeddingError):
        head.decide(bad)
    assert len(head) == 1
    assert list(head.classes_) == ["a"]


def test_an_embedding_of_another_dimension_is_refused(head: Head) -> None:
    head.partial_fit([[1.0, 0, 0]], ["a"])
    with pytest.raises(EmbeddingError, match="2 numbers"):
        head.partial_fit([[1.0, 0]], ["a"])
    with pytest.raises(EmbeddingError, match="2 numbers"):
        head.decide([1.0, 0])
    with pytest.raises(EmbeddingError, match="shape"):
        head.partial_fit([1.0, 0, 0], ["a", "a", "a"])


def test_a_key_identifies_one_example(head: Head) -> None:
    head.partial_fit([[1.0, 0]], ["a"], keys=[5])
    with pytest.raises(InputError, match="same key"):
        head.partial_fit([[0.0, 1]], ["a"], keys=[5])
    with pytest.raises(InputError, match="labels"):
        head.partial_fit([[0.0, 1]], [], keys=[6])
    with pytest.raises(NotFoundError):
        head.remove([5, 6])
    assert len(head) == 1


def _decide_as_described(frozen: HeadParameters, unit: np.ndarray) -> tuple[np.ndarray, float]:
    """Probabilities and typicality, from the description of ``HeadParameters`` and nothing else."""
    parameters, arrays = frozen.parameters, frozen.arrays
    count = parameters["n_neighbors"]
    if frozen.name == "adaptive":

        def seen(row: np.ndarray) -> np.ndarray:
            c = row - arrays["centre"]
            c = c + ((arrays["directions"] @ c) * arrays["gains"]) @ arrays["directions"]
            return c / max(np.linalg.norm(c), 1e-5)

        products = np.array([seen(row) @ seen(unit) for row in frozen.vectors])
        scores = np.full(len(frozen.taught), -np.inf)
        for code in np.flatnonzero(frozen.taught):
            scores[code] = np.sort(products[frozen.codes == code])[-count:].mean()
        exponents = np.exp((scores - scores.max()) / parameters["temperature"])
        return exponents / exponents.sum(), float(scores.max())
    similarities = frozen.vectors @ unit
    order = np.lexsort((np.arange(len(similarities)), -np.round(similarities, 6)))
    nearest = order[:count]
    weights = arrays["votes"][frozen.codes[nearest]].astype(float)
    if parameters["weights"] == "distance":
        weights /= np.maximum(1 - similarities[nearest], 1e-5)
    probabilities = np.bincount(frozen.codes[nearest], weights, len(frozen.taught))
    probabilities /= probabilities.sum()
    mine = np.flatnonzero(frozen.codes == probabilities.argmax())
    mine = mine[np.argsort(-similarities[mine])[:5]]
    near, this = frozen.vectors[mine] - arrays["mean"], unit - arrays["mean"]
    cosines = near @ this / np.linalg.norm(near, axis=1) / np.linalg.norm(this)
    return probabilities, float(cosines.mean())


def test_held_out_predictions_equal_those_of_a_head_fitted_without_the_group(
    head: Head, make_head: Callable[[], Head]
) -> None:
    random = np.random.default_rng(3)
    codes = np.repeat(np.arange(12) % 3, 4)
    rows = np.eye(8)[codes] + 0.5 * np.repeat(random.standard_normal((12, 8)), 4, axis=0)
    rows = (rows + 0.1 * random.standard_normal(rows.shape)).astype(np.float32)
    groups = np.repeat(np.arange(12), 4)
    kept = np.flatnonzero((np.arange(48) % 7 != 0) | (codes == 2))  # classes of several sizes
    head.partial_fit(
        rows[kept], codes[kept].tolist(), keys=kept, classes=range(3), groups=groups[kept]
    )
    held = head.held_out()
    assert not held.single_recording.any()
    assert sorted(held.keys.tolist()) == kept.tolist()
    adaptive, same = head.metric == "adaptive", []
    for key, code, said, typicality in zip(
        held.keys, held.codes, held.probabilities, held.typicalities, strict=True
    ):
        rest = kept[groups[kept] != groups[key]]
        other = make_head()
        other.partial_fit(
            rows[rest], codes[rest].tolist(), keys=rest, classes=range(3), groups=groups[rest]
        )
        decision = other.decide(rows[key])
        assert code == codes[key]
        same.append(said.argmax() == decision.probabilities.argmax())
        # The scale of the covariance is not refitted; with 12 recordings that shows a little.
        assert typicality == pytest.approx(decision.typicality, abs=0.08 if adaptive else 1e-4)
        if not adaptive:
            np.testing.assert_allclose(said, decision.probabilities, atol=2e-5)
    assert np.mean(same) > (0.9 if adaptive else 0.999)


def test_the_only_example_of_a_class_is_not_held_out(head: Head) -> None:
    X, y = clusters()
    head.partial_fit(
        [*X, [0, 0, 0, 0, 0, 0, 0, 1]], [*y, "rare"], classes=["empty", *set(y), "rare"]
    )
    held = head.held_out()
    assert sorted(held.keys.tolist()) == list(range(len(X)))
    assert np.isfinite(held.probabilities).all()
    assert np.isfinite(held.typicalities).all()


def test_with_one_example_per_class_nothing_is_held_out(head: Head) -> None:
    head.partial_fit(np.eye(3), ["a", "b", "c"])
    assert len(head.held_out().keys) == 0


def test_the_parameters_of_a_head_suffice_to_decide(make_head) -> None:
    rng = np.random.default_rng(5)
    head = make_head()
    codes = rng.integers(0, 4, 90)
    rows = rng.normal(size=(4, 24))[codes] + 0.8 * rng.normal(size=(90, 24))
    head.partial_fit(
        rows,
        [f"class {code}" for code in codes],
        classes=["empty", *(f"class {code}" for code in range(4))],
    )
    frozen = head.freeze()
    for query in rng.normal(size=(20, 24)):
        decision = head.decide(query)
        unit = (query / np.linalg.norm(query)).astype(np.float32)
        probabilities, typicality = _decide_as_described(frozen, unit)
        np.testing.assert_allclose(probabilities, decision.probabilities, atol=1e-5)
        assert typicality == pytest.approx(decision.typicality, abs=1e-4)
