"""k-NN compared with the TensorFlow.js package, with scikit-learn, and with itself."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from classify_anything import KNeighborsHead
from classify_anything.errors import EmbeddingError, InputError
from classify_anything.heads.calibration import class_scores


def probabilities(head: KNeighborsHead, query: list[float]) -> dict[str, float]:
    return dict(zip(head.classes_.tolist(), head.predict_proba([query])[0].tolist(), strict=True))


def examples(count: int, seed: int = 0) -> tuple[np.ndarray, list[int]]:
    """Embeddings [count, 16] of four classes, and their labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    return 3 * np.eye(16)[labels] + random.standard_normal((count, 16)) + 0.5, labels.tolist()


def classic(n_neighbors: int = 3, weights: str = "uniform") -> KNeighborsHead:
    return KNeighborsHead(n_neighbors, "cosine", weights)  # type: ignore[arg-type]


class TestAsTheKnownClassifierDoes:
    """The inputs and outputs of @tensorflow-models/knn-classifier's own tests."""

    def test_two_classes_that_point_in_opposite_directions(self) -> None:
        ones = [[1, 1, 1, 1], [1.1, 0.9, 1.2, 0.8], [1.2, 0.8, 1.3, 0.7]]
        negatives = (-np.array(ones)).tolist()
        head = classic().fit([*ones, *negatives], [0, 0, 0, 1, 1, 1])
        assert head.predict([[1.1] * 4, [-1.1] * 4]).tolist() == [0, 1]

    def test_predicting_without_examples_raises(self) -> None:
        with pytest.raises(InputError, match="no examples"):
            classic().predict([[1.0]])

    def test_with_one_example_per_class_the_first_class_wins_the_tie(self) -> None:
        head = classic().fit([[5, 2], [6, 1]], ["1", "2"])
        assert head.predict([[3, 3]]).tolist() == ["1"]
        assert probabilities(head, [3, 3]) == {"1": 0.5, "2": 0.5}

    @pytest.mark.parametrize("names", [("7", "5", "9", "5"), ("a", "b", "c", "b")])
    def test_examples_that_are_equally_near(self, names: tuple[str, ...]) -> None:
        head = classic().fit([[7, 7], [5, 5], [9, 9], [5, 5]], names)
        assert head.predict([[5, 5]]).tolist() == [names[1]]
        expected = {names[1]: 2 / 3, names[0]: 1 / 3, names[2]: 0}
        assert probabilities(head, [5, 5]) == pytest.approx(expected)

    def test_removing_a_class_keeps_the_others_and_clear_leaves_a_usable_head(self) -> None:
        head = classic().fit([[1, 0], [0, 1], [1, 1]], ["a", "b", "a"])
        head.remove_class("a")
        assert head.classes_.tolist() == ["b"]
        assert head.predict([[1, 0]]).tolist() == ["b"]
        with pytest.raises(InputError, match="No class 'a'"):
            head.remove_class("a")
        head.clear()
        assert len(head) == 0
        assert head.partial_fit([[1.0, 0]], ["c"]).predict([[0.5, 1]]).tolist() == ["c"]


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_it_agrees_with_scikit_learn(weights: str, k: int) -> None:
    random = np.random.default_rng(k)
    X = random.standard_normal((300, 64)).astype(np.float32)
    y = random.integers(0, 5, 300)
    queries = random.standard_normal((50, 64)).astype(np.float32)
    ours = classic(k, weights).fit(X, y.tolist())
    theirs = KNeighborsClassifier(k, weights=weights, metric="cosine", algorithm="brute").fit(X, y)
    distances, rows = theirs.kneighbors(queries)
    found_distances, keys = ours.kneighbors(queries)
    np.testing.assert_array_equal(keys, rows)
    np.testing.assert_allclose(found_distances, distances, atol=1e-5)
    order = np.argsort(ours.classes_)
    np.testing.assert_allclose(
        ours.predict_proba(queries)[:, order], theirs.predict_proba(queries), atol=1e-4
    )


def test_weighted_by_distance_one_example_a_class_is_decided_by_similarity() -> None:
    X = np.eye(5)
    head = classic(weights="distance").fit(X, list("abcde"))
    for row, label in zip(X + 0.2, "abcde", strict=True):
        assert head.predict([row]).tolist() == [label]


def test_ties_go_to_the_class_seen_first_and_then_to_the_older_example() -> None:
    head = classic(1)
    head.partial_fit([[1.0, 1]], ["late"], keys=[9], classes=["first", "late"])
    head.partial_fit([[2.0, 2], [3.0, 3]], ["first", "first"], keys=[12, 11])
    assert head.kneighbors([[1.0, 1]], 3)[1].tolist() == [[11, 12, 9]]


def test_equal_rows_tie_wherever_they_lie_in_the_matrix() -> None:
    random = np.random.default_rng(0)
    row = random.standard_normal(1280).astype(np.float32)
    others = random.standard_normal((37, 1280)).astype(np.float32)
    head = classic().fit(np.concatenate([others, np.tile(row, (30, 1))]), list(range(67)))
    assert head.kneighbors([row], 30)[1].tolist() == [list(range(37, 67))]


def test_adding_does_not_copy_the_matrix() -> None:
    random = np.random.default_rng(0)
    head = classic()
    copies, matrix = 0, None
    for _ in range(2000):
        head.partial_fit(random.standard_normal((1, 16)), ["a"])
        base = head._rows.vectors.base
        copies += base is not matrix
        matrix = base
    assert copies <= 6


@pytest.mark.parametrize(("k", "weights"), [(0, "uniform"), (1.5, "uniform"), (3, "votes")])
def test_invalid_parameters_are_refused(k: float, weights: str) -> None:
    with pytest.raises(InputError):
        classic(k, weights).fit([[1.0]], ["a"])


def test_classes_must_include_those_with_examples() -> None:
    head = classic().fit([[1.0, 0]], ["a"])
    with pytest.raises(InputError, match="'a'"):
        head.partial_fit([[0.0, 1]], ["b"], classes=["b"])


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.integers(0, 99)),
    ),
    max_size=60,
)


@given(steps)
def test_any_additions_and_removals_equal_a_new_head(steps: list[tuple[str, int]]) -> None:
    random = np.random.default_rng(len(steps))
    head, kept = classic(weights="distance"), {}
    for key, (step, number) in enumerate(steps):
        if step == "add":
            kept[key] = (random.standard_normal(5).astype(np.float32), number)
            head.partial_fit([kept[key][0]], [number], keys=[key], classes=range(4))
        elif kept:
            gone = list(kept)[number % len(kept)]
            del kept[gone]
            head.remove([gone])
    fresh = classic(weights="distance")
    rows = [row for row, _ in kept.values()]
    fresh.partial_fit(
        np.reshape(rows, (-1, 5)),
        [label for _, label in kept.values()],
        keys=kept,
        classes=range(4),
    )
    query = random.standard_normal(5)
    if steps and any(step == "add" for step, _ in steps):
        np.testing.assert_array_equal(head.decide(query).keys, fresh.decide(query).keys)
        np.testing.assert_allclose(
            head.decide(query).probabilities, fresh.decide(query).probabilities, atol=1e-6
        )


class TestFittingOnAnotherThread:
    """A server fits on another thread while examples are added and removed."""

    def waiting(self, count: int = 100) -> KNeighborsHead:
        """Return a head that does not refit itself."""
        head = KNeighborsHead()
        head.refits = False
        X, y = examples(count)
        return head.partial_fit(X, y, classes=range(4))

    def test_an_older_fit_never_replaces_a_newer_one(self) -> None:
        head = self.waiting()
        old, before = head.sample(), head.changes
        X, y = examples(20, seed=1)
        head.partial_fit(X, y)
        head.refit()
        expected = head.predict_proba(X)
        head.adopt(old.fit(), before)
        np.testing.assert_array_equal(head.predict_proba(X), expected)
        assert not head.needs_fit
        head.partial_fit(X[:1] + 1, y[:1])
        assert head.needs_fit

    def test_a_fit_of_removed_examples_is_ignored(self) -> None:
        head = self.waiting()
        old, before = head.sample(), head.changes
        head.clear()
        X, y = examples(30)
        head.partial_fit(X[:, :9], y)
        head.adopt(old.fit(), before)
        assert (
            head.predict(X[:, :9]).tolist()
            == KNeighborsHead().fit(X[:, :9], y).predict(X[:, :9]).tolist()
        )

    @pytest.mark.parametrize("removed", [[], [0, 7, 99]])
    def test_vectors_mapped_in_advance_equal_those_mapped_now(self, removed: list[int]) -> None:
        head = self.waiting()
        sample, vectors, before = head.sample(), head.vectors, head.changes
        fit = sample.fit()
        assert fit.metric is not None
        compared = fit.metric.apply(vectors)
        X, y = examples(20, seed=1)
        head.partial_fit(X, y)
        head.remove(removed)
        other = copy.deepcopy(head)
        head.adopt(fit, before, compared)
        other.adopt(fit, before)
        np.testing.assert_allclose(head.predict_proba(X), other.predict_proba(X), atol=1e-5)
        assert head.needs_fit

    def test_before_the_first_fit_only_the_centre_is_subtracted(self) -> None:
        head = self.waiting()
        X, y = examples(100)
        assert np.mean(head.predict(X) == y) > 0.9
        assert head.needs_fit
        assert len(head.references()) == 0


def test_another_metric_takes_effect_after_a_fit() -> None:
    X, y = examples(100)
    queries, _ = examples(30, seed=1)
    head = KNeighborsHead().fit(X, y)
    head.predict(X)
    head.set_params(metric="cosine")
    expected = classic().fit(X, y).predict_proba(queries)
    np.testing.assert_allclose(head.predict_proba(queries), expected, atol=1e-6)
    head.set_params(metric="adaptive")
    expected = KNeighborsHead().fit(X, y).predict_proba(queries)
    np.testing.assert_allclose(head.predict_proba(queries), expected, atol=1e-5)


@pytest.mark.parametrize("row", [np.nan, np.inf, 0.0])
def test_views_without_direction_are_refused_and_none_is_added(row: float) -> None:
    X, y = examples(10)
    head = KNeighborsHead().fit(X, y)
    with pytest.raises(EmbeddingError):
        head.add_views({1: np.ones((8, 16)), 2: np.full((8, 16), row)})
    assert not head.views
    head.add_views({1: np.ones((8, 16)), 99: np.ones((8, 16)), 3: np.empty((0, 16))})
    assert list(head.views) == [1]


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        ([0, 1, 2] * 4, range(12)),
        ([0] * 10 + [1, 2], range(12)),
        ([0, 1, 2] * 4, [0] * 12),
        ([0, 0, 1, 1, 2, 2] * 2, [0, 1] * 6),
        ([0] * 12, range(12)),
    ],
)
@pytest.mark.parametrize("kind", ["different", "identical", "duplicates"])
def test_odd_examples_have_finite_predictions(
    labels: list[int], groups: Sequence[int], kind: str
) -> None:
    X, _ = examples(12)
    rows = {"different": X, "identical": X[[0] * 12], "duplicates": X[np.arange(12) % 3]}[kind]
    head = KNeighborsHead().partial_fit(rows, labels, groups=groups)
    head.add_views({0: np.repeat(X[:1], 8, axis=0)})
    held = head.held_out()
    assert np.isfinite(held.probabilities).all()
    assert np.isfinite(held.typicalities).all()
    found = head.predict_proba([*rows, X[1]])
    assert np.isfinite(found).all()
    if kind == "identical":
        np.testing.assert_allclose(found, 1 / len(set(labels)), atol=1e-6)


def test_each_of_a_thousand_classes_is_recognised_from_one_example() -> None:
    X = np.random.default_rng(0).standard_normal((1000, 64))
    head = KNeighborsHead().fit(X, range(1000))
    assert head.predict(X).tolist() == list(range(1000))


def test_the_score_of_a_class_is_the_mean_similarity_of_its_nearest_examples() -> None:
    random = np.random.default_rng(0)
    similarities = random.uniform(-1, 1, 200).astype(np.float32)
    codes = random.integers(0, 7, 200)
    codes[codes == 3] = 4
    for count in (1, 3, 500):
        found = class_scores(similarities[None], codes, 9, count)[0]
        for code in range(9):
            own = np.sort(similarities[codes == code])[-count:]
            expected = own.mean(dtype=np.float64) if len(own) else -np.inf
            assert found[code] == pytest.approx(expected, abs=1e-12)
