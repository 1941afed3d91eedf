"""What every user of a project file can do with its classes and examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from classify_anything.errors import (
    NotFoundError,
    NothingToUndoError,
    SettingError,
    no_such_class,
)
from classify_anything.images import thumbnail
from classify_anything.project.learning import Learning
from classify_anything.store import COLORS, Index, clean_label, same_label
from classify_anything.types import Change, Class, Example, Float32Array

T = TypeVar("T")


class Ask(Protocol):
    """Puts a small question to a project, on whatever thread that lives."""

    def __call__(self, question: Callable[[Any], T], /) -> T: ...


class Project(Learning):
    """What is known of a project file: its classes and examples, and each change to be undone."""

    # --- classes

    @property
    def labels(self) -> dict[int, str]:
        """The name of each class by its id, as of the last call that could change them."""
        return {item.id: item.name for item in self._model.classes.values()}

    def classes(self) -> list[Class]:
        """The classes, in the order they were added."""
        self.refresh()
        return list(self._model.classes.values())

    def count(self, class_id: int) -> int:
        """How many examples a class has."""
        self.refresh()
        return self._model.members.count(class_id)

    def latest(self, class_id: int, limit: int) -> list[int]:
        """The ids of the newest examples of a class, newest first."""
        self.refresh()
        return self._model.members.latest(class_id, limit)

    def find_class(self, label: str | int) -> Class:
        """The class with this name (in any case) or id. Raises NotFoundError."""
        known = self.classes()
        if isinstance(label, int | np.integer):
            for item in known:
                if item.id == label:
                    return item
            raise NotFoundError(f"No class {label}.")
        for item in known:
            if same_label(item.name, clean_label(label)):
                return item
        raise no_such_class(label, (item.name for item in known))

    def add_class(self, name: str | None = None) -> Class:
        """Add a class; without a name, the first free "Class N". Raises LabelError."""
        return self._store.add_class(name)

    def add_starting_classes(self, names: Sequence[str]) -> None:
        """Give a project that nobody has changed yet its first classes."""
        if self.revision == 0:
            self._store.add_starting_classes(names)

    def rename(self, label: str | int, name: str) -> Class:
        """Give a class another name. Raises NotFoundError or LabelError."""
        return self.edit_class(label, name=name)

    def edit_class(
        self, label: str | int, *, name: str | None = None, color: int | None = None
    ) -> Class:
        """Rename a class, or give it a colour from 0 to 7.

        Raises:
            NotFoundError: there is no such class.
            LabelError, SettingError: the name or the colour cannot be.
        """
        if color is not None and not 0 <= color < COLORS:
            raise SettingError(f"A colour is a number from 0 to {COLORS - 1}, not {color}.")
        return self._store.edit_class(self.find_class(label).id, name, color)

    def clear_class(self, label: str | int) -> None:
        """Remove all examples of a class. Raises NotFoundError."""
        self._store.clear_class(self.find_class(label).id)

    def remove_class(self, label: str | int) -> None:
        """Remove a class and its examples. Raises NotFoundError."""
        self._store.remove_class(self.find_class(label).id)

    # --- examples

    def example(self, example_id: int) -> Example:
        """One example. Raises NotFoundError."""
        return self._store.example(example_id)

    def examples(
        self,
        label: str | int | None = None,
        *,
        source: str | None = None,
        recording: int | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Example]:
        """Examples, newest first.

        Args:
            label: only those of this class. Raises NotFoundError if there is none.
            source: only those that came from there, such as "camera".
            recording: only those of the recording with this id.
            before: only those older than the example with this id.
            limit: at most so many.
        """
        class_id = None if label is None else self.find_class(label).id
        return self._store.examples(
            class_id, source=source, recording=recording, before=before, limit=limit
        )

    def index(self) -> Index:
        """All examples as columns, newest first: ids, classes, recordings, sources, times."""
        return self._store.index()

    def image(self, example_id: int) -> tuple[bytes, str]:
        """The bytes of an example as they were captured, and their media type."""
        return self._store.image(example_id)

    def image_bytes(self) -> int:
        """How many bytes the images of all examples have together."""
        return self._store.image_bytes()

    def thumbnail(self, example_id: int) -> bytes:
        """The picture of an example as a square JPEG of 160 pixels, cut as the backbone sees it."""
        return thumbnail(self.image(example_id)[0])

    def move(self, examples: int | Example | Iterable[int | Example], label: str | int) -> None:
        """Give one or more examples another class. Raises NotFoundError, and then moves none."""
        self._store.move_examples(_ids(examples), self.find_class(label).id)

    def remove(self, examples: int | Example | Iterable[int | Example]) -> None:
        """Remove one or more examples, given as values or ids. Raises NotFoundError."""
        ids = _ids(examples)
        if ids:
            self._store.remove_examples(ids)

    def remove_last_recording(self) -> None:
        """Remove the examples of the newest recording. Raises NothingToUndoError without one."""
        recording = self._store.last_recording()
        if recording is None:
            raise NothingToUndoError("There is no recording to delete.")
        self._store.remove_recording(recording)

    def embeddings_by_label(self) -> list[tuple[str, Float32Array]]:
        """float32 [n, d] of each class that has examples, in the order of the classes."""
        classes = self.classes()
        rows = self._store.since(-1, self.backbone.fingerprint).rows
        groups = (
            (item.name, [row.embedding for row in rows if row.class_id == item.id])
            for item in classes
        )
        return [(label, np.asarray(vectors)) for label, vectors in groups if vectors]

    # --- undoing

    def change_of(self, example: Example) -> int:
        """The id of the change that added an example, with the whole of its recording."""
        return self._store.change_of(example.recording_id)

    def next_undo(self) -> Change | None:
        """The change that ``undo`` would undo."""
        return self._store.next_undo()

    def next_redo(self) -> Change | None:
        """The change that ``redo`` would do again."""
        return self._store.next_redo()

    def undo(self, expected: int | None = None) -> None:
        """Undo the newest change; with ``expected``, only if that is its id.

        Raises:
            NothingToUndoError: there is none.
            ConflictError: the newest change is another one.
        """
        self._store.undo(expected)

    def redo(self, expected: int | None = None) -> None:
        """Do the change again that was undone last. Raises as ``undo``."""
        self._store.redo(expected)


def _ids(examples: int | Example | Iterable[int | Example]) -> list[int]:
    if isinstance(examples, int | np.integer | Example):
        examples = [examples]
    ids = [item.id if isinstance(item, Example) else int(item) for item in examples]
    return list(dict.fromkeys(ids))
