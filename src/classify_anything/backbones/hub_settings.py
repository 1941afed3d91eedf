"""What the environment says of the model hub, checked before huggingface_hub reads it."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from classify_anything.errors import DownloadError

_TIMEOUT = 10
_LONGEST = 3600
_HUB = "https://huggingface.co"

_PASSWORD = re.compile(r"//[^/@\s]*@")


def timeout() -> int:
    """Return the seconds to wait for an answer, HF_HUB_DOWNLOAD_TIMEOUT. Raises DownloadError."""
    given = os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT", "").strip()
    if not given:
        return _TIMEOUT
    if not re.fullmatch(r"[0-9]{1,4}", given) or not 1 <= int(given) <= _LONGEST:
        raise DownloadError(
            f"HF_HUB_DOWNLOAD_TIMEOUT is a number of seconds, not '{given}': "
            f"a whole one, from 1 to {_LONGEST}."
        )
    return int(given)


def endpoint() -> str:
    """Return the hub's address, HF_ENDPOINT. Raises DownloadError."""
    given = os.environ.get("HF_ENDPOINT", "").strip()
    if not given:
        return _HUB
    try:
        parts = urlsplit(given)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"\s", given):
        raise DownloadError(
            f"HF_ENDPOINT is the address of a hub, with https:// before it, "
            f"not '{without_password(given)}'."
        )
    return given.rstrip("/")


def without_password(text: str) -> str:
    """A text with the user and the password removed from its addresses."""
    return _PASSWORD.sub("//", text)
