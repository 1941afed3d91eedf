"""What the store takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from classify_anything.types import Change, Class, Example, Float32Array, Settings


@dataclass(frozen=True, slots=True)
class NewExample:
    """What the store needs of an example.

    ``label`` is the id of a class, or the name of one that is added if it is new; ``key`` names the
    example, so that it is added only once; ``recording`` names its recording, by default one of its
    own; ``created_at`` is when it was captured, by default now.
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
    """An example as a head needs it; ``embedding`` is None where the backbone has made none."""

    example_id: int
    class_id: int
    recording_id: int
    removed: bool
    embedding: Float32Array | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The project at a revision.

    Attributes:
        complete: whether ``rows`` are all examples, not only those that changed.
        settings: how the project decides.
        classes: all of them, in their order.
        rows: examples that were added, changed or removed, oldest first.
    """

    revision: int
    complete: bool
    settings: Settings
    classes: list[Class]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding examples.

    Attributes:
        examples: each that was given, added now or known before, and the change that undoes it.
        revision: the one that the addition made; None if all were known.
        classes: all of them, in their order.
        rows: the examples that are new.
        begun: the change that was begun for them.
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
