"""The tables of a project, as of the newest migration.

Removed rows stay, marked ``removed`` and with the change in ``removed_by``, so that every change
can be undone; ``journal.compact`` erases them later.
"""

from __future__ import annotations

import sqlalchemy as sa

APPLICATION_ID = 0x436C4179
"""SQLite's ``application_id`` of a project: "ClAy"."""

SCHEMA_VERSION = 7
"""The number of the newest migration, stored as SQLite's ``user_version``."""

metadata = sa.MetaData()

project = sa.Table(
    "project",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("compacted", sa.Integer, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("uid", sa.Text, nullable=False, server_default=""),
)
"""One row. ``revision`` counts the transactions that changed something; ``compacted`` is the
revision in which rows were last erased; ``settings`` are those of ``types.Settings`` that differ
from the defaults; ``uid`` is unique to the project, and the same in copies of the file."""

classes = sa.Table(
    "classes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("color", sa.Integer, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
    sa.Column("removed_by", sa.Integer),
    sqlite_autoincrement=True,
)
"""Ordered by id."""

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, unique=True),
    sa.Column("change_id", sa.Integer, nullable=False, index=True),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sqlite_autoincrement=True,
)
"""``key`` is the client's name of a recording, so that it can resend frames; ``change_id`` is the
change that its further examples belong to."""

examples = sa.Table(
    "examples",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("class_id", sa.Integer, sa.ForeignKey("classes.id"), nullable=False),
    sa.Column("recording_id", sa.Integer, sa.ForeignKey("recordings.id"), nullable=False),
    sa.Column("key", sa.Text, unique=True),
    sa.Column("revision", sa.Integer, nullable=False, index=True),
    sa.Column("removed", sa.Boolean, nullable=False, index=True),
    sa.Column("removed_by", sa.Integer, index=True),
    sa.Column("added_by", sa.Integer, index=True),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("image", sa.LargeBinary, nullable=False),
    sa.Index("ix_examples_class_id", "class_id", "id"),
    sa.Index("ix_examples_recording_id", "recording_id"),
    sqlite_autoincrement=True,
)
"""``image`` are the original bytes; ``revision`` is the last one that changed the row."""

embeddings = sa.Table(
    "embeddings",
    metadata,
    sa.Column("example_id", sa.Integer, sa.ForeignKey("examples.id"), primary_key=True),
    sa.Column("backbone", sa.Text, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""``vector`` is float32, little-endian; ``backbone`` is the backbone's fingerprint."""

views = sa.Table(
    "views",
    metadata,
    sa.Column("example_id", sa.Integer, sa.ForeignKey("examples.id"), primary_key=True),
    sa.Column("backbone", sa.Text, primary_key=True),
    sa.Column("vectors", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""``vectors`` is float16 [8, d], little-endian: the embeddings of eight augmented views."""

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("undone", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sqlite_autoincrement=True,
)
"""The journal; ``journal.py`` describes ``kind`` and ``data``; ``created_at`` is when the change
was last made, undone or redone."""
