"""Add examples with their classes, recordings and changes, in few statements."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from classify_anything.errors import ConflictError
from classify_anything.store import journal, queries
from classify_anything.store.tables import changes, examples, recordings
from classify_anything.store.values import Added, NewExample, Row
from classify_anything.types import Change, Class, Example


def add_examples(
    connection: sa.Connection,
    new: Sequence[NewExample],
    backbone: str,
    change: int | None,
    next_revision: Callable[[], int],
) -> Added:
    """Add examples, or return those whose key is known; see ``Store.put_examples``."""
    data = None if change is None else journal.data_if_done(connection, change)
    if change is not None and data is None:
        raise ConflictError("This addition has been undone in the meantime.")
    known = _known(connection, [item.key for item in new if item.key is not None])
    unknown = [item for item in new if item.key not in known]
    if not unknown:
        return Added([known[item.key] for item in new])
    revision = next_revision()
    classes = queries.all_classes(connection)
    count = len(classes)
    named = {
        label: queries.find_or_insert_class(connection, label, classes)
        for label in dict.fromkeys(item.label for item in unknown)
    }
    of_classes = [named[item.label] for item in unknown]
    places = _Places(connection, [item.recording for item in unknown], change, data)
    places.write(of_classes, [one.id for one in classes[count:]])
    added = _insert(connection, unknown, of_classes, places.found, revision, backbone)
    rows = [
        Row(example.id, example.class_id, example.recording_id, False, item.embedding)
        for (example, _), item in zip(added, unknown, strict=True)
    ]
    inserted = iter(added)
    found = [known[item.key] if item.key in known else next(inserted) for item in new]
    return Added(found, revision, classes, rows, places.begun)


def _known(connection: sa.Connection, keys: Sequence[str]) -> dict[str | None, tuple[Example, int]]:
    """Return the examples with these keys, and the changes of their recordings."""
    found: dict[str | None, tuple[Example, int]] = {}
    select = queries.select_examples().join(recordings)
    select = select.add_columns(examples.c.key, recordings.c.change_id)
    for chunk in journal.chunks(keys):
        for row in connection.execute(select.where(examples.c.key.in_(chunk))):
            found[row.key] = queries.to_example(row), row.change_id
    return found


class _Places:
    """The recording that each new example joins or starts, and the change that adds it.

    A new (or unnamed) recording belongs to ``change``, or else to one new change for all. A known
    recording continues with ``change``, or else with its own change unless that was undone.

    Attributes:
        found: the recording and the change of each example.
        begun: the new change.
    """

    def __init__(
        self,
        connection: sa.Connection,
        names: Sequence[str | None],
        change: int | None,
        data: dict[str, Any] | None,
    ) -> None:
        self.found: list[tuple[int, int]] = []
        self.begun: Change | None = None
        self._connection = connection
        self._change, self._data = change, data
        # Without a name, each example has its own recording.
        self._names = [place if name is None else name for place, name in enumerate(names)]
        self._stored: dict[int | str, Any] = {}
        select = sa.select(recordings, changes.c.undone, changes.c.data).outerjoin(
            changes, changes.c.id == recordings.c.change_id
        )
        keys = dict.fromkeys(name for name in names if name is not None)
        for chunk in journal.chunks(list(keys)):
            rows = connection.execute(select.where(recordings.c.key.in_(chunk)))
            self._stored.update((row.key, row) for row in rows)

    def write(self, of_classes: Sequence[Class], added_classes: list[int]) -> None:
        """Write the changes and recordings; new classes belong to the first change."""
        counts: dict[int | None, Counter[int]] = {}
        for name, of_class in zip(self._names, of_classes, strict=True):
            counts.setdefault(self._change_of(name), Counter())[of_class.id] += 1
        names = {one.id: one.name for one in of_classes}
        for change_id, count in counts.items():
            self._write_change(change_id, added_classes, count, names)
            added_classes = []
        self._write_recordings()

    def _change_of(self, name: int | str) -> int | None:
        """Return the change of a recording that continues; None for ``change`` or a new one."""
        row = self._stored.get(name)
        if row is None or self._change is not None or row.undone is not False:
            return None
        return int(row.change_id)

    def _write_change(
        self, change: int | None, added: list[int], counts: Counter[int], names: dict[int, str]
    ) -> None:
        connection = self._connection
        if change is not None:
            data = next(row.data for row in self._stored.values() if row.change_id == change)
            journal.extend_addition(connection, change, data, added, counts)
        elif self._change is not None and self._data is not None:
            journal.extend_addition(connection, self._change, self._data, added, counts)
        else:
            begun = journal.begin_addition(connection, added, counts)
            text = journal.describe_addition(counts, names[next(iter(counts))])
            self.begun = Change(begun, text)

    def _write_recordings(self) -> None:
        places = {
            name: (int(self._stored[name].id), change)
            for name in self._names
            if (change := self._change_of(name)) is not None
        }
        change = self.begun.id if self.begun else self._change
        others = [name for name in dict.fromkeys(self._names) if name not in places]
        known = [name for name in others if name in self._stored]
        if known:
            mine = recordings.c.key.in_(known)
            self._connection.execute(sa.update(recordings).where(mine).values(change_id=change))
        ids = {name: int(self._stored[name].id) for name in known}
        fresh = [name for name in others if name not in ids]
        if fresh:
            time = journal.now()
            values = [
                {
                    "key": name if isinstance(name, str) else None,
                    "change_id": change,
                    "created_at": time,
                }
                for name in fresh
            ]
            ids.update(zip(fresh, _insert_rows(self._connection, recordings, values), strict=True))
        for name, id_ in ids.items():
            assert change is not None
            places[name] = id_, change
        self.found = [places[name] for name in self._names]


def _insert(
    connection: sa.Connection,
    new: Sequence[NewExample],
    of_classes: Sequence[Class],
    places: Sequence[tuple[int, int]],
    revision: int,
    backbone: str,
) -> list[tuple[Example, int]]:
    """Write examples with their images and embeddings."""
    values = [
        {
            "class_id": of_class.id,
            "recording_id": recording_id,
            "key": item.key,
            "revision": revision,
            "removed": False,
            "added_by": change,
            "width": item.width,
            "height": item.height,
            "media_type": item.media_type,
            "sha256": hashlib.sha256(item.image).hexdigest(),
            "created_at": journal.now()
            if item.created_at is None
            else queries.naive(item.created_at),
            "source": item.source,
            "image": item.image,
        }
        for item, of_class, (recording_id, change) in zip(new, of_classes, places, strict=True)
    ]
    ids = _insert_rows(connection, examples, values)
    vectors = [(id_, item.embedding) for id_, item in zip(ids, new, strict=True)]
    queries.insert_embeddings(connection, vectors, backbone)
    return [
        (queries.new_example(id_, of_class, row), change)
        for id_, of_class, row, (_, change) in zip(ids, of_classes, values, places, strict=True)
    ]


def _insert_rows(
    connection: sa.Connection, table: sa.Table, values: list[dict[str, Any]]
) -> list[int]:
    """Insert rows into a table with ascending ids, and return the ids."""
    if len(values) == 1:
        insert = sa.insert(table).values(values[0])
        return [connection.execute(insert.returning(table.c.id)).scalar_one()]
    connection.execute(sa.insert(table), values)
    last = connection.exec_driver_sql("SELECT last_insert_rowid()").scalar_one()
    return list(range(last - len(values) + 1, last + 1))
