"""Reading and writing a project file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from classify_anything.errors import NotFoundError, StoreError
from classify_anything.store import journal, queries
from classify_anything.store.database import clear_errors, open_database
from classify_anything.store.labels import clean_label, free_label
from classify_anything.store.queries import NewExample, Row
from classify_anything.store.tables import classes, examples, project
from classify_anything.types import Change, Class, Example, Float32Array

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The project at a revision.

    Attributes:
        complete: whether ``rows`` are all examples, not only those that changed.
        classes: all of them, in their order.
        rows: examples that were added, changed or removed, oldest first.
    """

    revision: int
    complete: bool
    classes: list[Class]
    rows: list[Row]


class Store:
    """One open project file, used by one thread.

    Every method that writes is one transaction: when it returns, the change is on the disk; when
    it raises, nothing has changed. Each raises StoreError (or one of its kind) when SQLite does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = open_database(path)
        self._writer = self._engine.execution_options(write=True)
        self._raw: Any = self._engine.raw_connection()
        with clear_errors(path), self._writer.begin() as connection:
            journal.compact(connection)

    def close(self) -> None:
        """Close the file; SQLite then folds its log into it."""
        self._raw.close()
        self._engine.dispose()

    # --- reading

    def data_version(self) -> int:
        """A number that changes when another connection has written; costs microseconds.

        Raises StoreError when the project is closed.
        """
        if self._raw.driver_connection is None:
            raise StoreError(f"{self.path}: the project is closed.")
        with clear_errors(self.path):
            row = self._raw.driver_connection.execute("PRAGMA data_version").fetchone()
        return int(row[0])

    def since(self, revision: int, backbone: str) -> Snapshot:
        """What has changed after a revision, with the embeddings that a backbone has made."""
        with self._reading() as connection:
            current = connection.execute(sa.select(project)).one()
            complete = revision < current.compacted
            rows = queries.rows_since(connection, -1 if complete else revision, backbone)
            return Snapshot(current.revision, complete, queries.all_classes(connection), rows)

    def example(self, example_id: int) -> Example:
        """One example, also one whose removal can be undone. Raises NotFoundError."""
        with self._reading() as connection:
            return queries.get_example(connection, example_id)

    def examples(
        self, class_id: int | None = None, before: int | None = None, limit: int | None = None
    ) -> list[Example]:
        """Examples, newest first: of a class, older than ``before``, at most ``limit``."""
        select = queries.select_examples().where(sa.not_(examples.c.removed))
        if class_id is not None:
            select = select.where(examples.c.class_id == class_id)
        if before is not None:
            select = select.where(examples.c.id < before)
        with self._reading() as connection:
            rows = connection.execute(select.order_by(examples.c.id.desc()).limit(limit))
            return [queries.to_example(row) for row in rows]

    def image(self, example_id: int) -> tuple[bytes, str]:
        """The bytes of an example as they were captured, and their media type.

        A removed example keeps its image while its removal can be undone. Raises NotFoundError.
        """
        select = sa.select(examples.c.image, examples.c.media_type)
        with self._reading() as connection:
            row = connection.execute(select.where(examples.c.id == example_id)).first()
        if row is None:
            raise NotFoundError(f"No example {example_id}.")
        return row.image, row.media_type

    def next_undo(self) -> Change | None:
        """The change that ``undo`` would undo."""
        with self._reading() as connection:
            return journal.next_undo(connection)

    def next_redo(self) -> Change | None:
        """The change that ``redo`` would do again."""
        with self._reading() as connection:
            return journal.next_redo(connection)

    # --- writing examples

    def add(
        self, new: Sequence[NewExample], backbone: str, recording: str | None = None
    ) -> list[Example]:
        """Add examples, all to one recording.

        An example whose key is known is not added again; the known one is given back. With a
        ``recording`` that is known and not undone, the examples join it; else a new one begins.

        Raises:
            NotFoundError: there is no class with such an id.
            LabelError: a class cannot have such a name.
        """
        with self._writing() as (connection, revision):
            ids = [queries.example_of_key(connection, item.key) for item in new]
            unknown = [item for item, known in zip(new, ids, strict=True) if known is None]
            if unknown:
                places = {
                    label: queries.find_or_insert_class(connection, label)
                    for label in dict.fromkeys(item.label for item in unknown)
                }
                added = [class_id for class_id, is_new in places.values() if is_new]
                recording_id = queries.recording_of_key(connection, recording, added)
                inserted = (
                    queries.insert_example(
                        connection, item, places[item.label][0], recording_id, revision, backbone
                    )
                    for item in unknown
                )
                ids = [next(inserted) if known is None else known for known in ids]
            return [queries.get_example(connection, id_) for id_ in ids if id_ is not None]

    def put_embeddings(self, vectors: Sequence[tuple[int, Float32Array]], backbone: str) -> None:
        """Keep embeddings that another backbone has made of examples already there."""
        with clear_errors(self.path), self._writer.begin() as connection:
            queries.insert_embeddings(connection, vectors, backbone)

    def remove_examples(self, ids: Sequence[int]) -> None:
        """Remove some examples. Raises NotFoundError, and then removes none."""
        with self._writing() as (connection, revision):
            chunks = [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]
            present = sa.not_(examples.c.removed)
            for chunk in chunks:
                select = sa.select(examples.c.id).where(examples.c.id.in_(chunk), present)
                missing = set(chunk) - set(connection.execute(select).scalars())
                if missing:
                    raise NotFoundError(f"No example {min(missing)}.")
            text = f"{journal.plural(len(ids), 'example')} deleted"
            change = journal.record(connection, "remove", {"text": text})
            for chunk in chunks:
                queries.remove_examples(connection, examples.c.id.in_(chunk), change, revision)

    def remove_recording(self, recording_id: int) -> None:
        """Remove the examples of a recording. Raises NotFoundError if it has none."""
        with self._writing() as (connection, revision):
            mine = examples.c.recording_id == recording_id
            count = queries.count_examples(connection, mine)
            if count == 0:
                raise NotFoundError(f"No recording {recording_id}.")
            text = f"Recording of {journal.plural(count, 'example')} deleted"
            change = journal.record(connection, "remove", {"text": text})
            queries.remove_examples(connection, mine, change, revision)

    def last_recording(self) -> int | None:
        """The recording that the newest example belongs to."""
        select = sa.select(examples.c.recording_id).where(sa.not_(examples.c.removed))
        with self._reading() as connection:
            return connection.execute(select.order_by(examples.c.id.desc()).limit(1)).scalar()

    # --- writing classes

    def add_class(self, name: str | None = None) -> Class:
        """Add a class; without a name, the first free "Class N". Raises LabelError."""
        with self._writing() as (connection, _):
            known = queries.all_classes(connection)
            name = free_label(item.name for item in known) if name is None else clean_label(name)
            queries.check_free(known, name)
            new = queries.insert_class(connection, name)
            journal.record(connection, "add_class", {"class": new.id})
        return new

    def add_starting_classes(self, names: Sequence[str]) -> None:
        """Give an untouched project its first classes; this is not a change to be undone."""
        with self._writing() as (connection, revision):
            if revision == 1:
                for name in names:
                    queries.insert_class(connection, name)

    def edit_class(self, class_id: int, name: str | None = None, color: int | None = None) -> Class:
        """Give a class another name or colour. Raises NotFoundError or LabelError."""
        with self._writing() as (connection, _):
            known = queries.all_classes(connection)
            old = queries.one_class(known, class_id)
            new = Class(
                class_id,
                old.name if name is None else clean_label(name),
                old.color if color is None else color,
            )
            if new != old:
                queries.check_free([item for item in known if item.id != class_id], new.name)
                before, after = ({"name": item.name, "color": item.color} for item in (old, new))
                connection.execute(
                    sa.update(classes).where(classes.c.id == class_id).values(**after)
                )
                data = {"class": class_id, "before": before, "after": after}
                journal.record(connection, "edit", data)
        return new

    def clear_class(self, class_id: int) -> None:
        """Remove the examples of a class; the class stays. Raises NotFoundError."""
        with self._writing() as (connection, revision):
            name = queries.one_class(queries.all_classes(connection), class_id).name
            mine = examples.c.class_id == class_id
            count = queries.count_examples(connection, mine)
            if count:
                text = f"{journal.plural(count, 'example')} of {name} deleted"
                change = journal.record(connection, "remove", {"text": text})
                queries.remove_examples(connection, mine, change, revision)

    def remove_class(self, class_id: int) -> None:
        """Remove a class and its examples. Raises NotFoundError."""
        with self._writing() as (connection, revision):
            name = queries.one_class(queries.all_classes(connection), class_id).name
            change = journal.record(connection, "remove", {"text": f"{name} deleted"})
            queries.remove_examples(connection, examples.c.class_id == class_id, change, revision)
            connection.execute(
                sa.update(classes)
                .where(classes.c.id == class_id)
                .values(removed=True, removed_by=change)
            )

    def undo(self, expected: int | None = None) -> None:
        """Undo the newest change. Raises NothingToUndoError or ConflictError."""
        with self._writing() as (connection, revision):
            journal.undo(connection, revision, expected)

    def redo(self, expected: int | None = None) -> None:
        """Do the last undone change again. Raises NothingToUndoError or ConflictError."""
        with self._writing() as (connection, revision):
            journal.redo(connection, revision, expected)

    # --- transactions

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with clear_errors(self.path), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[sa.Connection, int]]:
        """A transaction that makes the next revision."""
        with clear_errors(self.path), self._writer.begin() as connection:
            update = sa.update(project).values(revision=project.c.revision + 1)
            revision = connection.execute(update.returning(project.c.revision)).scalar_one()
            yield connection, revision
