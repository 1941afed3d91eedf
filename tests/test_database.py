"""A file that cannot be opened is refused with a clear message, and stays unchanged."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from classify_anything.errors import (
    NotAProjectError,
    StoreError,
    StoreFullError,
    StoreTooNewError,
)
from classify_anything.store import NewExample, Store, database, journal, tables
from tests.contracts.test_stores import contents, new


def refused(path: Path, kind: type[StoreError], says: str) -> None:
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    with pytest.raises(kind, match=says) as caught:
        Store(path)
    assert "\n" not in str(caught.value)
    after = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    assert after == before


def test_a_file_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {tables.SCHEMA_VERSION + 1}")
    connection.close()
    refused(path, StoreTooNewError, "newer version .* Update it")


def test_a_file_that_is_not_sqlite(tmp_path: Path) -> None:
    for name, data in {"a": b"hello", "b": b"\x89PNG" * 100, "c": b"SQLite format 3\0"}.items():
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name, NotAProjectError, "not a project")


def test_a_database_of_another_program(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE projects (id INTEGER)")
    connection.close()
    refused(tmp_path / "other.db", NotAProjectError, "not a project")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(NotAProjectError, match="a folder"):
        Store(tmp_path)


def test_a_damaged_project(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    store = Store(path)
    store.add_class("Mug")
    store.close()
    data = bytearray(path.read_bytes())
    data[200:] = b"\x55" * (len(data) - 200)
    path.write_bytes(data)
    with pytest.raises(StoreError):
        Store(path)


def test_an_empty_file_becomes_a_project_and_folders_are_created(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    Store(tmp_path / "empty.db").close()
    Store(tmp_path / "a" / "b" / "c.db").close()
    assert (tmp_path / "a" / "b" / "c.db").exists()


_AS_NOBODY = """
import os, sys
from classify_anything.errors import ClassifyAnythingError
from classify_anything.store import Store
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    store = Store(__import__("pathlib").Path(sys.argv[1]))
    print("opened", len(store.examples()))
    store.add_class("Mug")
except ClassifyAnythingError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("what", ["the folder", "the file", "a new file", "a new folder"])
def test_a_place_without_write_permission(what: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "project.db"
        if not what.startswith("a new"):
            Store(path).close()
        if what == "a new folder":
            path = folder / "sub" / "project.db"
        folder.chmod(0o777 if what == "the file" else 0o555)
        if path.exists():
            path.chmod(0o444 if what == "the file" else 0o666)
        before = path.exists() and path.read_bytes()
        command = [sys.executable, "-c", _AS_NOBODY, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        folder.chmod(0o777)
        *opened, error = done.stdout.splitlines()
        assert opened == ([] if what.startswith("a new") else ["opened 0"])
        assert error.startswith("StoreReadOnlyError"), done.stdout + done.stderr
        assert (path.exists() and path.read_bytes()) == before


def test_a_project_that_cannot_be_compacted_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    Store(path).close()
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute("ALTER TABLE changes RENAME TO gone")
    refused(path, StoreError, "no such table")
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert path not in [link.resolve() for link in Path("/proc/self/fd").iterdir()], caught


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "project.db")
    mug = store.add_class("Mug")
    store.add([new(mug.id)], "b")
    before = contents(store)
    pages = store._raw.driver_connection.execute("PRAGMA page_count").fetchone()[0]
    store._raw.driver_connection.execute(f"PRAGMA max_page_count = {pages + 8}")
    with pytest.raises(StoreFullError, match="disk is full"):
        store.add([new(mug.id, b"x" * 100_000)], "b")
    assert contents(store) == before
    store.add([new(mug.id, b"small")], "b")
    store.close()


def test_a_file_at_its_size_limit_loses_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "project.db")
    mug = store.add_class("Mug")
    before = contents(store)
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, old_limit[1]))
    try:
        with pytest.raises(StoreError):
            store.add([new(mug.id, b"x" * 1_000_000)], "b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert contents(store) == before
    store.close()
    again = Store(tmp_path / "project.db")
    assert contents(again) == before
    again.close()


def test_a_file_that_another_program_keeps_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)
    store = Store(tmp_path / "project.db")
    other = sqlite3.connect(tmp_path / "project.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.add_class("Mug")
    other.execute("ROLLBACK")
    other.close()
    store.add_class("Mug")
    store.close()


def test_committed_changes_survive_a_killed_process(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from classify_anything.store import Store\n"
        "store = Store(pathlib.Path(sys.argv[1]))\n"
        "store.add_class('Mug')\n"
        "os._exit(9)\n"
    )
    path = tmp_path / "project.db"
    assert subprocess.run([sys.executable, "-c", script, str(path)], timeout=60).returncode == 9
    store = Store(path)
    assert [item.name for item in store.since(-1, "b").classes] == ["Mug"]
    assert store._raw.driver_connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._raw.driver_connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_the_migrations_create_the_tables_in_use(tmp_path: Path) -> None:
    store = Store(tmp_path / "project.db")
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    store.close()
    config = Config()
    config.set_main_option("script_location", str(database._MIGRATIONS))
    assert int(ScriptDirectory.from_config(config).get_current_head() or 0) == tables.SCHEMA_VERSION


FIRST_FORMAT = """
INSERT INTO classes VALUES (1, 'Mug', 7, 0, NULL), (2, 'Cup', 1, 0, NULL);
INSERT INTO changes VALUES
    (1, 'add_class', '{"class": 1}', 0, :now),
    (2, 'add', '{"classes": [2]}', 0, :now),
    (3, 'remove', '{"text": "1 example deleted"}', 0, :now);
INSERT INTO recordings VALUES (1, 'press', 2, :now), (2, NULL, 2, :now);
INSERT INTO examples VALUES
    (1, 1, 1, NULL, 1, 0, NULL, 640, 480, 'image/jpeg', 'sha-1', :now, 'camera', x'01'),
    (2, 2, 1, 'key', 1, 0, NULL, 640, 480, 'image/jpeg', 'sha-2', :now, 'camera', x'02'),
    (3, 1, 2, NULL, 2, 1, 3, 640, 480, 'image/png', 'sha-3', :now, 'http', x'03');
INSERT INTO embeddings VALUES (1, 'b', x'0000803f00000000'), (2, 'b', x'000000000000803f');
UPDATE project SET revision = 2;
PRAGMA user_version = 1;
"""


def migrate(path: Path, number: int) -> None:
    """Migrate a file to an earlier format."""
    engine = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(database._MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, f"{number:04}")
        connection.exec_driver_sql(f"PRAGMA user_version = {number}")
    engine.dispose()


def write_first_format(path: Path) -> None:
    """Return a project of format 1, with rows as that version wrote them."""
    migrate(path, 1)
    now = journal.now().isoformat(" ", "microseconds")
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.executescript(FIRST_FORMAT.replace(":now", f"'{now}'"))
        raw.execute(f"PRAGMA application_id = {tables.APPLICATION_ID}")


def test_a_project_of_the_first_format_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    write_first_format(path)
    before = path.read_bytes()
    with sqlite3.connect(path) as raw:
        assert "added_by" not in str(raw.execute("SELECT sql FROM sqlite_schema").fetchall())
    raw.close()
    assert path.read_bytes() == before
    store = Store(path)
    assert [(item.name, item.color) for item in store.classes()] == [("Mug", 7), ("Cup", 1)]
    newest, oldest = store.examples()
    assert (newest.label, newest.recording_id, newest.sha256) == ("Cup", 1, "sha-2")
    assert (oldest.label, oldest.recording_id, oldest.source) == ("Mug", 1, "camera")
    assert store.image(1) == (b"\x01", "image/jpeg")
    assert re.fullmatch("[0-9a-f]{16}", store.uid())
    vectors = [row.embedding.tolist() for row in store.since(-1, "b").rows]  # type: ignore[union-attr]
    assert vectors == [[1, 0], [0, 1]]
    (again,) = store.add([new("Cup", key="key")], "b")
    assert again == newest
    store.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (tables.SCHEMA_VERSION,)
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    raw.close()


def test_a_project_without_a_table_of_views_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    write_first_format(path)
    migrate(path, 4)
    with contextlib.closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT name FROM sqlite_schema WHERE name = 'views'").fetchall() == []
        (uid,) = raw.execute("SELECT uid FROM project").fetchone()
    store = Store(path)
    assert store.uid() == uid
    assert [item.id for item in store.examples()] == [2, 1]
    assert store.views_of([1, 2], "b") == {}
    store.put_views([(1, np.ones((8, 2), np.float16))], "b")
    assert store.viewed("b") == {1}
    store.close()


def test_changes_of_the_first_format_can_be_undone_and_redone(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    write_first_format(path)
    store = Store(path)
    texts, states = [], [contents(store)]
    while change := store.next_undo():
        texts.append(change.text)
        store.undo()
        states.append(contents(store))
    assert texts == ["1 example deleted", "3 examples added to 2 classes", "Mug added"]
    sizes = [(len(classes), len(rows)) for classes, rows in states]
    assert sizes == [(2, 2), (2, 3), (1, 0), (0, 0)]
    for state in states[-2::-1]:
        store.redo()
        assert contents(store) == state
    (joined,) = store.add([new("Mug", recording="press")], "b")
    assert joined.recording_id == 1
    store.close()


def test_old_changes_expire_and_their_rows_are_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "project.db"
    store = Store(path)
    mug = store.add_class("Mug")
    first, second = store.add([new(mug.id), new(mug.id)], "b")
    for backbone in ("b", "c"):
        views = np.ones((8, 4), np.float16)
        store.put_views([(first.id, views), (second.id, views)], backbone)
    store.remove_examples([first.id])
    store.close()
    watching = Store(path)
    revision = watching.since(-1, "b").revision
    monkeypatch.setattr(journal, "_KEEP", timedelta(0))
    Store(path).close()
    snapshot = watching.since(revision, "b")
    assert snapshot.complete
    assert [row.example_id for row in snapshot.rows] == [second.id]
    assert watching.next_undo() is None
    assert watching.viewed("b") == watching.viewed("c") == {second.id}
    with watching._engine.connect() as connection:
        for table in (tables.examples, tables.embeddings, tables.recordings):
            assert connection.execute(table.select()).fetchall() != []
    watching.close()


def test_a_write_that_changes_nothing_keeps_the_revision(tmp_path: Path) -> None:
    store = Store(tmp_path / "project.db")
    mug = store.add_class("Mug")
    (added,) = store.add([new(mug.id, key="a")], "b")
    before = store.since(-1, "b").revision, store.version()
    assert store.add([new(mug.id, key="a")], "b") == [added]
    store.edit_class(mug.id, name=" Mug ")
    store.move_examples([added.id], mug.id)
    store.add_starting_classes(["Cup"])
    assert (store.since(-1, "b").revision, store.version()) == before
    store.clear_class(mug.id)
    store.clear_class(mug.id)
    assert store.since(-1, "b").revision == before[0] + 1
    store.close()


def test_the_thirty_days_start_again_when_a_change_is_undone_or_redone(tmp_path: Path) -> None:
    path = tmp_path / "project.db"

    def age(days: int) -> None:
        with sqlite3.connect(path) as raw:
            raw.execute(
                "UPDATE changes SET created_at = datetime(created_at, ?)", [f"-{days} days"]
            )
        raw.close()

    def reopened(days: int) -> Store:
        store.close()
        age(days)
        return Store(path)

    store = Store(path)
    mug = store.add_class("Mug")
    (added,) = store.add([new(mug.id)], "b")
    store = reopened(29)
    store.undo()
    store = reopened(29)
    store.redo()
    assert [example.id for example in store.examples()] == [added.id]
    store.remove_examples([added.id])
    store = reopened(29)
    store.undo()
    store.redo()
    store = reopened(29)
    store.undo()
    assert store.image(added.id)[0] == b"picture"
    store = reopened(31)
    assert store.next_undo() is None
    store.close()


def test_rows_that_undo_needs_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    store = Store(path)
    mug = store.add_class("Mug")
    store.add([NewExample(mug.id, b"1", "image/png", 1, 1, "t", new(1).embedding)], "b")
    store.undo()
    store.close()
    again = Store(path)
    assert again.examples() == []
    again.redo()
    assert len(again.examples()) == 1
    again.close()


def test_an_interrupt_during_a_statement_leaves_the_project_usable(tmp_path: Path) -> None:
    store = Store(tmp_path / "project.db")
    mug = store.add_class("Mug")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    sa.event.listen(store._engine, "before_cursor_execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.add([new(mug.id)], "b")
    sa.event.remove(store._engine, "before_cursor_execute", interrupt)
    assert store.examples() == []
    store.add([new(mug.id)], "b")
    assert len(store.examples()) == 1
    assert store.version() is not None
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.examples()
