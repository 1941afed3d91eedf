"""The journal of changes, for undo and redo.

Changes are undone newest first and redone oldest first, so that each finds the project in the state
right after (or before) it. A new change discards the redo stack; discarding an addition restores
it. By ``kind``:

=============  ===================================  ===============================================
kind           data                                 undone by
=============  ===================================  ===============================================
``add``        ``classes``: ids that it added;      removing these and the rows with ``added_by``
               ``counts``: examples by class id;
               ``class``: id, if there is only one
``remove``     ``text``: what was removed           restoring the rows with this ``removed_by``
``move``       ``text``; ``to``: class id;          moving the examples back
               ``from``: ids by class id
``add_class``  ``class``: id                        removing the class
``edit``       ``class``: id, ``before``, ``after``  restoring the former name and colour
=============  ===================================  ===============================================

All functions run in the caller's transaction; ``revision`` is the revision that it creates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from classify_anything.errors import ConflictError, NothingToUndoError
from classify_anything.store.tables import (
    changes,
    classes,
    embeddings,
    examples,
    project,
    recordings,
    views,
)
from classify_anything.types import Change

T = TypeVar("T")

_KEEP = timedelta(days=30)
_CHUNK = 500

_NEWEST_DONE = (
    sa.select(sa.func.max(changes.c.id)).where(sa.not_(changes.c.undone)).scalar_subquery()
)
_NEXT_REDO = (
    sa.select(sa.func.min(changes.c.id))
    .where(changes.c.undone, changes.c.id > sa.func.coalesce(_NEWEST_DONE, 0))
    .scalar_subquery()
)


def now() -> datetime:
    """Return the current time as stored: UTC, without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def plural(count: int, noun: str) -> str:
    """ "1 example", "2 examples"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def record(connection: sa.Connection, kind: str, data: dict[str, Any]) -> int:
    """Record a change and return its id. Discards the redo stack."""
    connection.execute(sa.delete(changes).where(changes.c.undone))
    return _insert(connection, kind, data)


def _insert(connection: sa.Connection, kind: str, data: dict[str, Any]) -> int:
    insert = sa.insert(changes).values(kind=kind, data=data, undone=False, created_at=now())
    return int(connection.execute(insert.returning(changes.c.id)).scalar_one())


def data_if_done(connection: sa.Connection, change_id: int) -> dict[str, Any] | None:
    """Return the data of a change; None if it is undone or not in the journal."""
    select = sa.select(changes.c.data).where(changes.c.id == change_id, sa.not_(changes.c.undone))
    data: dict[str, Any] | None = connection.execute(select).scalar()
    return data


def next_changes(connection: sa.Connection) -> tuple[Change | None, Change | None]:
    """Return the newest change that can be undone, and the oldest that can be redone."""
    class_id = changes.c.data["class"].as_integer()
    name = sa.select(classes.c.name).where(classes.c.id == class_id).scalar_subquery()
    select = sa.select(changes, name.label("class_name"))
    found: dict[bool, Change] = {
        row.undone: Change(row.id, _describe(row))
        for row in connection.execute(select.where(changes.c.id.in_((_NEWEST_DONE, _NEXT_REDO))))
    }
    return found.get(False), found.get(True)


def undo(connection: sa.Connection, revision: int, expected: int | None) -> None:
    """Undo the newest change.

    Raises:
        NothingToUndoError: there is none.
        ConflictError: it is not the ``expected`` one.
    """
    row = _check(_one(connection, _NEWEST_DONE), expected, "undo")
    # Beginning an addition keeps older undone changes; once it is not discarded, they are stale.
    connection.execute(sa.delete(changes).where(changes.c.undone, changes.c.id < row.id))
    _set_done(connection, row, revision, done=False)


def redo(connection: sa.Connection, revision: int, expected: int | None) -> None:
    """Redo the change that was undone last. Raises as ``undo``."""
    row = _check(_one(connection, _NEXT_REDO), expected, "redo")
    _set_done(connection, row, revision, done=True)


def begin_addition(
    connection: sa.Connection, added_classes: list[int], counts: Mapping[int, int]
) -> int:
    """Begin a change that adds examples, and return its id.

    Undone changes stay in the journal, but can be redone only if this addition is discarded.
    """
    return _insert(connection, "add", _addition({}, added_classes, counts))


def extend_addition(
    connection: sa.Connection,
    change_id: int,
    data: dict[str, Any],
    added_classes: list[int],
    counts: Mapping[int, int],
) -> None:
    """Add more to an addition; ``data`` is its data in the journal."""
    mine = changes.c.id == change_id
    data = _addition(data, added_classes, counts)
    connection.execute(sa.update(changes).where(mine).values(data=data))


def describe_addition(counts: Mapping[Any, int], class_name: str) -> str:
    """Return the text of an addition, with the name of its class if there is only one."""
    where = class_name if len(counts) == 1 else f"{len(counts)} classes"
    return f"{plural(sum(counts.values()), 'example')} added to {where}"


def _addition(
    before: dict[str, Any], added_classes: list[int], counts: Mapping[int, int]
) -> dict[str, Any]:
    total = Counter({int(id_): count for id_, count in before.get("counts", {}).items()})
    total.update(counts)
    only = next(iter(total)) if len(total) == 1 else None
    return {"classes": [*before.get("classes", ()), *added_classes], "counts": total, "class": only}


def discard_addition(connection: sa.Connection, change_id: int, revision: int) -> None:
    """Undo an addition, even if it is not the newest change, and delete it from the journal.

    A class that it added stays if it has other examples by now.
    """
    mine = changes.c.id == change_id
    data = connection.execute(sa.select(changes.c.data).where(mine)).scalar_one_or_none()
    if data is None:
        return
    gone = {"removed": True, "removed_by": None, "revision": revision}
    connection.execute(sa.update(examples).where(examples.c.added_by == change_id).values(gone))
    used = sa.select(examples.c.class_id).where(sa.not_(examples.c.removed))
    unused = sa.and_(classes.c.id.in_(data["classes"]), classes.c.id.not_in(used))
    _mark_classes(connection, unused, removed=True)
    connection.execute(sa.delete(changes).where(mine))


def move(connection: sa.Connection, ids: Sequence[int], class_id: int, revision: int) -> None:
    """Move examples to a class."""
    for chunk in chunks(ids):
        update = sa.update(examples).where(examples.c.id.in_(chunk))
        connection.execute(update.values(class_id=class_id, revision=revision))


def chunks(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split ids into parts short enough for one statement."""
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def compact(connection: sa.Connection) -> None:
    """Delete changes unused for 30 days, and erase what no change can restore any more.

    After erasing, updates the project's ``compacted``, so that other processes reload.
    """
    connection.execute(sa.delete(changes).where(changes.c.created_at < now() - _KEEP))
    undone = sa.select(changes.c.id).where(changes.c.undone)
    live = sa.select(changes.c.id).where(sa.not_(changes.c.undone))
    gone = sa.and_(
        examples.c.removed,
        sa.or_(examples.c.removed_by.is_(None), examples.c.removed_by.not_in(live)),
        sa.or_(examples.c.added_by.is_(None), examples.c.added_by.not_in(undone)),
    )
    doomed = sa.select(examples.c.id).where(gone)
    if connection.execute(doomed.limit(1)).first() is None:
        return
    for table in (embeddings, views):
        connection.execute(sa.delete(table).where(table.c.example_id.in_(doomed)))
    connection.execute(sa.delete(examples).where(gone))
    used = sa.select(examples.c.recording_id)
    connection.execute(sa.delete(recordings).where(recordings.c.id.not_in(used)))
    next_revision = project.c.revision + 1
    connection.execute(sa.update(project).values(revision=next_revision, compacted=next_revision))


def _one(connection: sa.Connection, change_id: sa.ScalarSelect[Any]) -> Any:
    return connection.execute(sa.select(changes).where(changes.c.id == change_id)).first()


def _check(row: Any, expected: int | None, verb: str) -> Any:
    if row is None:
        raise NothingToUndoError(f"There is nothing to {verb}.")
    if expected is not None and row.id != expected:
        raise ConflictError(f"Something else has changed since; {verb} that first.")
    return row


def _set_done(connection: sa.Connection, change: Any, revision: int, *, done: bool) -> None:
    data = change.data
    match change.kind:
        case "add":
            _mark(connection, examples.c.added_by == change.id, revision, not done)
            _mark_classes(connection, classes.c.id.in_(data["classes"]), not done)
        case "remove":
            _mark(connection, examples.c.removed_by == change.id, revision, done)
            _mark_classes(connection, classes.c.removed_by == change.id, done)
        case "move":
            for class_id, ids in data["from"].items():
                move(connection, ids, data["to"] if done else int(class_id), revision)
        case "add_class":
            _mark_classes(connection, classes.c.id == data["class"], not done)
        case "edit":
            values = data["after" if done else "before"]
            connection.execute(
                sa.update(classes).where(classes.c.id == data["class"]).values(**values)
            )
    # Restart the 30 days, or an undone change could be erased tomorrow.
    values = {"undone": not done, "created_at": now()}
    connection.execute(sa.update(changes).where(changes.c.id == change.id).values(values))


def _mark(
    connection: sa.Connection, which: sa.ColumnElement[bool], revision: int, removed: bool
) -> None:
    connection.execute(sa.update(examples).where(which).values(removed=removed, revision=revision))


def _mark_classes(connection: sa.Connection, which: sa.ColumnElement[bool], removed: bool) -> None:
    connection.execute(sa.update(classes).where(which).values(removed=removed))


def _describe(change: Any) -> str:
    data = change.data
    match change.kind:
        case "add":
            return describe_addition(data["counts"], change.class_name)
        case "add_class":
            return f"{change.class_name} added"
        case "edit" if data["before"]["name"] != data["after"]["name"]:
            return f"{data['before']['name']} renamed to {data['after']['name']}"
        case "edit":
            return f"{data['after']['name']} changed colour"
    return str(data["text"])
