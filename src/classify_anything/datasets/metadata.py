"""The metadata file of an image dataset.

It is Hugging Face's ``metadata.csv`` or ``metadata.jsonl`` (of the "imagefolder" layout): one line
per image, with its ``file_name`` relative to the metadata file. Exports have the same format, so
they load there too. Further columns: ``label``, ``recording``, ``created_at``, ``source`` and
``sha256``. A file ``classes.csv`` lists ``name`` and ``color``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from classify_anything.datasets.files import Entry, path_key
from classify_anything.errors import DatasetError
from classify_anything.store import COLORS, clean_label
from classify_anything.types import Class, Example

METADATA, CLASSES = "metadata.csv", "classes.csv"
METADATA_NAMES = (METADATA, "metadata.jsonl")
_COLUMNS = ("file_name", "label", "recording", "created_at", "source", "sha256")
_LABEL_COLUMNS = ("label", "class", "category", "labels")


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """The metadata of one image; None where missing."""

    label: str | None
    recording: str | None
    created_at: datetime | None
    source: str | None
    sha256: str | None


def read_metadata(entry: Entry) -> dict[str, ImageMetadata] | None:
    """Return the metadata by ``Entry.key``, in order. Raises DatasetError.

    Returns None for another program's file without ``file_name``.
    """
    data = entry.read()
    rows = _jsonl(entry, data) if entry.path.suffix == ".jsonl" else _csv(entry, data)
    if not any("file_name" in row for row in rows):
        return None
    name = hashlib.sha256(data).hexdigest()[:16]
    found: dict[str, ImageMetadata] = {}
    for row in rows:
        file_name = row.get("file_name")
        if not isinstance(file_name, str) or not file_name:
            raise DatasetError(f"{entry.name}: a line has no file_name.")
        path = PurePosixPath(file_name.replace("\\", "/"))
        recording = _text(row.get("recording"))
        found[path_key(entry.path.parent / path)] = ImageMetadata(
            label=next((_text(row[key]) for key in _LABEL_COLUMNS if key in row), None),
            recording=recording and f"{name}:{recording}",
            created_at=_time(entry, row.get("created_at")),
            source=_text(row.get("source")),
            sha256=_text(row.get("sha256")),
        )
    return found


def write_metadata(rows: Iterable[tuple[str, Example]]) -> str:
    """Return the metadata of examples with their file names, as CSV."""
    lines = (
        (
            file_name,
            example.label,
            example.recording_id,
            example.created_at.isoformat(timespec="microseconds"),
            example.source,
            example.sha256,
        )
        for file_name, example in rows
    )
    return _write(_COLUMNS, lines)


def read_classes(entry: Entry) -> tuple[tuple[str, int], ...]:
    """Return names and colours of the classes, in order. Raises DatasetError.

    Returns nothing for another program's file with other columns.
    """
    rows = _csv(entry, entry.read())
    if not all({"name", "color"} <= row.keys() for row in rows):
        return ()
    try:
        return tuple((clean_label(row["name"]), int(row["color"]) % COLORS) for row in rows)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{entry.name}: not a list of names and colours ({error}).") from error


def write_classes(classes: Sequence[Class]) -> str:
    """Return the classes in order, as CSV."""
    return _write(("name", "color"), ((item.name, item.color) for item in classes))


def _write(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _csv(entry: Entry, data: bytes) -> list[Mapping[str, Any]]:
    try:
        return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{entry.name}: not a CSV file in UTF-8 ({error}).") from error


def _jsonl(entry: Entry, data: bytes) -> list[Mapping[str, Any]]:
    try:
        rows = [json.loads(line) for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    except ValueError as error:
        raise DatasetError(f"{entry.name}: not JSON Lines ({error}).") from error
    if not all(isinstance(row, dict) for row in rows):
        raise DatasetError(f"{entry.name}: a line is not a JSON object.")
    return rows


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value).encode("utf-8", "replace").decode()


def _time(entry: Entry, value: object) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        time = datetime.fromisoformat(str(value))
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise DatasetError(f"{entry.name}: {value!r} is not an ISO 8601 time.") from error
