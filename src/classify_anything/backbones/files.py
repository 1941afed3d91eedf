"""Files that are there completely, or not at all."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

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
