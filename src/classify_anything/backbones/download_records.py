"""What was fetched from the hub: its checksum and its commit, so that it is known again."""

from __future__ import annotations

import json
from pathlib import Path

from classify_anything.backbones.descriptions import Hub
from classify_anything.backbones.files import read_object, write_whole

NAME = "fetched.json"


def known_sha256(folder: Path, hub: Hub) -> str | None:
    """The checksum of the file that was fetched from there before, if one was."""
    receipt = _receipts(folder).get(_key(hub))
    return receipt["sha256"] if receipt else None


def keep_receipt(folder: Path, hub: Hub, sha256: str, commit: str) -> None:
    """Remember what was fetched from there. Raises OSError."""
    receipts = {**_receipts(folder), _key(hub): {"sha256": sha256, "commit": commit}}
    write_whole(folder / NAME, json.dumps(receipts, indent=2))


def _key(hub: Hub) -> str:
    return f"{hub.repository}/{hub.file}@{hub.revision}"


def _receipts(folder: Path) -> dict[str, dict[str, str]]:
    return {
        key: one
        for key, one in read_object(folder / NAME).items()
        if isinstance(one, dict) and isinstance(one.get("sha256"), str)
    }
