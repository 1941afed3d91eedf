"""Record the checksum and the commit of each download, to recognise the same file later."""

from __future__ import annotations

import json
from pathlib import Path

from classify_anything.backbones.descriptions import Hub
from classify_anything.backbones.files import read_object, write_whole

NAME = "fetched.json"


def recorded_sha256(folder: Path, hub: Hub) -> str | None:
    """Return the checksum of a previous download, if there was one."""
    record = _records(folder).get(_key(hub))
    return record["sha256"] if record else None


def save_record(folder: Path, hub: Hub, sha256: str, commit: str) -> None:
    """Record a download. Raises OSError."""
    records = {**_records(folder), _key(hub): {"sha256": sha256, "commit": commit}}
    write_whole(folder / NAME, json.dumps(records, indent=2))


def _key(hub: Hub) -> str:
    return f"{hub.repository}/{hub.file}@{hub.revision}"


def _records(folder: Path) -> dict[str, dict[str, str]]:
    return {
        key: record
        for key, record in read_object(folder / NAME).items()
        if isinstance(record, dict) and isinstance(record.get("sha256"), str)
    }
