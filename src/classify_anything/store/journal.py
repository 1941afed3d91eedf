"""The journal of changes: what makes every change one that can be undone.

Changes are undone newest first and redone oldest first, so when one's turn comes everything stands
just as it did right after (or before) it. A new change ends the chance to redo; an addition that
is discarded gives it back. By ``kind``:

=============  ===================================  ===============================================
kind           data                                 undone by
=============  ===================================  ===============================================
``add``        ``classes``: ids that came with it   removing these and the rows with ``added_by``
``remove``     ``text``: what was removed           bringing back the rows with this ``removed_by``
``move``       ``text``; ``to``: class id;          giving the examples their former classes
               ``from``: ids by class id
``add_class``  ``class``: id                        removing the class
``edit``       ``class``: id, ``before``, ``after``  giving the class its former name and colour
=============  ===================================  ===============================================

All functions work inside the caller's transaction; ``revision`` is the one that it will make.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    views,
)
from classify_anything.types import Change

_KEEP = timedelta(days=30)
_CHUNK = 500


def now() -> datetime:
    """The time as it is stored: UTC, without its zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def plural(count: int, noun: str) -> str:
    """ "1 example", "2 examples"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def record(connection: sa.Connection, kind: str, data: dict[str, Any]) -> int:
    """Write a change down and give its id. What was undone can no longer be redone."""
    connection.execute(sa.delete(changes).where(changes.c.undone))
    return _insert(connection, kind, data)


def _insert(connection: sa.Connection, kind: str, data: dict[str, Any]) -> int:
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
    # An addition leaves older ones, see there; now that it is not discarded, they are too old.
    connection.execute(sa.delete(changes).where(changes.c.undone, changes.c.id < row.id))
    _set_done(connection, row, revision, done=False)


def redo(connection: sa.Connection, revision: int, expected: int | None) -> None:
    """Do the change again that was undone last. Raises as ``undo``."""
    row = _check(_oldest_undone(connection), expected, "redo")
    _set_done(connection, row, revision, done=True)


def begin_addition(connection: sa.Connection) -> int:
    """Begin a change that adds examples; gives its id.

    What was undone before it stays in the journal, but is redone only if this is discarded.
    """
    return _insert(connection, "add", {"classes": []})


def bring_classes(connection: sa.Connection, change_id: int, added: list[int]) -> None:
    """Let classes go, when an addition is undone, with the examples that they came with."""
    mine = changes.c.id == change_id
    known = connection.execute(sa.select(changes.c.data).where(mine)).scalar_one()["classes"]
    data = {"classes": [*known, *added]}
    connection.execute(sa.update(changes).where(mine).values(data=data))


def discard_addition(connection: sa.Connection, change_id: int, revision: int) -> None:
    """Take back an addition, whatever came after it, and forget that it was made.

    A class that came with it stays if it has got other examples since.
    """
    mine = changes.c.id == change_id
    data = connection.execute(sa.select(changes.c.data).where(mine)).scalar_one_or_none()
    if data is None:
        return
    gone = {"removed": True, "removed_by": None, "revision": revision}
    connection.execute(sa.update(examples).where(_added_by(change_id)).values(gone))
    used = sa.select(examples.c.class_id).where(sa.not_(examples.c.removed))
    came = sa.and_(classes.c.id.in_(data["classes"]), classes.c.id.not_in(used))
    _mark_classes(connection, came, removed=True)
    connection.execute(sa.delete(changes).where(mine))


def move(connection: sa.Connection, ids: Sequence[int], class_id: int, revision: int) -> None:
    """Give examples another class."""
    for chunk in chunks(ids):
        update = sa.update(examples).where(examples.c.id.in_(chunk))
        connection.execute(update.values(class_id=class_id, revision=revision))


def chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Parts that are short enough for one statement."""
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def compact(connection: sa.Connection) -> None:
    """Forget changes unused for 30 days, and erase what no change can bring back any more.

    If rows are erased that another process may still show, the project's ``compacted`` tells it.
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


def _newest_done(connection: sa.Connection) -> Any:
    select = sa.select(changes).where(sa.not_(changes.c.undone))
    return connection.execute(select.order_by(changes.c.id.desc()).limit(1)).first()


def _oldest_undone(connection: sa.Connection) -> Any:
    newest_done = sa.select(sa.func.max(changes.c.id)).where(sa.not_(changes.c.undone))
    later = changes.c.id > sa.func.coalesce(newest_done.scalar_subquery(), 0)
    select = sa.select(changes).where(changes.c.undone, later)
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
    # The 30 days start again, or what was undone today could be erased tomorrow.
    values = {"undone": not done, "created_at": now()}
    connection.execute(sa.update(changes).where(changes.c.id == change.id).values(values))


def _added_by(change_id: int) -> sa.ColumnElement[bool]:
    return examples.c.added_by == change_id


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
            class_id = examples.c.class_id
            select = sa.select(
                sa.func.count(), sa.func.count(class_id.distinct()), sa.func.max(class_id)
            )
            mine = _added_by(change.id)
            count, class_count, last = connection.execute(select.where(mine)).one()
            where = _name(connection, last) if class_count == 1 else f"{class_count} classes"
            return f"{plural(count, 'example')} added to {where}"
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
