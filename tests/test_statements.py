"""A frame, a press and an import take few SQL statements, regardless of the number of examples."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from classify_anything import Classifier
from classify_anything.project.project import Project
from classify_anything.server.messages import AddFrame, PredictFrame
from classify_anything.server.project import LiveProject
from classify_anything.store import Store
from tests import loops
from tests.contracts.test_stores import new
from tests.photos import plain


class Counted:
    """The statements of all stores."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.transactions = 0

    def hear(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.statements.append(statement)

    def begin(self, _connection: object) -> None:
        self.transactions += 1

    def clear(self) -> None:
        self.statements.clear()
        self.transactions = 0


@pytest.fixture
def counted() -> Iterator[Counted]:
    found = Counted()
    sa.event.listen(sa.Engine, "before_cursor_execute", found.hear)
    sa.event.listen(sa.Engine, "begin", found.begin)
    yield found
    sa.event.remove(sa.Engine, "before_cursor_execute", found.hear)
    sa.event.remove(sa.Engine, "begin", found.begin)


@pytest.fixture
def live(tmp_path: Path, tiny_backbone: Path) -> Iterator[LiveProject]:
    project = LiveProject(lambda: Project(tmp_path / "project.db", backbone=tiny_backbone))
    project.read(lambda clf: clf.add_starting_classes(["Mug", "Cup"]))
    yield project
    project.close()


def press(key: str) -> AddFrame:
    return AddFrame(type="add", seq=0, class_id=1, recording="press", key=key)


def test_a_press_takes_nine_statements_and_one_transaction(
    live: LiveProject, counted: Counted
) -> None:
    async def story() -> None:
        await live.newest()
        for number in range(1, 4):
            counted.clear()
            answer = await live.answer(press(str(number)), plain("red"), time.perf_counter())
            assert len(counted.statements) <= 9, counted.statements
            assert counted.transactions == 1
            assert live.state.revision == answer.revision
            assert live.state.undo is not None
            assert live.state.undo.id == answer.change
            assert live.state.undo.text.endswith("added to Mug")
            assert live.state.classes[0].examples == number

    loops.run(story())


def test_a_live_frame_checks_the_revision_once(live: LiveProject, counted: Counted) -> None:
    async def story() -> None:
        await live.answer(press("a"), plain("red"), time.perf_counter())
        counted.clear()
        asked: list[str] = []
        live.read(lambda clf: clf.store._raw.driver_connection.set_trace_callback(asked.append))
        frame = PredictFrame(type="predict", seq=1)
        answer = await live.answer(frame, plain("red"), time.perf_counter())
        live.read(lambda clf: clf.store._raw.driver_connection.set_trace_callback(None))
        assert answer.prediction.label == "Mug"
        assert asked == ["PRAGMA data_version"]
        assert counted.statements == []

    loops.run(story())


def test_a_batch_takes_as_many_statements_as_a_batch_of_two(
    tmp_path: Path, counted: Counted
) -> None:
    store = Store(tmp_path / "project.db")
    change = store.begin_addition([("Mug", 0)])
    taken = []
    for count in (2, 64):
        counted.clear()
        store.add([new("Mug") for _ in range(count)], "b", change)
        store.next_changes()
        taken.append(len(counted.statements))
    assert taken[0] == taken[1] <= 11
    undo = store.next_undo()
    assert undo is not None
    assert undo.text == "66 examples added to Mug"
    store.close()


def test_the_text_of_undo_counts_no_examples(tmp_path: Path, counted: Counted) -> None:
    store = Store(tmp_path / "project.db")
    store.add([new("Mug") for _ in range(5)], "b")
    store.close()
    store = Store(tmp_path / "project.db")
    counted.clear()
    assert [one and one.text for one in store.next_changes()] == ["5 examples added to Mug", None]
    assert not [one for one in counted.statements if "examples" in one]
    assert counted.transactions == 1
    store.close()


def test_an_older_file_gets_counts(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    store = Store(path)
    store.add([new("Mug"), new("Cup")], "b")
    store.add([new("Mug") for _ in range(3)], "b")
    store.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("UPDATE changes SET data = json_remove(data, '$.counts', '$.class')")
        raw.execute("UPDATE alembic_version SET version_num = '0005'")
        raw.execute("PRAGMA user_version = 5")
    store = Store(path)
    for text in ("3 examples added to Mug", "2 examples added to 2 classes"):
        undo = store.next_undo()
        assert undo is not None
        assert undo.text == text
        store.undo()
    store.close()


def test_examples_of_another_process_between_two_presses_are_learnt(
    tmp_path: Path, tiny_backbone: Path
) -> None:
    path = tmp_path / "project.db"
    with (
        Classifier(path, backbone=tiny_backbone) as one,
        Classifier(path, backbone=one.backbone) as two,
    ):
        for number, clf in enumerate((one, two, one, one, two), 1):
            clf.add("Mug", plain("red"))
            assert len(clf) == number
            assert clf.project.count(clf.find_class("Mug").id) == number
            assert [one.project.revision, two.project.revision] == [number, number]
            assert one.next_undo() == two.next_undo()
