"""Open a project file: checks, migrations, and clear messages for SQLite's errors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from classify_anything.errors import (
    NotAProjectError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreTooNewError,
)
from classify_anything.store.tables import APPLICATION_ID, SCHEMA_VERSION

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 10
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "journal_size_limit = 16777216",
)
_HEADER = struct.Struct(">16s44xI4xI28x")
"""The magic, ``user_version`` and ``application_id`` in the first 100 bytes of an SQLite file."""


def open_database(path: Path) -> tuple[sa.Engine, bool]:
    """Open a project file, creating or upgrading it as needed, and return whether it is read-only.

    A project is read-only if the file or its folder cannot be written. A transaction on the engine
    with the execution option ``write`` locks the file from its start, so that its reads are still
    valid when it writes.

    Raises:
        NotAProjectError: the file is something else. It stays unchanged.
        StoreTooNewError: a newer version of this package made it. It stays unchanged.
        StoreReadOnlyError: the project is new or of an older format, and cannot be written.
        StoreFullError: the disk is full.
        StoreError: any other SQLite error.
    """
    read_only = _check_before_opening(path)
    engine = connect(path, read_only=read_only)
    try:
        with clear_errors(path):
            if read_only:
                _check_format(engine, path)
                _configure(engine, "temp_store = MEMORY")
            else:
                _upgrade(engine, path)
                _configure(engine, *_PRAGMAS)
    except BaseException:
        engine.dispose()
        raise
    return engine, read_only


def connect(path: Path, *, read_only: bool) -> sa.Engine:
    """Return an engine with one connection to a project file, which is known to be one."""
    engine = sa.create_engine(
        "sqlite://", creator=lambda: _connect(path, read_only), poolclass=sa.StaticPool
    )
    sa.event.listen(engine, "connect", _leave_transactions_to_sqlalchemy)
    sa.event.listen(engine, "begin", _begin)
    return engine


def keep_in_memory(connection: sa.Connection, table: sa.Table) -> None:
    """Keep inserts into a table of a read-only file in this connection's memory.

    The table has the columns ``example_id``, ``backbone`` and one of bytes.
    """
    name, more, value = table.name, f"more_{table.name}", list(table.columns)[-1].name
    columns = f"example_id, backbone, {value}"
    for statement in (
        f"CREATE TEMP TABLE IF NOT EXISTS {more} ({columns}, PRIMARY KEY (example_id, backbone))",
        f"""CREATE TEMP VIEW IF NOT EXISTS {name} AS
            SELECT {columns} FROM {more} UNION ALL SELECT {columns} FROM main.{name}
            WHERE (example_id, backbone) NOT IN (SELECT example_id, backbone FROM {more})""",  # noqa: S608 - the names are our own
        f"""CREATE TEMP TRIGGER IF NOT EXISTS keep_{name} INSTEAD OF INSERT ON {name} BEGIN
            INSERT OR REPLACE INTO {more} VALUES (NEW.example_id, NEW.backbone, NEW.{value});
            END""",  # noqa: S608 - the names are our own
    ):
        connection.exec_driver_sql(statement)


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    address = str(path)
    if read_only:
        # SQLite requires its log beside the file, unless the file is declared immutable. A log
        # exists as long as a writing program has the project open.
        log = path.with_name(f"{path.name}-wal")
        mode = "mode=ro" if log.exists() else "mode=ro&immutable=1"
        address = f"{path.absolute().as_uri()}?{mode}"
    return sqlite3.connect(address, timeout=_BUSY_SECONDS, check_same_thread=False, uri=read_only)


@contextlib.contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Convert SQLite's errors to this package's."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _clear_error(path, error.orig) from error
    except sqlite3.Error as error:
        raise _clear_error(path, error) from error


def _clear_error(path: Path, error: BaseException | None) -> StoreError:
    match getattr(error, "sqlite_errorname", "").split("_")[:2]:
        case ["SQLITE", "FULL"]:
            return StoreFullError(
                f"{path}: the disk is full. Nothing was changed. Free some space."
            )
        case ["SQLITE", "READONLY" | "CANTOPEN" | "PERM" | "AUTH"]:
            return StoreReadOnlyError(f"{path}: the file or its folder is not writable.")
        case ["SQLITE", "NOTADB" | "CORRUPT"]:
            return NotAProjectError(f"{path}: not a project, or damaged.")
        case ["SQLITE", "BUSY" | "LOCKED"]:
            return StoreError(f"{path}: another program has locked the file for {_BUSY_SECONDS} s.")
    return StoreError(f"{path}: {error}.")


def _check_before_opening(path: Path) -> bool:
    """Check the header before SQLite opens the file, and return whether it is read-only."""
    start = b""
    try:
        if path.is_dir():
            raise NotAProjectError(f"{path}: a folder, not a project file.")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            with path.open("rb") as file:
                start = file.read(_HEADER.size)
            if start:
                _check_header(path, start)
    except OSError as error:
        raise StoreReadOnlyError(f"{path}: {error.strerror or error}.") from error
    for place in (path, path.parent):
        if place.exists() and not os.access(place, os.W_OK):
            if start:
                return True
            kind = "folder" if place.is_dir() else "file"
            raise StoreReadOnlyError(f"{place}: the {kind} is not writable.")
    return False


def _check_header(path: Path, start: bytes) -> None:
    if len(start) < _HEADER.size or not start.startswith(b"SQLite format 3\0"):
        raise NotAProjectError(f"{path}: not a project (not an SQLite file).")
    _, version, application = _HEADER.unpack(start)
    if application != APPLICATION_ID:
        raise NotAProjectError(f"{path}: an SQLite file, but not a project.")
    _check_version(path, version)


def _check_version(path: Path, version: int) -> None:
    if version > SCHEMA_VERSION:
        raise StoreTooNewError(
            f"{path}: made by a newer version of classify-anything "
            f"(format {version}; this version supports {SCHEMA_VERSION}). Update it: "
            "pip install -U classify-anything"
        )


def _check_format(engine: sa.Engine, path: Path) -> None:
    with engine.begin() as connection:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version < SCHEMA_VERSION:
        raise StoreReadOnlyError(
            f"{path}: older format, and the file or its folder is not writable. "
            "Open the project once where it is."
        )


def _leave_transactions_to_sqlalchemy(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _upgrade(engine: sa.Engine, path: Path) -> None:
    """Migrate the tables to the newest version, in one transaction."""
    with engine.execution_options(write=True).begin() as connection:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        _check_version(path, version)
        if version == SCHEMA_VERSION:
            return
        from alembic import command, config  # noqa: PLC0415 - takes 0.2 s, needed once a version

        settings = config.Config()
        settings.set_main_option("script_location", str(_MIGRATIONS))
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _configure(engine: sa.Engine, *pragmas: str) -> None:
    """Set the connection's mode, once the file is known to be a project."""
    raw = engine.raw_connection()
    try:
        for pragma in pragmas:
            raw.driver_connection.execute(f"PRAGMA {pragma}")  # type: ignore[union-attr] # always open
    finally:
        raw.close()
