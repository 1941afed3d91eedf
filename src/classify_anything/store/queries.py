"""Queries for the store's transactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from classify_anything.constants import CONSTANTS
from classify_anything.errors import LabelError, NotFoundError
from classify_anything.store import journal
from classify_anything.store.labels import clean_label, same_label
from classify_anything.store.tables import classes, embeddings, examples, views
from classify_anything.store.values import Row
from classify_anything.types import Class, Example, Float16Array, Float32Array

COLORS: int = CONSTANTS["classes"]["colors"]
_VIEWS: int = CONSTANTS["views"]["per_example"]


def all_classes(connection: sa.Connection) -> list[Class]:
    """Return the classes that are not removed, in order."""
    select = sa.select(classes.c.id, classes.c.name, classes.c.color)
    rows = connection.execute(select.where(sa.not_(classes.c.removed)).order_by(classes.c.id))
    return [Class(row.id, row.name, row.color) for row in rows]


def one_class(known: Iterable[Class], class_id: int) -> Class:
    """Return the class with this id. Raises NotFoundError."""
    for item in known:
        if item.id == class_id:
            return item
    raise NotFoundError(f"No class {class_id}.")


def find_or_insert_class(connection: sa.Connection, label: int | str, known: list[Class]) -> Class:
    """Return a class by id or name, after adding a new name, also to ``known``.

    Raises NotFoundError or LabelError.
    """
    if isinstance(label, int):
        return one_class(known, label)
    name = clean_label(label)
    for item in known:
        if same_label(item.name, name):
            return item
    known.append(insert_class(connection, name, known))
    return known[-1]


def check_free(known: Iterable[Class], name: str) -> None:
    """Raise LabelError if the name is taken."""
    for item in known:
        if same_label(item.name, name):
            raise LabelError(f"A class named {item.name!r} exists already.")


def insert_class(
    connection: sa.Connection, name: str, known: Iterable[Class], color: int | None = None
) -> Class:
    """Add a class, by default in the least used color."""
    if color is None:
        used = [item.color for item in known]
        color = min(range(COLORS), key=used.count)
    insert = sa.insert(classes).values(name=name, color=color, removed=False)
    class_id = connection.execute(insert.returning(classes.c.id)).scalar_one()
    return Class(class_id, name, color)


def select_examples() -> sa.Select[Any]:
    """Select examples with their labels, for ``to_example``."""
    return sa.select(
        examples.c.id,
        examples.c.class_id,
        classes.c.name,
        examples.c.recording_id,
        examples.c.width,
        examples.c.height,
        examples.c.sha256,
        examples.c.created_at,
        examples.c.source,
    ).join(classes)


def to_example(row: Any) -> Example:
    """Convert a row of ``select_examples``."""
    return Example(
        row.id,
        row.class_id,
        row.name,
        row.recording_id,
        row.width,
        row.height,
        row.sha256,
        row.created_at.replace(tzinfo=UTC),
        row.source,
    )


def new_example(example_id: int, of: Class, row: Mapping[str, Any]) -> Example:
    """Return an example from the columns just written."""
    return Example(
        example_id,
        of.id,
        of.name,
        row["recording_id"],
        row["width"],
        row["height"],
        row["sha256"],
        row["created_at"].replace(tzinfo=UTC),
        row["source"],
    )


def naive(time: datetime) -> datetime:
    """Convert a time to how it is stored: UTC, without a time zone."""
    return time.astimezone(UTC).replace(tzinfo=None)


def get_example(connection: sa.Connection, example_id: int) -> Example:
    """Return an example, removed or not. Raises NotFoundError."""
    row = connection.execute(select_examples().where(examples.c.id == example_id)).first()
    if row is None:
        raise NotFoundError(f"No example {example_id}.")
    return to_example(row)


def get_embedding(connection: sa.Connection, example_id: int, backbone: str) -> Float32Array:
    """Return a backbone's embedding of an example, float32 [d]. Raises NotFoundError."""
    mine = sa.and_(embeddings.c.example_id == example_id, embeddings.c.backbone == backbone)
    vector = connection.execute(sa.select(embeddings.c.vector).where(mine)).scalar()
    if vector is None:
        raise NotFoundError(f"No example {example_id}.")
    return np.frombuffer(vector, "<f4")


def get_image(connection: sa.Connection, example_id: int) -> tuple[bytes, str]:
    """Return the image of an example and its media type. Raises NotFoundError."""
    select = sa.select(examples.c.image, examples.c.media_type)
    row = connection.execute(select.where(examples.c.id == example_id)).first()
    if row is None:
        raise NotFoundError(f"No example {example_id}.")
    return row.image, row.media_type


def images_of(connection: sa.Connection, ids: Sequence[int]) -> list[tuple[int, bytes]]:
    """Return the images of examples by their ids, without those that are gone."""
    select = sa.select(examples.c.id, examples.c.image).where(examples.c.id.in_(ids))
    return [(row.id, row.image) for row in connection.execute(select)]


def classes_of(connection: sa.Connection, ids: Sequence[int]) -> dict[int, int]:
    """Return the classes of examples, by id. Raises NotFoundError if one is missing."""
    found: dict[int, int] = {}
    for chunk in journal.chunks(ids):
        select = sa.select(examples.c.id, examples.c.class_id)
        present = examples.c.id.in_(chunk), sa.not_(examples.c.removed)
        found.update((row.id, row.class_id) for row in connection.execute(select.where(*present)))
    missing = set(ids) - set(found)
    if missing:
        raise NotFoundError(f"No example {min(missing)}.")
    return found


def rows_since(connection: sa.Connection, revision: int, backbone: str) -> list[Row]:
    """Return the examples changed after a revision, oldest first; after -1, those not removed."""
    of_backbone = sa.and_(
        embeddings.c.example_id == examples.c.id, embeddings.c.backbone == backbone
    )
    select = (
        sa.select(
            examples.c.id,
            examples.c.class_id,
            examples.c.recording_id,
            examples.c.removed,
            embeddings.c.vector,
        )
        .outerjoin(embeddings, of_backbone)
        .where(examples.c.revision > revision)
        .order_by(examples.c.id)
    )
    if revision < 0:
        select = select.where(sa.not_(examples.c.removed))
    return [
        Row(id_, class_id, recording_id, removed, _vector(stored))
        for id_, class_id, recording_id, removed, stored in connection.execute(select)
    ]


def missing_embeddings(
    connection: sa.Connection, backbone: str, change: int | None = None
) -> list[int]:
    """Return the ids of examples without an embedding of a backbone, oldest first.

    With a change, only of those that undoing or redoing it restores.
    """
    gone = sa.or_(examples.c.removed_by == change, examples.c.added_by == change)
    there = sa.not_(examples.c.removed) if change is None else examples.c.removed & gone
    embedded = sa.exists().where(
        embeddings.c.example_id == examples.c.id, embeddings.c.backbone == backbone
    )
    select = sa.select(examples.c.id).where(there, sa.not_(embedded))
    return list(connection.execute(select.order_by(examples.c.id)).scalars())


def touched(connection: sa.Connection) -> tuple[int, int]:
    """Return the last revision that changed an example, and the number of examples."""
    last = connection.execute(sa.select(sa.func.max(examples.c.revision))).scalar()
    return last or 0, count_examples(connection, sa.true())


def _vector(stored: bytes | None) -> Float32Array | None:
    return None if stored is None else np.frombuffer(stored, "<f4")


def insert_embeddings(
    connection: sa.Connection, vectors: Sequence[tuple[int, Float32Array]], backbone: str
) -> None:
    """Write float32 [d] embeddings of examples, replacing earlier ones of the backbone."""
    values = [
        {"example_id": id_, "backbone": backbone, "vector": np.asarray(vector, "<f4").tobytes()}
        for id_, vector in vectors
    ]
    connection.execute(sa.insert(embeddings).prefix_with("OR REPLACE"), values)


def existing(connection: sa.Connection, ids: Iterable[int]) -> set[int]:
    """Return the ids that have an example, removed or not."""
    select = sa.select(examples.c.id).where(examples.c.id.in_(ids))
    return set(connection.execute(select).scalars())


def insert_views(
    connection: sa.Connection, made: Sequence[tuple[int, Float16Array]], backbone: str
) -> None:
    """Write float16 [8, d] views of examples, replacing earlier ones of the backbone."""
    values = [
        {"example_id": id_, "backbone": backbone, "vectors": np.asarray(vectors, "<f2").tobytes()}
        for id_, vectors in made
    ]
    connection.execute(sa.insert(views).prefix_with("OR REPLACE"), values)


def views_of(
    connection: sa.Connection, ids: Sequence[int], backbone: str
) -> dict[int, Float32Array]:
    """Return a backbone's views of examples, float32 [8, d] by id; damaged ones are skipped."""
    found = dict[int, Float32Array]()
    for chunk in journal.chunks(ids):
        select = sa.select(views.c.example_id, views.c.vectors).where(
            views.c.backbone == backbone, views.c.example_id.in_(chunk)
        )
        for id_, vectors in connection.execute(select):
            if len(vectors) % (2 * _VIEWS) == 0:
                found[id_] = np.frombuffer(vectors, "<f2").reshape(_VIEWS, -1).astype(np.float32)
    return found


def count_examples(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    """Count examples that are not removed."""
    select = sa.select(sa.func.count()).where(which, sa.not_(examples.c.removed))
    return connection.execute(select).scalar_one()


def remove_examples(
    connection: sa.Connection, which: sa.ColumnElement[bool], change: int, revision: int
) -> None:
    """Mark examples as removed by a change."""
    connection.execute(
        sa.update(examples)
        .where(which, sa.not_(examples.c.removed))
        .values(removed=True, removed_by=change, revision=revision)
    )
