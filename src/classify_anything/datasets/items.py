"""What a dataset is made of, whatever its form."""

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
    """An image that is to become an example.

    Attributes:
        name: for messages, such as "photos/mug/1.jpg".
        label: the name of its class, or the id of one.
        read: gives the image; called on any thread. Raises InputError or OSError.
        source: where it came from, such as "camera".
        recording: a name for the images that were taken in one go; by default it is alone.
        created_at: when it was captured, if that is known.
        sha256: of its bytes, if they must be just these.
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
    """Items to add, read one after the other, and the problems met on the way.

    Attributes:
        items: a Problem stands where an item cannot be used.
        total: how many there are; None while only reading tells, as of a video.
        classes: names and colours (0 to 7) of classes that the dataset lists, in their order.
        close: is called when no more is read.
    """

    items: Iterator[Item | Problem]
    total: int | None
    classes: tuple[tuple[str, int], ...] = ()
    close: Callable[[], None] = lambda: None


def problem(name: str, error: Exception, known_as: str | None = None) -> Problem:
    """Why something was left out; its message is one line that begins with the name.

    ``known_as`` is what the error calls it, if that is another name.
    """
    if isinstance(error, OSError):
        text, code = f"{error.strerror or error}.", "unreadable"
    else:
        text = str(error).removeprefix(f"{known_as or name}: ")
        code = getattr(error, "code", ClassifyAnythingError.code)
    return Problem(printable(name), printable(f"{name}: {text}"), code)


def printable(text: str) -> str:
    """A text on one line, with a mark for what no terminal or page can show."""
    return _NOT_IN_A_LINE.sub("\N{REPLACEMENT CHARACTER}", text)
