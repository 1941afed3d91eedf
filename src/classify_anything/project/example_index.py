"""Which examples each class has, and of which recordings."""

from __future__ import annotations

import bisect
from collections.abc import Iterator


class ExampleIndex:
    """Example ids by class, oldest first; ids ascend with age."""

    def __init__(self) -> None:
        self._class_of: dict[int, int] = {}
        self._recording_of: dict[int, int] = {}
        self._ids: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._class_of)

    def __iter__(self) -> Iterator[int]:
        return iter(self._class_of)

    def __contains__(self, example_id: int) -> bool:
        return example_id in self._class_of

    def add(self, example_id: int, class_id: int, recording_id: int) -> None:
        """Add an example to a class."""
        self._recording_of[example_id] = recording_id
        bisect.insort(self._ids.setdefault(class_id, []), example_id)
        self._class_of[example_id] = class_id

    def discard(self, example_id: int) -> None:
        """Remove an example from its class, if it has one."""
        class_id = self._class_of.pop(example_id, None)
        if class_id is not None:
            del self._recording_of[example_id]
            ids = self._ids[class_id]
            del ids[bisect.bisect_left(ids, example_id)]

    def class_of(self, example_id: int) -> int:
        """Return the class of an example."""
        return self._class_of[example_id]

    def recording_of(self, example_id: int) -> int:
        """Return the recording of an example."""
        return self._recording_of[example_id]

    def count(self, class_id: int) -> int:
        """Return the number of examples of a class."""
        return len(self._ids.get(class_id, ()))

    def latest(self, class_id: int, limit: int) -> list[int]:
        """Return the newest examples of a class, newest first."""
        return self._ids.get(class_id, [])[: -limit - 1 : -1]
