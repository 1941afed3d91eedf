"""What is ridge's own: updates that cost no solution, and what it takes of many examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from classify_anything.heads import RidgeHead
from classify_anything.heads.kernel import PENALTIES, KernelRidge, best_penalty

DIMENSION = 32


def examples(count: int, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, list[int]]:
    """Float32 [count, 32] of length 1 around one axis a class, and their classes."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % classes).tolist()
    rows = 0.9 * np.eye(DIMENSION)[labels] + 0.1 * random.standard_normal((count, DIMENSION))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), labels


def solved_again(head: RidgeHead) -> RidgeHead:
    """One that has the same examples, solved from the beginning with the same penalty."""
    keys, rows = head.examples()
    labels = dict(zip(head._rows.keys.tolist(), head._rows.codes.tolist(), strict=True))
    fresh = RidgeHead().partial_fit(
        rows, [labels[key] for key in keys], keys=keys, classes=head.classes_.tolist()
    )
    fresh.decide(rows[0])
    assert fresh._solution
    assert head._solution
    fresh._solution = KernelRidge(rows[fresh._chosen], head._solution.penalty)
    fresh._temperature = head._temperature
    return fresh


def assert_same(one: RidgeHead, other: RidgeHead) -> None:
    for query in examples(12, seed=9)[0]:
        mine, theirs = one.decide(query), other.decide(query)
        np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=1e-5)
        assert mine.familiarity == pytest.approx(theirs.familiarity, abs=1e-5)


def test_examples_that_come_and_go_one_by_one_update_the_solution() -> None:
    rows, labels = examples(340)
    head = RidgeHead().partial_fit(rows[:300], labels[:300], classes=[0, 1, 2])
    head.decide(rows[0])
    solution = head._solution
    for key in range(300, 340):
        head.partial_fit(rows[key : key + 1], [labels[key]], keys=[key])
        if key % 4 == 0:
            head.remove([key - 250])
    assert head._solution is solution, "nothing was solved anew"
    assert_same(head, solved_again(head))


def test_much_more_examples_change_the_solution_only_for_another_penalty() -> None:
    rows, labels = examples(700)
    head = RidgeHead().partial_fit(rows[:300], labels[:300], classes=[0, 1, 2])
    head.decide(rows[0])
    solution, tuned_on = head._solution, head._tuned_on
    for key in range(300, 700):
        head.partial_fit(rows[key : key + 1], [labels[key]], keys=[key])
    assert head._tuned_on > tuned_on
    same = head._solution is solution
    assert same == (head._best_penalty() == solution.penalty)
    head.decide(rows[0])
    assert_same(head, solved_again(head))


def test_a_class_that_comes_when_there_are_many_is_learnt_at_once() -> None:
    rows, labels = examples(1603, classes=4)
    new = [place for place, label in enumerate(labels) if label == 3][:5]
    old = [place for place, label in enumerate(labels) if label != 3]
    head = RidgeHead().partial_fit(rows[old], [labels[p] for p in old], keys=old, classes=range(4))
    fresh, expected = examples(80, classes=4, seed=1)
    head.decide(fresh[0])
    for key in new:
        head.partial_fit(rows[key : key + 1], [3], keys=[key + 10_000])
    said = [int(head.decide(row).probabilities.argmax()) for row in fresh]
    assert np.mean(np.equal(said, expected)) > 0.95
    assert len(head._solution or ()) <= 1500


def test_of_many_the_oldest_of_the_largest_class_makes_room() -> None:
    rows, _ = examples(1510)
    labels = [0] * 1000 + [1] * 500 + [1] * 10
    head = RidgeHead().partial_fit(rows[:1500], labels[:1500], classes=[0, 1])
    head.decide(rows[0])
    for key in range(1500, 1510):
        head.partial_fit(rows[key : key + 1], [labels[key]], keys=[key])
    chosen = set(head._rows.keys[head._chosen].tolist())
    assert chosen == set(range(10, 1510))


def test_what_is_removed_of_many_leaves_no_class_without_examples() -> None:
    rows, labels = examples(1800, classes=2)
    head = RidgeHead().partial_fit(rows, labels, classes=[0, 1])
    head.decide(rows[0])
    gone = [int(key) for key in head._rows.keys[head._chosen] if labels[key] == 1]
    for start in range(0, len(gone), 30):
        head.remove(gone[start : start + 30])
    fresh, expected = examples(40, classes=2, seed=1)
    said = [int(head.decide(row).probabilities.argmax()) for row in fresh]
    assert np.mean(np.equal(said, expected)) > 0.95


def test_the_penalty_is_that_with_the_least_error_of_parts_left_out() -> None:
    rows, labels = examples(60, seed=4)
    targets = np.eye(3)[labels]
    parts = [*np.arange(40).reshape(8, 5), *np.arange(40, 60)[:, None]]

    def error(penalty: float) -> float:
        total = 0.0
        for part in parts:
            rest = np.setdiff1d(np.arange(60), part)
            kernel = (rows[rest] @ rows[rest].T).astype(np.float64)
            weights = np.linalg.solve(kernel + penalty * np.eye(len(rest)), targets[rest])
            total += float(((rows[part] @ rows[rest].T @ weights - targets[part]) ** 2).sum())
        return total

    errors = {penalty: error(penalty) for penalty in PENALTIES}
    assert best_penalty(rows, targets, parts) == min(errors, key=errors.__getitem__)
    assert len(set(errors.values())) == len(PENALTIES)


def test_with_one_example_a_class_single_numbers_are_trusted_least() -> None:
    rows, labels = examples(3)
    head = RidgeHead().partial_fit(rows, labels)
    head.decide(rows[0])
    assert head._solution
    assert head._solution.penalty == max(PENALTIES)


def probability(rows: np.ndarray, labels: Sequence[int], query: np.ndarray, of: int) -> float:
    head = RidgeHead().partial_fit(rows, labels, classes=[0, 1, 2])
    return float(head.decide(query).probabilities[of])


def test_the_first_example_of_a_class_does_not_shake_the_others() -> None:
    rows, labels = examples(60)
    known = [place for place, label in enumerate(labels) if label != 2]
    with_one = [*known, labels.index(2)]
    query = np.eye(DIMENSION, dtype=np.float32)[0]
    before = probability(rows[known], [labels[place] for place in known], query, of=0)
    after = probability(rows[with_one], [labels[place] for place in with_one], query, of=0)
    assert before > 0.95
    assert after > before - 0.03


def test_near_copies_do_not_make_it_surer() -> None:
    """All examples of a class in one recording: left out alone, each is told by its copies."""
    rows, _ = examples(40, classes=2)
    copies = np.repeat(rows[:2], 20, axis=0) + 0.001 * rows
    head = RidgeHead().partial_fit(copies, [0] * 20 + [1] * 20, groups=[0] * 20 + [1] * 20)
    head.decide(rows[0])
    assert head._temperature == pytest.approx(0.085, rel=0.1)


@pytest.mark.parametrize("shrunk", [lambda head: head.held_out(), lambda head: head.freeze()])
def test_a_class_with_one_example_is_no_trouble(shrunk: Callable[[RidgeHead], object]) -> None:
    head = RidgeHead().partial_fit([[1.0, 0, 0], [0, 1, 0], [0, 0.9, 0.1]], ["a", "b", "b"])
    shrunk(head)
    assert head.held_out().keys.tolist() == [1, 2]
