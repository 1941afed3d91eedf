"""The items of a dataset, for every source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from classify_anything.errors import ClassifyAnythingError
from classify_anything.images import ImageInput
from classify_anything.types import Problem

_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Item:
    """An image to add as an example.

    Attributes:
        name: for messages, such as "photos/mug/1.jpg".
        label: the name or id of its class.
        read: returns the image; called on any thread. Raises InputError or OSError.
        source: its origin, such as "camera".
        recording: a name for images taken in one go (default: a recording of its own).
        created_at: when it was captured, if known.
        sha256: the expected checksum of its bytes, if known.
    """

    name: str
    label: str | int
    read: Callable[[], ImageInput]
    source: str
    recording: str | None = None
    created_at: datetime | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Items to add, in order, read lazily.

    Attributes:
        items: the items, with a Problem in place of each unusable one.
        total: their number; None if unknown before reading, as for a video.
        classes: names and colours (0 to 7) of classes that the dataset lists, in order.
        close: call it after the last read.
    """

    items: Iterator[Item | Problem]
    total: int | None
    classes: tuple[tuple[str, int], ...] = ()
    close: Callable[[], None] = lambda: None


def problem(name: str, error: Exception, known_as: str | None = None) -> Problem:
    """Return why a file was skipped, as one line that begins with its name.

    ``known_as`` is its name in the error, if different.
    """
    if isinstance(error, OSError):
        text, code = f"{error.strerror or error}.", "unreadable"
    else:
        text = str(error).removeprefix(f"{known_as or name}: ")
        code = getattr(error, "code", ClassifyAnythingError.code)
    return Problem(printable(name), printable(f"{name}: {text}"), code)


def printable(text: str) -> str:
    """Replace characters that cannot be shown on one line."""
    return _NOT_IN_A_LINE.sub("\N{REPLACEMENT CHARACTER}", text)
