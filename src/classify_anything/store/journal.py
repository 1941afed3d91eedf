"""The journal of changes: what makes every change one that can be undone.

Changes are undone newest first and redone oldest first, so when one's turn comes everything stands
just as it did right after (or before) it. A new change ends the chance to redo. By ``kind``:

=============  ===================================  ===============================================
kind           data                                 undone by
=============  ===================================  ===============================================
``add``        ``classes``: ids that came with it   removing its recordings' examples and classes
``remove``     ``text``: what was removed           bringing back the rows with this ``removed_by``
``add_class``  ``class``: id                        removing the class
``edit``       ``class``: id, ``before``, ``after``  giving the class its former name and colour
=============  ===================================  ===============================================

All functions work inside the caller's transaction; ``revision`` is the one that it will make.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from classify_anything.errors import ConflictError, NothingToUndoError
from classify_anything.store.tables import (
    changes,
    classes,
    embeddings,
    examples,
    project,
    recordings,
)
from classify_anything.types import Change

_KEEP = timedelta(days=30)


def now() -> datetime:
    """The time as it is stored: UTC, without its zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def plural(count: int, noun: str) -> str:
    """ "1 example", "2 examples"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def record(connection: sa.Connection, kind: str, data: dict[str, Any]) -> int:
    """Write a change down and give its id. What was undone can no longer be redone."""
    connection.execute(sa.delete(changes).where(changes.c.undone))
    insert = sa.insert(changes).values(kind=kind, data=data, undone=False, created_at=now())
    return int(connection.execute(insert.returning(changes.c.id)).scalar_one())


def is_done(connection: sa.Connection, change_id: int) -> bool:
    """Whether a change stands in the journal and is not undone."""
    select = sa.select(changes.c.id).where(changes.c.id == change_id, sa.not_(changes.c.undone))
    return connection.execute(select).first() is not None


def next_undo(connection: sa.Connection) -> Change | None:
    """The newest change that can be undone."""
    row = _newest_done(connection)
    return row and Change(row.id, _describe(connection, row))


def next_redo(connection: sa.Connection) -> Change | None:
    """The oldest change that was undone."""
    row = _oldest_undone(connection)
    return row and Change(row.id, _describe(connection, row))


def undo(connection: sa.Connection, revision: int, expected: int | None) -> None:
    """Undo the newest change.

    Raises:
        NothingToUndoError: there is none.
        ConflictError: it is not the ``expected`` one.
    """
    row = _check(_newest_done(connection), expected, "undo")
    _set_done(connection, row, revision, done=False)


def redo(connection: sa.Connection, revision: int, expected: int | None) -> None:
    """Do the change again that was undone last. Raises as ``undo``."""
    row = _check(_oldest_undone(connection), expected, "redo")
    _set_done(connection, row, revision, done=True)


def compact(connection: sa.Connection) -> None:
    """Forget changes older than 30 days, and erase what no change can bring back any more.

    If rows are erased that another process may still show, the project's ``compacted`` tells it.
    """
    connection.execute(sa.delete(changes).where(changes.c.created_at < now() - _KEEP))
    undone = sa.select(changes.c.id).where(changes.c.undone)
    redoable = sa.select(recordings.c.id).where(recordings.c.change_id.in_(undone))
    live = sa.select(changes.c.id).where(sa.not_(changes.c.undone))
    gone = sa.and_(
        examples.c.removed,
        sa.or_(examples.c.removed_by.is_(None), examples.c.removed_by.not_in(live)),
        examples.c.recording_id.not_in(redoable),
    )
    doomed = sa.select(examples.c.id).where(gone)
    if connection.execute(doomed.limit(1)).first() is None:
        return
    connection.execute(sa.delete(embeddings).where(embeddings.c.example_id.in_(doomed)))
    connection.execute(sa.delete(examples).where(gone))
    used = sa.select(examples.c.recording_id)
    connection.execute(sa.delete(recordings).where(recordings.c.id.not_in(used)))
    next_revision = project.c.revision + 1
    connection.execute(sa.update(project).values(revision=next_revision, compacted=next_revision))


def _newest_done(connection: sa.Connection) -> Any:
    select = sa.select(changes).where(sa.not_(changes.c.undone))
    return connection.execute(select.order_by(changes.c.id.desc()).limit(1)).first()


def _oldest_undone(connection: sa.Connection) -> Any:
    select = sa.select(changes).where(changes.c.undone)
    return connection.execute(select.order_by(changes.c.id).limit(1)).first()


def _check(row: Any, expected: int | None, verb: str) -> Any:
    if row is None:
        raise NothingToUndoError(f"There is nothing to {verb}.")
    if expected is not None and row.id != expected:
        raise ConflictError(f"Something else was changed since; {verb} that first.")
    return row


def _set_done(connection: sa.Connection, change: Any, revision: int, *, done: bool) -> None:
    data = change.data
    match change.kind:
        case "add":
            _mark(connection, _added_by(change.id), revision, not done)
            _mark_classes(connection, classes.c.id.in_(data["classes"]), not done)
        case "remove":
            _mark(connection, examples.c.removed_by == change.id, revision, done)
            _mark_classes(connection, classes.c.removed_by == change.id, done)
        case "add_class":
            _mark_classes(connection, classes.c.id == data["class"], not done)
        case "edit":
            values = data["after" if done else "before"]
            connection.execute(
                sa.update(classes).where(classes.c.id == data["class"]).values(**values)
            )
    connection.execute(sa.update(changes).where(changes.c.id == change.id).values(undone=not done))


def _added_by(change_id: int) -> sa.ColumnElement[bool]:
    mine = sa.select(recordings.c.id).where(recordings.c.change_id == change_id)
    return examples.c.recording_id.in_(mine)


def _mark(
    connection: sa.Connection, which: sa.ColumnElement[bool], revision: int, removed: bool
) -> None:
    connection.execute(sa.update(examples).where(which).values(removed=removed, revision=revision))


def _mark_classes(connection: sa.Connection, which: sa.ColumnElement[bool], removed: bool) -> None:
    connection.execute(sa.update(classes).where(which).values(removed=removed))


def _describe(connection: sa.Connection, change: Any) -> str:
    data = change.data
    match change.kind:
        case "add":
            class_id = sa.func.max(examples.c.class_id)
            select = sa.select(sa.func.count(), class_id).where(_added_by(change.id))
            count, one_class = connection.execute(select).one()
            return f"{plural(count, 'example')} added to {_name(connection, one_class)}"
        case "add_class":
            return f"{_name(connection, data['class'])} added"
        case "edit" if data["before"]["name"] != data["after"]["name"]:
            return f"{data['before']['name']} renamed to {data['after']['name']}"
        case "edit":
            return f"{data['after']['name']} given another colour"
    return str(data["text"])


def _name(connection: sa.Connection, class_id: int) -> str:
    return str(
        connection.execute(sa.select(classes.c.name).where(classes.c.id == class_id)).scalar_one()
    )
