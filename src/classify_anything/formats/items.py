"""What a dataset is made of, whatever its form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from classify_anything.errors import ClassifyAnythingError
from classify_anything.images import ImageInput
from classify_anything.types import Problem


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
    """

    items: Iterator[Item | Problem]
    total: int | None
    classes: tuple[tuple[str, int], ...] = ()


def problem(name: str, error: Exception) -> Problem:
    """Why something was left out; its message always begins with the name."""
    if isinstance(error, OSError):
        text, code = f"{error.strerror or error}.", "unreadable"
    else:
        text = str(error)
        code = getattr(error, "code", ClassifyAnythingError.code)
    return Problem(name, text if text.startswith(name) else f"{name}: {text}", code)
