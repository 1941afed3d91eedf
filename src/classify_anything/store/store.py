"""Read and write a project file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from classify_anything.errors import NotFoundError, StoreError
from classify_anything.store import journal, queries
from classify_anything.store.additions import add_examples
from classify_anything.store.database import clear_errors, keep_in_memory, open_database
from classify_anything.store.labels import clean_label, free_label, same_label
from classify_anything.store.reader import Reader
from classify_anything.store.tables import classes, embeddings, examples, project, views
from classify_anything.store.values import Added, Index, NewExample, Snapshot
from classify_anything.types import Change, Class, Example, Float16Array, Float32Array, Settings


class Store:
    """An open project file, for use by one thread.

    If the file or its folder is not writable, the store is ``read_only``.

    Every method that writes is one transaction: when it returns, the change is on disk; when it
    raises, nothing has changed. Each raises StoreError or a subclass if SQLite fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine, self.read_only = open_database(path)
        self._writer = self._engine.execution_options(write=not self.read_only)
        self._closed = False
        self._writes = 0
        self._seen: int | None = None
        self._checks_once = False
        self._next: tuple[tuple[int, int], tuple[Change | None, Change | None]] | None = None
        self._raw: Any = self._engine.raw_connection()
        if self.read_only:
            return
        try:
            with clear_errors(path), self._writer.begin() as connection:
                journal.compact(connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; SQLite then merges its log into it."""
        self._closed = True
        self._raw.close()
        self._engine.dispose()

    # --- reading

    def reader(self) -> Reader:
        """Open a reader of the file as it is now, for another thread."""
        self._check_open()
        return Reader(self.path, read_only=self.read_only)

    def version(self) -> tuple[int, int]:
        """Return a value that differs after every change by any process; costs microseconds.

        Raises StoreError when the project is closed.
        """
        self._check_open()
        if self._seen is None or not self._checks_once:
            with clear_errors(self.path):
                row = self._raw.driver_connection.execute("PRAGMA data_version").fetchone()
            self._seen = int(row[0])
        return self._seen, self._writes

    @property
    def writes(self) -> int:
        """The number of transactions of this store that changed the project."""
        return self._writes

    @contextlib.contextmanager
    def checking_once(self) -> Iterator[None]:
        """Check at most once, inside, whether another process has changed the project."""
        self._seen, self._checks_once = None, True
        try:
            yield
        finally:
            self._checks_once = False

    def since(self, revision: int, backbone: str) -> Snapshot:
        """Return the changes after a revision, with the embeddings of a backbone."""
        with self._reading() as connection:
            current = connection.execute(sa.select(project)).one()
            complete = revision < current.compacted
            rows = queries.rows_since(connection, -1 if complete else revision, backbone)
            return Snapshot(
                revision=current.revision,
                complete=complete,
                settings=_settings(current.settings),
                classes=queries.all_classes(connection),
                rows=rows,
            )

    def uid(self) -> str:
        """Return the project's unique id, which copies share."""
        with self._reading() as connection:
            return str(connection.execute(sa.select(project.c.uid)).scalar_one())

    def settings(self) -> Settings:
        """Return the project's settings."""
        with self._reading() as connection:
            return _settings(connection.execute(sa.select(project.c.settings)).scalar_one())

    def missing_embeddings(self, backbone: str, change: int | None = None) -> list[int]:
        """Return the ids of examples without an embedding of a backbone, oldest first.

        With a change, only of those that undoing or redoing it restores.
        """
        with self._reading() as connection:
            return queries.missing_embeddings(connection, backbone, change)

    def touched(self) -> tuple[int, int]:
        """Return a value that differs after every change of examples or their classes."""
        with self._reading() as connection:
            return queries.touched(connection)

    def classes(self) -> list[Class]:
        """Return the classes, in order."""
        with self._reading() as connection:
            return queries.all_classes(connection)

    def example(self, example_id: int) -> Example:
        """Return an example, even if removed and not yet erased. Raises NotFoundError."""
        with self._reading() as connection:
            return queries.get_example(connection, example_id)

    def examples(
        self,
        class_id: int | None = None,
        *,
        source: str | None = None,
        recording: int | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Example]:
        """Return examples, newest first; ``before`` is an id, for paging."""
        select = queries.select_examples().where(sa.not_(examples.c.removed))
        for column, wanted in (
            (examples.c.class_id, class_id),
            (examples.c.source, source),
            (examples.c.recording_id, recording),
        ):
            if wanted is not None:
                select = select.where(column == wanted)
        if before is not None:
            select = select.where(examples.c.id < before)
        with self._reading() as connection:
            rows = connection.execute(select.order_by(examples.c.id.desc()).limit(limit))
            return [queries.to_example(row) for row in rows]

    def index(self) -> Index:
        """Return the columns of all examples that a list needs, newest first."""
        columns = (
            examples.c.id,
            examples.c.class_id,
            examples.c.recording_id,
            examples.c.source,
            sa.cast(sa.func.strftime("%s", examples.c.created_at), sa.Integer),
        )
        select = sa.select(*columns).where(sa.not_(examples.c.removed))
        with self._reading() as connection:
            rows = connection.execute(select.order_by(examples.c.id.desc())).all()
        return Index(*zip(*rows, strict=True)) if rows else Index((), (), (), (), ())

    def embedding(self, example_id: int, backbone: str) -> Float32Array:
        """Return the embedding of an example, float32 [d]. Raises NotFoundError."""
        with self._reading() as connection:
            return queries.get_embedding(connection, example_id, backbone)

    def image(self, example_id: int) -> tuple[bytes, str]:
        """Return the original bytes of an example's image, and their media type.

        A removed example keeps its image until it is erased. Raises NotFoundError.
        """
        with self._reading() as connection:
            return queries.get_image(connection, example_id)

    def images_of(self, ids: Sequence[int]) -> list[tuple[int, bytes]]:
        """Return the images of examples with their ids, without erased ones."""
        with self._reading() as connection:
            return queries.images_of(connection, ids)

    def viewed(self, backbone: str) -> set[int]:
        """Return the ids of examples with views of a backbone, removed ones included."""
        select = sa.select(views.c.example_id).where(views.c.backbone == backbone)
        with self._reading() as connection:
            return set(connection.execute(select).scalars())

    def views_of(self, ids: Sequence[int], backbone: str) -> dict[int, Float32Array]:
        """Return the views of examples, float32 [8, d] by id, without those that have none."""
        with self._reading() as connection:
            return queries.views_of(connection, ids, backbone)

    def next_changes(self) -> tuple[Change | None, Change | None]:
        """Return the changes that ``undo`` and ``redo`` would act on."""
        version = self.version()
        if self._next is None or self._next[0] != version:
            with self._reading() as connection:
                self._next = version, journal.next_changes(connection)
        return self._next[1]

    def next_undo(self) -> Change | None:
        """Return the change that ``undo`` would undo."""
        return self.next_changes()[0]

    def next_redo(self) -> Change | None:
        """Return the change that ``redo`` would redo."""
        return self.next_changes()[1]

    def images(self) -> list[tuple[str, str, datetime]]:
        """Return label, sha256 and capture time of each example, to recognise duplicates."""
        select = sa.select(classes.c.name, examples.c.sha256, examples.c.created_at)
        with self._reading() as connection:
            rows = connection.execute(select.join(examples).where(sa.not_(examples.c.removed)))
            return [(row.name, row.sha256, row.created_at.replace(tzinfo=UTC)) for row in rows]

    def image_bytes(self) -> int:
        """Return the total size of the images in bytes."""
        total = sa.select(sa.func.sum(sa.func.length(examples.c.image)))
        with self._reading() as connection:
            return connection.execute(total.where(sa.not_(examples.c.removed))).scalar() or 0

    # --- writing examples

    def add(
        self, new: Sequence[NewExample], backbone: str, change: int | None = None
    ) -> list[Example]:
        """Add examples, as ``put_examples`` does."""
        return [example for example, _ in self.put_examples(new, backbone, change).examples]

    def put_examples(
        self, new: Sequence[NewExample], backbone: str, change: int | None = None
    ) -> Added:
        """Add examples.

        If the key of an example is known, the known one is returned. If its recording is known and
        not undone, the example joins it, and is undone with it.

        Args:
            new: the examples.
            backbone: the fingerprint of the backbone that made their embeddings.
            change: the result of ``begin_addition``, to undo all additions together.

        Raises:
            NotFoundError: a class id is unknown.
            LabelError: a class name is invalid.
            ConflictError: ``change`` has been undone.
        """
        with self._writing() as (connection, next_revision):
            added = add_examples(connection, new, backbone, change, next_revision)
            if added.revision is not None:
                version, writes = self.version()
                # A new change is the newest, and leaves nothing to redo.
                begun = (added.begun, None) if added.begun else journal.next_changes(connection)
                self._next = (version, writes + 1), begun
        return added

    def begin_addition(self, new_classes: Sequence[tuple[str, int]] = ()) -> int:
        """Begin a change for several calls of ``add``, and return its id.

        ``new_classes`` are names and colours of classes to add first, unless they exist.
        """
        with self._writing() as (connection, next_revision):
            next_revision()
            known = queries.all_classes(connection)
            count = len(known)
            for name, color in new_classes:
                if not any(same_label(item.name, name) for item in known):
                    known.append(queries.insert_class(connection, name, known, color))
            return journal.begin_addition(connection, [item.id for item in known[count:]], {})

    def discard_addition(self, change: int) -> None:
        """Remove everything that a change added, and the change itself."""
        with self._writing() as (connection, next_revision):
            journal.discard_addition(connection, change, next_revision())

    def put_embeddings(self, vectors: Sequence[tuple[int, Float32Array]], backbone: str) -> None:
        """Write embeddings of a backbone, skipping erased examples.

        If the file is read-only, they stay in memory.
        """
        with clear_errors(self.path), self._writer.begin() as connection:
            if self.read_only:
                keep_in_memory(connection, embeddings)
            known = queries.existing(connection, [id_ for id_, _ in vectors])
            kept = [(id_, vector) for id_, vector in vectors if id_ in known]
            if kept:
                queries.insert_embeddings(connection, kept, backbone)

    def put_views(self, made: Sequence[tuple[int, Float16Array]], backbone: str) -> None:
        """Write views of a backbone, float16 [8, d], skipping erased examples.

        The revision stays the same. If the file is read-only, the views stay in memory.
        """
        self._check_open()
        with clear_errors(self.path), self._writer.begin() as connection:
            if self.read_only:
                keep_in_memory(connection, views)
            known = queries.existing(connection, [id_ for id_, _ in made])
            kept = [(id_, vectors) for id_, vectors in made if id_ in known]
            if kept:
                queries.insert_views(connection, kept, backbone)

    def remove_examples(self, ids: Sequence[int]) -> None:
        """Remove examples. On NotFoundError, none is removed."""
        with self._writing() as (connection, next_revision):
            queries.classes_of(connection, ids)
            revision = next_revision()
            text = f"{journal.plural(len(ids), 'example')} deleted"
            change = journal.record(connection, "remove", {"text": text})
            for chunk in journal.chunks(ids):
                queries.remove_examples(connection, examples.c.id.in_(chunk), change, revision)

    def move_examples(self, ids: Sequence[int], class_id: int) -> None:
        """Move examples to another class. On NotFoundError, none is moved."""
        with self._writing() as (connection, next_revision):
            name = queries.one_class(queries.all_classes(connection), class_id).name
            former: dict[int, list[int]] = {}
            for id_, old in queries.classes_of(connection, ids).items():
                if old != class_id:
                    former.setdefault(old, []).append(id_)
            moved = [id_ for ids in former.values() for id_ in ids]
            if moved:
                text = f"{journal.plural(len(moved), 'example')} moved to {name}"
                data = {"text": text, "to": class_id, "from": former}
                journal.record(connection, "move", data)
                journal.move(connection, moved, class_id, next_revision())

    def remove_recording(self, recording_id: int) -> None:
        """Remove the examples of a recording. Raises NotFoundError if it has none."""
        with self._writing() as (connection, next_revision):
            mine = examples.c.recording_id == recording_id
            count = queries.count_examples(connection, mine)
            if count == 0:
                raise NotFoundError(f"No recording {recording_id}.")
            text = f"Recording of {journal.plural(count, 'example')} deleted"
            change = journal.record(connection, "remove", {"text": text})
            queries.remove_examples(connection, mine, change, next_revision())

    def last_recording(self) -> int | None:
        """Return the recording of the newest example."""
        select = sa.select(examples.c.recording_id).where(sa.not_(examples.c.removed))
        with self._reading() as connection:
            return connection.execute(select.order_by(examples.c.id.desc()).limit(1)).scalar()

    # --- writing classes

    def add_class(self, name: str | None = None) -> Class:
        """Add a class; without a name, the first free "Class N". Raises LabelError."""
        with self._writing() as (connection, next_revision):
            known = queries.all_classes(connection)
            name = free_label(item.name for item in known) if name is None else clean_label(name)
            queries.check_free(known, name)
            next_revision()
            new = queries.insert_class(connection, name, known)
            journal.record(connection, "add_class", {"class": new.id})
        return new

    def add_starting_classes(self, names: Sequence[str]) -> None:
        """Add the first classes to an unused project, without a change to undo."""
        with self._writing() as (connection, next_revision):
            revision = connection.execute(sa.select(project.c.revision)).scalar_one()
            if revision == 0 and names:
                next_revision()
                known = list[Class]()
                for name in names:
                    known.append(queries.insert_class(connection, name, known))

    def edit_class(self, class_id: int, name: str | None = None, color: int | None = None) -> Class:
        """Change the name or colour of a class. Raises NotFoundError or LabelError."""
        with self._writing() as (connection, next_revision):
            known = queries.all_classes(connection)
            old = queries.one_class(known, class_id)
            new = Class(
                class_id,
                old.name if name is None else clean_label(name),
                old.color if color is None else color,
            )
            if new != old:
                queries.check_free([item for item in known if item.id != class_id], new.name)
                next_revision()
                before, after = ({"name": item.name, "color": item.color} for item in (old, new))
                connection.execute(
                    sa.update(classes).where(classes.c.id == class_id).values(**after)
                )
                data = {"class": class_id, "before": before, "after": after}
                journal.record(connection, "edit", data)
        return new

    def clear_class(self, class_id: int) -> None:
        """Remove the examples of a class; the class stays. Raises NotFoundError."""
        with self._writing() as (connection, next_revision):
            name = queries.one_class(queries.all_classes(connection), class_id).name
            mine = examples.c.class_id == class_id
            count = queries.count_examples(connection, mine)
            if count:
                text = f"{journal.plural(count, 'example')} of {name} deleted"
                change = journal.record(connection, "remove", {"text": text})
                queries.remove_examples(connection, mine, change, next_revision())

    def remove_class(self, class_id: int) -> None:
        """Remove a class and its examples. Raises NotFoundError."""
        with self._writing() as (connection, next_revision):
            name = queries.one_class(queries.all_classes(connection), class_id).name
            revision = next_revision()
            change = journal.record(connection, "remove", {"text": f"{name} deleted"})
            queries.remove_examples(connection, examples.c.class_id == class_id, change, revision)
            connection.execute(
                sa.update(classes)
                .where(classes.c.id == class_id)
                .values(removed=True, removed_by=change)
            )

    def undo(self, expected: int | None = None) -> None:
        """Undo the newest change. Raises NothingToUndoError or ConflictError."""
        with self._writing() as (connection, next_revision):
            journal.undo(connection, next_revision(), expected)

    def redo(self, expected: int | None = None) -> None:
        """Redo the last undone change. Raises NothingToUndoError or ConflictError."""
        with self._writing() as (connection, next_revision):
            journal.redo(connection, next_revision(), expected)

    def set_settings(self, settings: Settings) -> None:
        """Write the settings, without a change to undo."""
        defaults = asdict(Settings())
        changed = {key: value for key, value in asdict(settings).items() if value != defaults[key]}
        with self._writing() as (connection, next_revision):
            next_revision()
            connection.execute(sa.update(project).values(settings=changed))

    # --- transactions

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self.path}: the project is closed.")
        if self._raw.driver_connection is None:
            # An interrupt (Ctrl+C) during a statement has closed the connection.
            self._raw = self._engine.raw_connection()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        self._check_open()
        with clear_errors(self.path), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[sa.Connection, Callable[[], int]]]:
        """Yield a transaction, and a function that starts the next revision and returns it.

        A transaction that changes nothing keeps the revision, so that nobody reloads.
        """
        self._check_open()
        revision: int | None = None

        def next_revision() -> int:
            nonlocal revision
            if revision is None:
                update = sa.update(project).values(revision=project.c.revision + 1)
                revision = connection.execute(update.returning(project.c.revision)).scalar_one()
            return revision

        with clear_errors(self.path), self._writer.begin() as connection:
            yield connection, next_revision
        if revision is not None:
            self._writes += 1


def _settings(stored: Mapping[str, Any]) -> Settings:
    """Return the settings, ignoring those of newer versions."""
    known = asdict(Settings())
    found = Settings(**{key: value for key, value in stored.items() if key in known})
    return replace(found, former=tuple(found.former))  # JSON has no tuples
