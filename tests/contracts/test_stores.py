"""The contract of every store: keep everything, and undo every change exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from classify_anything.errors import (
    ConflictError,
    LabelError,
    NotFoundError,
    NothingToUndoError,
)
from classify_anything.store import NewExample, Store
from classify_anything.types import Class

STORES = {"SQLite": Store}
BACKBONE = "backbone-1"


@pytest.fixture(params=STORES.values(), ids=STORES.keys())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = request.param(tmp_path / "project.db")
    yield opened
    opened.close()


def new(
    label: int | str,
    image: bytes = b"picture",
    key: str | None = None,
    recording: str | None = None,
) -> NewExample:
    embedding = np.arange(4, dtype=np.float32) + len(image)
    return NewExample(label, image, "image/jpeg", 640, 480, "test", embedding, key, recording)


def classes(store: Store) -> list[Class]:
    return store.since(-1, BACKBONE).classes


def contents(store: Store) -> tuple[Any, ...]:
    """Everything a user sees of a project."""
    rows = store.since(-1, BACKBONE).rows
    return tuple(classes(store)), tuple((row.example_id, row.class_id) for row in rows)


def test_an_example_is_read_as_written(store: Store) -> None:
    mug = store.add_class("Mug")
    (example,) = store.add([new(mug.id, b"\xff\xd8 bytes")], BACKBONE)
    assert store.image(example.id) == (b"\xff\xd8 bytes", "image/jpeg")
    assert store.example(example.id) == example
    assert (example.label, example.width, example.height) == ("Mug", 640, 480)
    assert example.created_at.tzinfo is not None
    (row,) = store.since(-1, BACKBONE).rows
    np.testing.assert_array_equal(row.embedding, new(mug.id, b"\xff\xd8 bytes").embedding)


def test_everything_survives_closing(store: Store) -> None:
    mug = store.add_class("Mug")
    store.add([new(mug.id), new(mug.id)], BACKBONE)
    before = contents(store)
    again = type(store)(store.path)
    assert contents(again) == before
    again.close()


def test_another_backbone_has_no_embeddings_until_they_are_written(store: Store) -> None:
    mug = store.add_class("Mug")
    (example,) = store.add([new(mug.id)], BACKBONE)
    (row,) = store.since(-1, "other").rows
    assert row.embedding is None
    store.put_embeddings([(example.id, np.ones(9, np.float32))], "other")
    (row,) = store.since(-1, "other").rows
    assert row.embedding is not None
    assert row.embedding.shape == (9,)


def test_views_are_kept_for_each_backbone_and_change_no_example(store: Store) -> None:
    mug = store.add_class("Mug")
    first, second = store.add([new(mug.id), new(mug.id)], BACKBONE)
    before = store.since(-1, BACKBONE).revision, store.version(), store.touched()
    made = np.linspace(-1, 1, 32, dtype=np.float16).reshape(8, 4)
    store.put_views([(first.id, made), (second.id + 1, made)], BACKBONE)
    store.put_views([(first.id, -made), (second.id, made)], "other")
    assert (store.since(-1, BACKBONE).revision, store.version(), store.touched()) == before
    assert store.viewed(BACKBONE) == {first.id}, "there is no third example"
    assert store.viewed("other") == {first.id, second.id}
    assert store.viewed("none") == set()
    found = store.views_of([first.id, second.id], BACKBONE)
    assert list(found) == [first.id]
    assert found[first.id].dtype == np.float32
    np.testing.assert_array_equal(found[first.id], made)
    store.put_views([(first.id, -made)], BACKBONE)
    np.testing.assert_array_equal(store.views_of([first.id], BACKBONE)[first.id], -made)


def test_views_of_a_removed_example_survive_undo(store: Store) -> None:
    mug = store.add_class("Mug")
    (example,) = store.add([new(mug.id)], BACKBONE)
    store.undo()
    store.put_views([(example.id, np.ones((8, 4), np.float16))], BACKBONE)
    store.redo()
    assert list(store.views_of([example.id], BACKBONE)) == [example.id]


def test_a_key_is_added_once_and_a_recording_is_one_change(store: Store) -> None:
    mug = store.add_class("Mug")
    (first,) = store.add([new(mug.id, key="a", recording="press")], BACKBONE)
    (again,) = store.add([new(mug.id, key="a", recording="press")], BACKBONE)
    (other,) = store.add([new(mug.id, key="b", recording="press")], BACKBONE)
    assert again == first
    assert other.recording_id == first.recording_id
    assert store.next_undo() is not None
    assert store.next_undo().text == "2 examples added to Mug"  # type: ignore[union-attr]
    store.undo()
    assert store.examples() == []
    (sent_again,) = store.add([new(mug.id, key="b", recording="press")], BACKBONE)
    assert sent_again == other
    assert store.examples() == []


def test_a_press_that_continues_after_its_undo_is_a_new_change(store: Store) -> None:
    mug = store.add_class("Mug")
    (first,) = store.add([new(mug.id, recording="press")], BACKBONE)
    store.undo()
    (late,) = store.add([new(mug.id, recording="press")], BACKBONE)
    assert late.recording_id == first.recording_id
    assert [example.id for example in store.examples()] == [late.id]
    store.undo()
    assert store.examples() == []


def test_an_addition_of_many_batches_is_one_change(store: Store) -> None:
    change = store.begin_addition()
    (first,) = store.add([new("Mug", recording="one")], BACKBONE, change)
    same, other = store.add([new("Mug", recording="one"), new("Cup")], BACKBONE, change)
    assert first.recording_id == same.recording_id != other.recording_id
    assert store.next_undo().text == "3 examples added to 2 classes"  # type: ignore[union-attr]
    whole = contents(store)
    store.undo()
    assert contents(store) == ((), ())
    with pytest.raises(ConflictError, match="undone in the meantime"):
        store.add([new("Mug")], BACKBONE, change)
    store.redo()
    assert contents(store) == whole


def test_a_class_listed_twice_in_an_addition_is_added_once(store: Store) -> None:
    change = store.begin_addition([("Mug", 3), ("mug", 4), ("Cup", 1), ("Mug", 5)])
    store.add([new("MUG")], BACKBONE, change)
    assert [(item.name, item.color) for item in store.classes()] == [("Mug", 3), ("Cup", 1)]
    store.undo(change)
    assert store.classes() == []


def test_an_addition_can_be_discarded_whatever_came_after_it(store: Store) -> None:
    mug = store.add_class("Mug")
    change = store.begin_addition()
    (kept, *_) = store.add([new("Cup"), new("Tea"), new("Mug")], BACKBONE, change)
    (camera,) = store.add([new(kept.class_id)], BACKBONE)
    store.remove_examples([kept.id])
    store.discard_addition(change)
    assert [item.name for item in classes(store)] == ["Mug", "Cup"]
    assert [example.id for example in store.examples()] == [camera.id]
    store.undo()
    assert [example.id for example in store.examples()] == [camera.id], "it is gone for good"
    store.undo()
    assert classes(store)[0].id == mug.id
    assert store.examples() == []
    store.discard_addition(change)


def test_discarding_an_addition_restores_redo(
    store: Store,
) -> None:
    store.add_class("Mug")
    store.undo()
    for discarded in (True, False):
        change = store.begin_addition()
        store.add([new("mug")], BACKBONE, change)
        assert store.next_redo() is None
        if discarded:
            store.discard_addition(change)
            assert store.next_redo().text == "Mug added"  # type: ignore[union-attr]
    store.undo()
    store.redo()
    assert [item.name for item in classes(store)] == ["mug"]
    with pytest.raises(NothingToUndoError):
        store.redo()


def test_examples_move_to_another_class_and_back(store: Store) -> None:
    added = store.add([new("Mug"), new("Cup"), new("Tea")], BACKBONE)
    mug, cup, tea = added
    before = store.since(-1, BACKBONE).revision
    store.move_examples([cup.id, mug.id, tea.id], mug.class_id)
    assert {example.label for example in store.examples()} == {"Mug"}
    assert {row.example_id for row in store.since(before, BACKBONE).rows} == {cup.id, tea.id}
    assert store.next_undo().text == "2 examples moved to Mug"  # type: ignore[union-attr]
    store.undo()
    assert store.examples() == added[::-1]
    with pytest.raises(NotFoundError, match="No class 99"):
        store.move_examples([cup.id], 99)
    with pytest.raises(NotFoundError, match="No example 99"):
        store.move_examples([cup.id, 99], mug.class_id)
    assert store.examples() == added[::-1]


def test_examples_are_filtered_by_source_and_recording(store: Store) -> None:
    mug = store.add_class("Mug")
    (burst, _) = store.add([new(mug.id, recording="a"), new(mug.id, recording="a")], BACKBONE)
    store.add([new(mug.id)], BACKBONE)
    assert len(store.examples(recording=burst.recording_id)) == 2
    assert len(store.examples(source="test", limit=2)) == 2
    assert store.examples(source="camera") == []


def test_every_change_raises_the_revision(store: Store) -> None:
    mug = store.add_class("Mug")
    start = store.since(-1, BACKBONE).revision
    (a, b) = store.add([new(mug.id), new(mug.id)], BACKBONE)
    since = store.since(start, BACKBONE)
    assert since.revision == start + 1
    assert [row.example_id for row in since.rows] == [a.id, b.id]
    store.remove_examples([a.id])
    later = store.since(since.revision, BACKBONE)
    assert [(row.example_id, row.removed) for row in later.rows] == [(a.id, True)]
    store.undo()
    latest = store.since(later.revision, BACKBONE)
    assert [(row.example_id, row.removed) for row in latest.rows] == [(a.id, False)]


@pytest.mark.parametrize(
    "name",
    [
        *("", "   ", "\n\t", "x" * 101, "a\x00b", "\ud800"),
        *("\u200b", "\u2060 \u200d", "\u3164", "\u2800", "\ufe0f", "\u0301"),
    ],
)
def test_an_invalid_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(LabelError):
        store.add_class(name)
    assert classes(store) == []


@pytest.mark.parametrize(
    "name",
    ["قلم", "می\u200cخواهم", "🐈‍⬛", "+", "Grüße", "a b", "'; DROP TABLE classes; --", "</script>"],
)
def test_any_other_name_is_stored(store: Store, name: str) -> None:
    assert store.add_class(f"  {name} ").name == name
    assert classes(store)[0].name == name


def test_names_are_unique_regardless_of_case_and_unicode_form(store: Store) -> None:
    store.add_class("Café")
    for name in ("café", "CAFÉ", "Cafe\u0301"):
        with pytest.raises(LabelError, match="already"):
            store.add_class(name)
    other = store.add_class("Tea")
    with pytest.raises(LabelError):
        store.edit_class(other.id, "CAFÉ")
    assert store.edit_class(other.id, "TEA").name == "TEA"


def test_new_classes_get_free_names_and_colours_that_differ(store: Store) -> None:
    store.add_class("Class 2")
    added = [store.add_class() for _ in range(7)]
    assert [item.name for item in added[:3]] == ["Class 1", "Class 3", "Class 4"]
    assert len({item.color for item in classes(store)}) == 8


def test_starting_classes_are_added_only_to_an_unused_project(store: Store) -> None:
    store.add_starting_classes(["A", "B"])
    store.add_starting_classes(["C"])
    assert [item.name for item in classes(store)] == ["A", "B"]
    assert store.next_undo() is None


def test_unknown_ids_raise_not_found(store: Store) -> None:
    mug = store.add_class("Mug")
    (example,) = store.add([new(mug.id)], BACKBONE)
    before = contents(store)
    for call in (
        lambda: store.add([new(99)], BACKBONE),
        lambda: store.remove_examples([example.id, 99]),
        lambda: store.remove_recording(99),
        lambda: store.remove_class(99),
        lambda: store.clear_class(99),
        lambda: store.edit_class(99, "x"),
        lambda: store.example(99),
        lambda: store.image(99),
    ):
        with pytest.raises(NotFoundError, match="99"):
            call()
    assert contents(store) == before


def test_undo_refuses_another_change_than_expected(store: Store) -> None:
    with pytest.raises(NothingToUndoError):
        store.undo()
    with pytest.raises(NothingToUndoError):
        store.redo()
    store.add_class("A")
    first = store.next_undo()
    store.add_class("B")
    assert first is not None
    with pytest.raises(ConflictError):
        store.undo(first.id)
    store.undo()
    store.undo(first.id)
    assert classes(store) == []


def test_examples_are_listed_newest_first_a_page_at_a_time(store: Store) -> None:
    mug, cup = store.add_class("Mug"), store.add_class("Cup")
    added = store.add([new(mug.id) for _ in range(5)], BACKBONE)
    store.add([new(cup.id)], BACKBONE)
    ids = [example.id for example in added][::-1]
    assert [example.id for example in store.examples(mug.id)] == ids
    assert [example.id for example in store.examples(mug.id, before=ids[1], limit=2)] == ids[2:4]
    assert len(store.examples()) == 6


def test_a_thousand_examples_are_removed_and_restored(store: Store) -> None:
    mug = store.add_class("Mug")
    added = store.add([new(mug.id) for _ in range(1100)], BACKBONE)
    store.remove_examples([example.id for example in added])
    assert store.examples() == []
    assert store.next_undo().text == "1100 examples deleted"  # type: ignore[union-attr]
    store.undo()
    assert len(store.examples()) == 1100


class Journey(RuleBasedStateMachine):
    """Any sequence of changes can be undone to the start and redone to the end, exactly."""

    make: Any

    def __init__(self) -> None:
        super().__init__()
        self.store: Store = self.make()
        self.past = [contents(self.store)]
        self.future: list[Any] = []

    def changed(self) -> None:
        now = contents(self.store)
        if now != self.past[-1]:
            self.past.append(now)
            self.future.clear()

    @rule()
    def add_class(self) -> None:
        self.store.add_class()
        self.changed()

    @precondition(lambda self: classes(self.store))
    @rule(number=st.integers(0, 9), count=st.integers(1, 3))
    def record(self, number: int, count: int) -> None:
        known = classes(self.store)
        chosen = known[number % len(known)].id
        self.store.add([new(chosen)] * count, BACKBONE)
        self.changed()

    @precondition(lambda self: classes(self.store))
    @rule(number=st.integers(0, 9), what=st.sampled_from(["edit", "color", "clear", "remove"]))
    def change_class(self, number: int, what: str) -> None:
        known = classes(self.store)
        chosen = known[number % len(known)].id
        match what:
            case "edit":
                self.store.edit_class(chosen, f"Name {len(self.past)}")
            case "color":
                self.store.edit_class(chosen, color=number)
            case "clear":
                self.store.clear_class(chosen)
            case "remove":
                self.store.remove_class(chosen)
        self.changed()

    @precondition(lambda self: self.store.examples())
    @rule(numbers=st.lists(st.integers(0, 99), min_size=1, max_size=3), to=st.integers(0, 9))
    def move(self, numbers: list[int], to: int) -> None:
        examples, known = self.store.examples(), classes(self.store)
        chosen = {examples[number % len(examples)].id for number in numbers}
        self.store.move_examples(list(chosen), known[to % len(known)].id)
        self.changed()

    @rule(label=st.sampled_from(["One", "Two"]), count=st.integers(1, 3))
    def discard(self, label: str, count: int) -> None:
        change = self.store.begin_addition()
        self.store.add([new(label)] * count, BACKBONE, change)
        assert self.store.next_redo() is None
        self.store.discard_addition(change)
        assert contents(self.store) == self.past[-1]

    @precondition(lambda self: self.store.examples())
    @rule(number=st.integers(0, 99), whole=st.booleans())
    def remove(self, number: int, whole: bool) -> None:
        examples = self.store.examples()
        chosen = examples[number % len(examples)]
        if whole:
            self.store.remove_recording(chosen.recording_id)
        else:
            self.store.remove_examples([chosen.id])
        self.changed()

    @precondition(lambda self: len(self.past) > 1)
    @rule()
    def undo(self) -> None:
        self.future.append(self.past.pop())
        self.store.undo()
        assert contents(self.store) == self.past[-1]

    @precondition(lambda self: self.future)
    @rule()
    def redo(self) -> None:
        self.past.append(self.future.pop())
        self.store.redo()
        assert contents(self.store) == self.past[-1]

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = type(self.store)(self.store.path)
        assert contents(self.store) == self.past[-1]

    def teardown(self) -> None:
        self.store.close()


@pytest.mark.parametrize("kind", STORES.values(), ids=STORES.keys())
def test_any_journey_can_be_undone_and_redone(
    kind: type[Store], tmp_path_factory: pytest.TempPathFactory
) -> None:
    class JourneyOf(Journey):
        def make(self) -> Store:
            return kind(tmp_path_factory.mktemp("journey") / "project.db")

    run_state_machine_as_test(JourneyOf, settings=settings(max_examples=25, stateful_step_count=30))
