"""The one object that is the product: a backbone, a head and a store, kept in step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.errors import (
    NotFoundError,
    NothingToUndoError,
    SettingError,
    no_such_class,
)
from classify_anything.heads import Head, KNeighborsHead, unit_rows
from classify_anything.images import ImageInput, Picture, read_picture, to_square
from classify_anything.knowledge import Knowledge
from classify_anything.store import (
    COLORS,
    NewExample,
    Row,
    Store,
    clean_label,
    same_label,
)
from classify_anything.types import Change, Class, Example, Float32Array, Prediction

_EMBED_BATCH = 64


class Classifier:
    """Learns classes of images from a few examples, and keeps them in one project file.

    It is synchronous, and to be used from one thread at a time. Several processes may open the same
    project: each sees what the others changed at its next call.

    Args:
        project: the project file; it is created if there is none.
        backbone: a name, an .onnx file, or an open Backbone; by default the one that ships with
            the package.
        head: what decides; by default ``KNeighborsHead(n_neighbors=3, weights="distance")``, with
            which one example a class is decided by similarity and not by the order of the classes.

    Raises:
        StoreError: the project cannot be opened; see ``errors.py`` for the kinds.
        BackboneError: the backbone cannot be opened.

    Example::

        clf = Classifier("desk.db")
        clf.add("mug", "mug.jpg")
        clf.predict("what.jpg").label
    """

    def __init__(
        self,
        project: str | os.PathLike[str],
        *,
        backbone: str | os.PathLike[str] | Backbone | None = None,
        head: Head | None = None,
    ) -> None:
        self.backbone = backbone if isinstance(backbone, Backbone) else load_backbone(backbone)
        self._store = Store(Path(project))
        self._knowledge = Knowledge(KNeighborsHead(weights="distance") if head is None else head)
        self._revision = -1
        self._data_version = -1
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """The number of examples."""
        self.refresh()
        return len(self._knowledge.members)

    def close(self) -> None:
        """Close the project file."""
        self._store.close()

    @property
    def path(self) -> Path:
        """The project file."""
        return self._store.path

    @property
    def revision(self) -> int:
        """Counts the changes of the project; equal revisions show the same project."""
        self.refresh()
        return self._revision

    @property
    def labels(self) -> dict[int, str]:
        """The name of each class by its id, as of the last call that could change them."""
        return {item.id: item.name for item in self._knowledge.classes.values()}

    # --- predicting

    def predict(self, image: ImageInput | Picture) -> Prediction:
        """Say which class an image shows.

        Args:
            image: a path, bytes, a PIL image, or a uint8 array [h, w, 3] RGB.

        Raises:
            ImageError: it is not an image that can be read.
        """
        self.refresh()
        return self.predict_embedding(self.embed(image))

    def embed(self, image: ImageInput | Picture) -> Float32Array:
        """Turn an image into its embedding, float32 [dimension] of length 1. Raises ImageError."""
        embedding: Float32Array = self.backbone.embed(to_square(image, self.backbone.size)[None])[0]
        return embedding

    def predict_embedding(self, embedding: npt.ArrayLike) -> Prediction:
        """Say which class an embedding, float [dimension], belongs to. Raises EmbeddingError."""
        return self._knowledge.predict(embedding)

    def read(self, image: ImageInput | Picture) -> Picture:
        """Decode an image once, to both predict and add it. Raises ImageError."""
        return read_picture(image, self.backbone.size)

    # --- adding and removing examples

    def add(
        self,
        label: str | int,
        image: ImageInput | Picture,
        *,
        embedding: Float32Array | None = None,
        recording: str | None = None,
        key: str | None = None,
        source: str = "python",
    ) -> Example:
        """Add an example, on disk and known to the head when this returns.

        Args:
            label: the name of a class, which is added if it is new, or the id of one.
            image: as for ``predict``. Files and bytes are kept as they are.
            embedding: what ``embed`` gave for it, if it is there already.
            recording: a name for the examples of one press; they are undone together, and evaluated
                as one. By default each example is a recording of its own.
            key: a name for this example; one that is known is not added again.
            source: where it came from, such as "camera".

        Raises:
            ImageError, LabelError, EmbeddingError: the image, the name or the embedding cannot be
                used.
            NotFoundError: there is no class with this id.
            StoreError: it could not be written; nothing has changed.
        """
        picture = self.read(image)
        if embedding is None:
            embedding = self.embed(picture)
        (unit,) = unit_rows(np.asarray(embedding, np.float32)[None], self.backbone.dimension)
        new = NewExample(
            label=int(label) if isinstance(label, int | np.integer) else label,
            image=picture.data,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            source=source,
            embedding=unit,
            key=key,
        )
        (example,) = self._store.add([new], self.backbone.fingerprint, recording)
        self.refresh(own_write=True)
        return example

    def remove(self, examples: int | Example | Sequence[int | Example]) -> None:
        """Remove one or more examples, given as values or ids. Raises NotFoundError."""
        if isinstance(examples, int | np.integer | Example):
            examples = [examples]
        ids = [item.id if isinstance(item, Example) else int(item) for item in examples]
        if ids:
            self._store.remove_examples(list(dict.fromkeys(ids)))
            self.refresh(own_write=True)

    def remove_last_recording(self) -> None:
        """Remove the examples of the newest recording. Raises NothingToUndoError without one."""
        recording = self._store.last_recording()
        if recording is None:
            raise NothingToUndoError("There is no recording to delete.")
        self._store.remove_recording(recording)
        self.refresh(own_write=True)

    # --- classes

    def classes(self) -> list[Class]:
        """The classes, in the order they were added."""
        self.refresh()
        return list(self._knowledge.classes.values())

    def count(self, class_id: int) -> int:
        """How many examples a class has."""
        self.refresh()
        return self._knowledge.members.count(class_id)

    def latest(self, class_id: int, limit: int) -> list[int]:
        """The ids of the newest examples of a class, newest first."""
        self.refresh()
        return self._knowledge.members.latest(class_id, limit)

    def find_class(self, label: str | int) -> Class:
        """The class with this name (in any case) or id. Raises NotFoundError."""
        self.refresh()
        if isinstance(label, int | np.integer):
            if int(label) not in self._knowledge.classes:
                raise NotFoundError(f"No class {label}.")
            return self._knowledge.classes[int(label)]
        for known in self._knowledge.classes.values():
            if same_label(known.name, clean_label(label)):
                return known
        raise no_such_class(label, (known.name for known in self._knowledge.classes.values()))

    def add_class(self, name: str | None = None) -> Class:
        """Add a class; without a name, the first free "Class N". Raises LabelError."""
        added = self._store.add_class(name)
        self.refresh(own_write=True)
        return added

    def add_starting_classes(self, names: Sequence[str]) -> None:
        """Give a project that nobody has changed yet its first classes."""
        if self._revision == 0:
            self._store.add_starting_classes(names)
            self.refresh(own_write=True)

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
        edited = self._store.edit_class(self.find_class(label).id, name, color)
        self.refresh(own_write=True)
        return edited

    def clear_class(self, label: str | int) -> None:
        """Remove all examples of a class. Raises NotFoundError."""
        self._store.clear_class(self.find_class(label).id)
        self.refresh(own_write=True)

    def remove_class(self, label: str | int) -> None:
        """Remove a class and its examples. Raises NotFoundError."""
        self._store.remove_class(self.find_class(label).id)
        self.refresh(own_write=True)

    # --- looking at examples

    def example(self, example_id: int) -> Example:
        """One example. Raises NotFoundError."""
        return self._store.example(example_id)

    def examples(
        self, label: str | int | None = None, *, before: int | None = None, limit: int | None = None
    ) -> list[Example]:
        """Examples, newest first: of one class, older than the id ``before``, at most ``limit``."""
        class_id = None if label is None else self.find_class(label).id
        return self._store.examples(class_id, before, limit)

    def image(self, example_id: int) -> tuple[bytes, str]:
        """The bytes of an example as they were captured, and their media type."""
        return self._store.image(example_id)

    # --- undoing

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
        self.refresh(own_write=True)

    def redo(self, expected: int | None = None) -> None:
        """Do the change again that was undone last. Raises as ``undo``."""
        self._store.redo(expected)
        self.refresh(own_write=True)

    # --- keeping head and store in step

    def refresh(self, *, own_write: bool = False) -> None:
        """Take over what was written since the last call, here or by another process."""
        version = self._store.data_version()
        if version == self._data_version and not own_write:
            return
        snapshot = self._store.since(self._revision, self.backbone.fingerprint)
        vectors = self._embeddings([row for row in snapshot.rows if not row.removed])
        self._knowledge.apply(snapshot, vectors)
        self._revision, self._data_version = snapshot.revision, version

    def _embeddings(self, rows: Sequence[Row]) -> Float32Array:
        """float32 [n, d]; what this backbone has not embedded yet is embedded and kept."""
        form = (self.backbone.dimension,)
        kept = {
            row.example_id: row.embedding
            for row in rows
            if row.embedding is not None and row.embedding.shape == form
        }
        missing = [row.example_id for row in rows if row.example_id not in kept]
        for start in range(0, len(missing), _EMBED_BATCH):
            batch = missing[start : start + _EMBED_BATCH]
            squares = [to_square(self.image(id_)[0], self.backbone.size) for id_ in batch]
            made = list(zip(batch, self.backbone.embed(np.stack(squares)), strict=True))
            self._store.put_embeddings(made, self.backbone.fingerprint)
            kept.update(made)
        return np.reshape([kept[row.example_id] for row in rows], (-1, *form))
