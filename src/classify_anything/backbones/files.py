"""Files that are kept: they are there completely, or not at all."""

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
    errno.ENOSPC: "no space is left",
    errno.EDQUOT: "no space is left",
    errno.EROFS: "it may not be written",
    errno.EACCES: "it may not be written",
    errno.EPERM: "it may not be written",
}


@contextlib.contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Make a folder; what cannot be written into it is a DownloadError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise DownloadError(
            f"{folder}: {reason}. CLASSIFY_ANYTHING_CACHE can name another folder."
        ) from error


def is_file(path: Path) -> bool:
    """Whether a file is there; not where its folder may not be looked into."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file() raises PermissionError


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file that was kept; none where it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_whole(path: Path, text: str) -> None:
    """Write a small file in one go: who reads meanwhile has the former one. Raises OSError."""
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
