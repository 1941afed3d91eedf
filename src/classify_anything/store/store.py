"""Reading and writing a project file."""

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
from classify_anything.store.tables import classes, embeddings, examples, project, recordings, views
from classify_anything.store.values import Added, Index, NewExample, Snapshot
from classify_anything.types import Change, Class, Example, Float16Array, Float32Array, Settings


class Store:
    """One open project file, used by one thread.

    A file that cannot be written, or that lies in such a folder, is open to read: ``read_only``.

    Every method that writes is one transaction: when it returns, the change is on the disk; when
    it raises, nothing has changed. Each raises StoreError (or one of its kind) when SQLite does.
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
        """Close the file; SQLite then folds its log into it."""
        self._closed = True
        self._raw.close()
        self._engine.dispose()

    # --- reading

    def version(self) -> tuple[int, int]:
        """Changes with every change of the project, by whomever; costs microseconds.

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
        """How many transactions of this store have changed the project."""
        return self._writes

    @contextlib.contextmanager
    def checking_once(self) -> Iterator[None]:
        """Look only once, inside, whether another process has changed the project."""
        self._seen, self._checks_once = None, True
        try:
            yield
        finally:
            self._checks_once = False

    def since(self, revision: int, backbone: str) -> Snapshot:
        """What has changed after a revision, with the embeddings that a backbone has made."""
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
        """What no other project has, but for copies of this one."""
        with self._reading() as connection:
            return str(connection.execute(sa.select(project.c.uid)).scalar_one())

    def settings(self) -> Settings:
        """How the project decides."""
        with self._reading() as connection:
            return _settings(connection.execute(sa.select(project.c.settings)).scalar_one())

    def unseen_by(self, backbone: str, change: int | None = None) -> list[int]:
        """The ids of the examples that a backbone has made no embedding of, oldest first.

        With a change, of those that come back when it is undone or redone.
        """
        with self._reading() as connection:
            return queries.unseen_by(connection, backbone, change)

    def touched(self) -> tuple[int, int]:
        """Changes with the examples and their classes, and with nothing else."""
        with self._reading() as connection:
            return queries.touched(connection)

    def classes(self) -> list[Class]:
        """The classes, in their order."""
        with self._reading() as connection:
            return queries.all_classes(connection)

    def example(self, example_id: int) -> Example:
        """One example, also one whose removal can be undone. Raises NotFoundError."""
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
        """Examples, newest first, at most ``limit``; ``before`` is an id, the rest are filters."""
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
        """What a list of all examples needs, newest first; it is quick for many."""
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
        """The embedding of an example, float32 [d]. Raises NotFoundError."""
        with self._reading() as connection:
            return queries.get_embedding(connection, example_id, backbone)

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

    def change_of(self, recording_id: int) -> int:
        """The id of the change that undoes a recording as a whole. Raises NotFoundError."""
        select = sa.select(recordings.c.change_id).where(recordings.c.id == recording_id)
        with self._reading() as connection:
            found = connection.execute(select).scalar()
        if found is None:
            raise NotFoundError(f"No recording {recording_id}.")
        return int(found)

    def images_of(self, ids: Sequence[int]) -> list[tuple[int, bytes]]:
        """The images of examples, by their ids; without those that are gone."""
        select = sa.select(examples.c.id, examples.c.image)
        with self._reading() as connection:
            rows = connection.execute(select.where(examples.c.id.in_(ids)))
            return [(row.id, row.image) for row in rows]

    def viewed(self, backbone: str) -> set[int]:
        """The ids of the examples that a backbone has views of, also of removed ones."""
        select = sa.select(views.c.example_id).where(views.c.backbone == backbone)
        with self._reading() as connection:
            return set(connection.execute(select).scalars())

    def views_of(self, ids: Sequence[int], backbone: str) -> dict[int, Float32Array]:
        """The views of examples by their ids, float32 [8, d]; without those that have none."""
        with self._reading() as connection:
            return queries.views_of(connection, ids, backbone)

    def next_changes(self) -> tuple[Change | None, Change | None]:
        """Return the changes that ``undo`` would undo and ``redo`` would redo."""
        version = self.version()
        if self._next is None or self._next[0] != version:
            with self._reading() as connection:
                self._next = version, journal.next_changes(connection)
        return self._next[1]

    def next_undo(self) -> Change | None:
        """The change that ``undo`` would undo."""
        return self.next_changes()[0]

    def next_redo(self) -> Change | None:
        """The change that ``redo`` would do again."""
        return self.next_changes()[1]

    def images(self) -> list[tuple[str, str, datetime]]:
        """What tells each example apart: its label, its sha256, and when it was captured."""
        select = sa.select(classes.c.name, examples.c.sha256, examples.c.created_at)
        with self._reading() as connection:
            rows = connection.execute(select.join(examples).where(sa.not_(examples.c.removed)))
            return [(row.name, row.sha256, row.created_at.replace(tzinfo=UTC)) for row in rows]

    def image_bytes(self) -> int:
        """How many bytes the images have together."""
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

        An example whose key is known is not added again; the known one is returned. One whose
        recording is known and not undone joins it, and is undone with it.

        Args:
            new: the examples.
            backbone: the fingerprint of the one that made their embeddings.
            change: what ``begin_addition`` returned, to undo them all as one.

        Raises:
            NotFoundError: there is no class with such an id.
            LabelError: a class cannot have such a name.
            ConflictError: ``change`` has been undone.
        """
        with self._writing() as (connection, next_revision):
            added = add_examples(connection, new, backbone, change, next_revision)
            if added.revision is not None:
                version, writes = self.version()
                # A change that was begun is the newest, and leaves nothing to redo.
                begun = (added.begun, None) if added.begun else journal.next_changes(connection)
                self._next = (version, writes + 1), begun
        return added

    def begin_addition(self, new_classes: Sequence[tuple[str, int]] = ()) -> int:
        """Begin a change that several calls of ``add`` belong to; gives its id.

        ``new_classes`` are names and colours of classes that are added first, if they are new.
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
        """Take back all that was added with a change, and the change itself."""
        with self._writing() as (connection, next_revision):
            journal.discard_addition(connection, change, next_revision())

    def put_embeddings(self, vectors: Sequence[tuple[int, Float32Array]], backbone: str) -> None:
        """Keep embeddings that another backbone has made; not of examples that are gone.

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
        """Keep views that a backbone has embedded, float16 [8, d]; not of examples that are gone.

        The revision stays: views change no example. If the file is read-only, they stay in memory.
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
        """Remove some examples. Raises NotFoundError, and then removes none."""
        with self._writing() as (connection, next_revision):
            queries.classes_of(connection, ids)
            revision = next_revision()
            text = f"{journal.plural(len(ids), 'example')} deleted"
            change = journal.record(connection, "remove", {"text": text})
            for chunk in journal.chunks(ids):
                queries.remove_examples(connection, examples.c.id.in_(chunk), change, revision)

    def move_examples(self, ids: Sequence[int], class_id: int) -> None:
        """Give some examples another class. Raises NotFoundError, and then moves none."""
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
        """The recording that the newest example belongs to."""
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
        """Give an untouched project its first classes; this is not a change to be undone."""
        with self._writing() as (connection, next_revision):
            revision = connection.execute(sa.select(project.c.revision)).scalar_one()
            if revision == 0 and names:
                next_revision()
                known = list[Class]()
                for name in names:
                    known.append(queries.insert_class(connection, name, known))

    def edit_class(self, class_id: int, name: str | None = None, color: int | None = None) -> Class:
        """Give a class another name or colour. Raises NotFoundError or LabelError."""
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
        """Do the last undone change again. Raises NothingToUndoError or ConflictError."""
        with self._writing() as (connection, next_revision):
            journal.redo(connection, next_revision(), expected)

    def set_settings(self, settings: Settings) -> None:
        """Keep how the project decides; this is not a change to be undone."""
        usual = asdict(Settings())
        unusual = {key: value for key, value in asdict(settings).items() if value != usual[key]}
        with self._writing() as (connection, next_revision):
            next_revision()
            connection.execute(sa.update(project).values(settings=unusual))

    # --- transactions

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self.path}: the project is closed.")
        if self._raw.driver_connection is None:
            # An interrupt (Ctrl+C) in the midst of a statement has closed the connection.
            self._raw = self._engine.raw_connection()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        self._check_open()
        with clear_errors(self.path), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[sa.Connection, Callable[[], int]]]:
        """A transaction, and a function that begins the next revision and returns it.

        A transaction that changes nothing leaves the revision as it is, so nobody reloads.
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


def _settings(kept: Mapping[str, Any]) -> Settings:
    """What a newer version keeps besides is passed over."""
    known = asdict(Settings())
    found = Settings(**{key: value for key, value in kept.items() if key in known})
    return replace(found, former=tuple(found.former))  # JSON has no tuples
