"""The k-NN against the one that people know, against scikit-learn, and against itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from classify_anything import KNeighborsHead
from classify_anything.errors import InputError


def probabilities(head: KNeighborsHead, query: list[float]) -> dict[str, float]:
    return dict(zip(head.classes_.tolist(), head.predict_proba([query])[0].tolist(), strict=True))


class TestAsTheKnownClassifierDoes:
    """The inputs and outputs of @tensorflow-models/knn-classifier's own tests."""

    def test_two_classes_that_point_in_opposite_directions(self) -> None:
        ones = [[1, 1, 1, 1], [1.1, 0.9, 1.2, 0.8], [1.2, 0.8, 1.3, 0.7]]
        negatives = (-np.array(ones)).tolist()
        head = KNeighborsHead().fit([*ones, *negatives], [0, 0, 0, 1, 1, 1])
        assert head.predict([[1.1] * 4, [-1.1] * 4]).tolist() == [0, 1]

    def test_predicting_without_examples_raises(self) -> None:
        with pytest.raises(InputError, match="no examples"):
            KNeighborsHead().predict([[1.0]])

    def test_one_example_a_class_is_a_draw_that_the_first_class_wins(self) -> None:
        head = KNeighborsHead().fit([[5, 2], [6, 1]], ["1", "2"])
        assert head.predict([[3, 3]]).tolist() == ["1"]
        assert probabilities(head, [3, 3]) == {"1": 0.5, "2": 0.5}

    @pytest.mark.parametrize("names", [("7", "5", "9", "5"), ("a", "b", "c", "b")])
    def test_examples_that_are_equally_near(self, names: tuple[str, ...]) -> None:
        head = KNeighborsHead().fit([[7, 7], [5, 5], [9, 9], [5, 5]], names)
        assert head.predict([[5, 5]]).tolist() == [names[1]]
        expected = {names[1]: 2 / 3, names[0]: 1 / 3, names[2]: 0}
        assert probabilities(head, [5, 5]) == pytest.approx(expected)

    def test_clearing_a_class_leaves_the_others_and_clearing_all_leaves_a_usable_head(self) -> None:
        head = KNeighborsHead().fit([[1, 0], [0, 1], [1, 1]], ["a", "b", "a"])
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
    ours = KNeighborsHead(k, weights).fit(X, y.tolist())  # type: ignore[arg-type]
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
    head = KNeighborsHead(weights="distance").fit(X, list("abcde"))
    for row, label in zip(X + 0.2, "abcde", strict=True):
        assert head.predict([row]).tolist() == [label]


def test_ties_go_to_the_class_seen_first_and_then_to_the_older_example() -> None:
    head = KNeighborsHead(1)
    head.partial_fit([[1.0, 1]], ["late"], keys=[9], classes=["first", "late"])
    head.partial_fit([[2.0, 2], [3.0, 3]], ["first", "first"], keys=[12, 11])
    assert head.kneighbors([[1.0, 1]], 3)[1].tolist() == [[11, 12, 9]]


def test_equal_rows_tie_wherever_they_lie_in_the_matrix() -> None:
    random = np.random.default_rng(0)
    row = random.standard_normal(1280).astype(np.float32)
    others = random.standard_normal((37, 1280)).astype(np.float32)
    head = KNeighborsHead().fit(np.concatenate([others, np.tile(row, (30, 1))]), list(range(67)))
    assert head.kneighbors([row], 30)[1].tolist() == [list(range(37, 67))]


def test_adding_does_not_copy_what_was_learnt() -> None:
    random = np.random.default_rng(0)
    head = KNeighborsHead()
    copies, matrix = 0, None
    for _ in range(2000):
        head.partial_fit(random.standard_normal((1, 16)), ["a"])
        base = head._rows.vectors.base
        copies += base is not matrix
        matrix = base
    assert copies <= 6


@pytest.mark.parametrize(("k", "weights"), [(0, "uniform"), (1.5, "uniform"), (3, "votes")])
def test_parameters_that_cannot_be_are_refused(k: float, weights: str) -> None:
    with pytest.raises(InputError):
        KNeighborsHead(k, weights).fit([[1.0]], ["a"])  # type: ignore[arg-type]


def test_a_class_with_examples_cannot_be_left_out() -> None:
    head = KNeighborsHead().fit([[1.0, 0]], ["a"])
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
def test_whatever_was_added_and_removed_it_equals_a_fresh_one(steps: list[tuple[str, int]]) -> None:
    random = np.random.default_rng(len(steps))
    head, kept = KNeighborsHead(weights="distance"), {}
    for key, (step, number) in enumerate(steps):
        if step == "add":
            kept[key] = (random.standard_normal(5).astype(np.float32), number)
            head.partial_fit([kept[key][0]], [number], keys=[key], classes=range(4))
        elif kept:
            gone = list(kept)[number % len(kept)]
            del kept[gone]
            head.remove([gone])
    fresh = KNeighborsHead(weights="distance")
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
