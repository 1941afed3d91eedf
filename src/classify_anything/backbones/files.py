"""Write files atomically."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from classify_anything.errors import DownloadError

_REASONS = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "no space left",
    errno.EROFS: "not writable",
    errno.EACCES: "not writable",
    errno.EPERM: "not writable",
}


@contextlib.contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Create a folder, and convert errors of writing to it to DownloadError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise DownloadError(
            f"{folder}: {reason}. Set CLASSIFY_ANYTHING_CACHE to another folder."
        ) from error


def is_file(path: Path) -> bool:
    """Return whether a file exists; False if its folder is not readable."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file() raises PermissionError


def read_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty if it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_whole(path: Path, text: str) -> None:
    """Write a small file atomically. Raises OSError."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        made = Path(file.name)
        try:
            file.write(text)
            file.close()
            made.replace(path)
        except BaseException:
            made.unlink(missing_ok=True)
            raise
