"""Validate the hub's settings in the environment before huggingface_hub reads them."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from classify_anything.errors import DownloadError

_TIMEOUT = 10
_MAX_TIMEOUT = 3600
_HUB = "https://huggingface.co"

_PASSWORD = re.compile(r"//[^/@\s]*@")


def timeout() -> int:
    """Return HF_HUB_DOWNLOAD_TIMEOUT, in seconds. Raises DownloadError."""
    given = os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT", "").strip()
    if not given:
        return _TIMEOUT
    if not re.fullmatch(r"[0-9]{1,4}", given) or not 1 <= int(given) <= _MAX_TIMEOUT:
        raise DownloadError(
            f"Invalid HF_HUB_DOWNLOAD_TIMEOUT '{given}'. "
            f"Choose a whole number of seconds from 1 to {_MAX_TIMEOUT}."
        )
    return int(given)


def endpoint() -> str:
    """Return HF_ENDPOINT, the hub's address. Raises DownloadError."""
    given = os.environ.get("HF_ENDPOINT", "").strip()
    if not given:
        return _HUB
    try:
        parts = urlsplit(given)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"\s", given):
        raise DownloadError(
            f"Invalid HF_ENDPOINT '{without_password(given)}'. "
            "Use the address of a hub, beginning with https://."
        )
    return given.rstrip("/")


def without_password(text: str) -> str:
    """Remove the user and the password from the addresses in a text."""
    return _PASSWORD.sub("//", text)
