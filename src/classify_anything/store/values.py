"""Values that the store takes and returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from classify_anything.types import Change, Class, Example, Float32Array, Settings


@dataclass(frozen=True, slots=True)
class NewExample:
    """An example to add.

    ``label`` is the id of a class, or the name of a known or new one; ``key`` identifies the
    example, so that it is added only once; ``recording`` names its recording (default: its own);
    ``created_at`` is when it was captured (default: now).
    """

    label: int | str
    image: bytes
    media_type: str
    width: int
    height: int
    source: str
    embedding: Float32Array
    key: str | None = None
    recording: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """An example for a head; ``embedding`` is None if the backbone has made none."""

    example_id: int
    class_id: int
    recording_id: int
    removed: bool
    embedding: Float32Array | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The project at a revision.

    Attributes:
        complete: whether ``rows`` are all examples, not only changed ones.
        settings: the project's settings.
        classes: all of them, in order.
        rows: added, changed or removed examples, oldest first.
    """

    revision: int
    complete: bool
    settings: Settings
    classes: list[Class]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Added:
    """The result of adding examples.

    Attributes:
        examples: each example, new or known, and the change that undoes it.
        revision: the new revision; None if all examples were known.
        classes: all of them, in order.
        rows: the new examples.
        begun: the new change, if any.
    """

    examples: list[tuple[Example, int]]
    revision: int | None = None
    classes: list[Class] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    begun: Change | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """All examples as columns of equal length; ``created_at`` in seconds since 1970."""

    ids: tuple[int, ...]
    class_ids: tuple[int, ...]
    recording_ids: tuple[int, ...]
    sources: tuple[str, ...]
    created_at: tuple[int, ...]
