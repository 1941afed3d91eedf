"""One project: its file, and the model that follows the examples in it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.backbones.bulk import OnProgress, ViewBatch, embed_stored, views_by
from classify_anything.backbones.views import wanted_views
from classify_anything.errors import (
    BackboneError,
    ConflictError,
    MissingExtraError,
    NotFoundError,
    NothingToUndoError,
    SettingError,
    StoreError,
    no_such_class,
)
from classify_anything.evaluation.evaluate import RETIRED_HEADS, TrainingSet, make_head
from classify_anything.heads import Head, unit_rows
from classify_anything.images import ImageInput, Picture, read_picture, thumbnail, to_square
from classify_anything.project.model import ProjectModel
from classify_anything.store import (
    COLORS,
    NewExample,
    Row,
    Snapshot,
    Store,
    clean_label,
    same_label,
)
from classify_anything.types import (
    Class,
    Example,
    Float32Array,
    Neighbor,
    Prediction,
    Progress,
    Settings,
)


class Project:
    """A project file and its model, kept in step.

    Use it from one thread at a time; a ``ProjectSnapshot`` serves other threads. ``store`` is the
    file, and ``model`` follows what this and other processes write there.

    Args:
        path: the project file; it is created if there is none.
        backbone: a name, a file or an open Backbone; by default the one in the settings.
        head: a head to use instead of the one in the settings.
        progress: receives the progress if the backbone must embed stored images first.
    """

    def __init__(
        self,
        path: Path,
        backbone: str | os.PathLike[str] | Backbone | None = None,
        head: Head | None = None,
        progress: OnProgress | None = None,
    ) -> None:
        self.notice = ""
        if isinstance(backbone, str | os.PathLike):
            backbone = load_backbone(backbone)
        self.store = Store(path)
        self._progress = progress or _ignore
        self._model = ProjectModel(head)
        self._makes_views = True
        self._viewed = self._revision = -1
        self._version: tuple[int, int] | None = None
        try:
            self._replace_retired_head()
            self.backbone = backbone or self._remembered_backbone()
            self.refresh()
        except BaseException:
            self.close()
            raise
        self._progress = _ignore

    def _remembered_backbone(self) -> Backbone:
        """Return the backbone in the settings; if it is missing, the default, with a notice."""
        wanted = self.store.settings().backbone
        try:
            return load_backbone(wanted or None)
        except (BackboneError, MissingExtraError) as error:
            if not wanted:
                raise
            default = load_backbone()
            self.notice = f"Using {default.name} for now. {error}"
            return default

    def _replace_retired_head(self) -> None:
        """Replace a head that no longer exists by the adaptive head."""
        settings = self.store.settings()
        if settings.head in RETIRED_HEADS:
            if not self.store.read_only:
                self.store.set_settings(replace(settings, head=Settings().head))
            self.notice = (
                f"This project used the head {settings.head!r}, which no longer exists. "
                "The adaptive head replaces it."
            )

    def __len__(self) -> int:
        return len(self.model.members)

    def close(self) -> None:
        """Close the project file."""
        self.store.close()

    @property
    def path(self) -> Path:
        """The project file."""
        return self.store.path

    @property
    def model(self) -> ProjectModel:
        """The refreshed model; ``settle`` also makes missing views."""
        self.refresh()
        return self._model

    @property
    def revision(self) -> int:
        """The number of changes so far; equal revisions show the same project."""
        self.refresh()
        return self._revision

    @property
    def settings(self) -> Settings:
        """The settings, as of the last refresh."""
        return self.model.settings

    @property
    def labels(self) -> dict[int, str]:
        """The name of each class by its id, as of the last refresh."""
        return {item.id: item.name for item in self._model.classes.values()}

    # --- classes

    def classes(self) -> list[Class]:
        """Return the classes, in the order they were added."""
        return list(self.model.classes.values())

    def count(self, class_id: int) -> int:
        """Return the number of examples of a class."""
        return self.model.members.count(class_id)

    def latest(self, class_id: int, limit: int) -> list[int]:
        """Return the ids of the newest examples of a class, newest first."""
        return self.model.members.latest(class_id, limit)

    def find_class(self, label: str | int) -> Class:
        """Return the class with this name (in any case) or id. Raises NotFoundError."""
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

    def add_starting_classes(self, names: Sequence[str]) -> None:
        """Add the first classes to a project that nobody has changed yet."""
        if self.revision == 0:
            self.store.add_starting_classes(names)

    def edit_class(
        self, label: str | int, *, name: str | None = None, color: int | None = None
    ) -> Class:
        """Rename a class or change its colour. Raises as ``Classifier.edit_class``."""
        if color is not None and not 0 <= color < COLORS:
            raise SettingError(f"A colour is a number from 0 to {COLORS - 1}, not {color}.")
        return self.store.edit_class(self.find_class(label).id, name, color)

    def clear_class(self, label: str | int) -> None:
        """Remove all examples of a class. Raises NotFoundError."""
        self.store.clear_class(self.find_class(label).id)

    def remove_class(self, label: str | int) -> None:
        """Remove a class and its examples. Raises NotFoundError."""
        self.store.remove_class(self.find_class(label).id)

    # --- examples

    def examples(
        self,
        label: str | int | None = None,
        *,
        source: str | None = None,
        recording: int | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Example]:
        """Return examples, newest first; see ``Classifier.examples``."""
        class_id = None if label is None else self.find_class(label).id
        return self.store.examples(
            class_id, source=source, recording=recording, before=before, limit=limit
        )

    def thumbnail(self, example_id: int) -> bytes:
        """Return an example as a square JPEG of 160 pixels, cropped as for the backbone."""
        return thumbnail(self.store.image(example_id)[0])

    def add(
        self,
        label: str | int,
        image: ImageInput | Picture,
        *,
        embedding: Float32Array | None = None,
        recording: str | None = None,
        key: str | None = None,
        source: str = "python",
    ) -> tuple[Example, int]:
        """Add an example, as ``Classifier.add``; return it with the change that undoes it."""
        picture = read_picture(image, self.backbone.size)
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
            recording=recording,
        )
        (added,) = self.put_examples([new])
        return added

    def put_examples(self, new: Sequence[NewExample]) -> list[tuple[Example, int]]:
        """Add examples that are embedded; return each with the change that undoes it."""
        added = self.store.put_examples(new, self.backbone.fingerprint)
        if self._version is not None and added.revision == self._revision + 1:
            # Nobody else has written since the last refresh, so nothing need be read back.
            vectors = np.stack(
                [item.embedding for item in added.rows if item.embedding is not None]
            )
            settings = self._model.settings
            snapshot = Snapshot(added.revision, False, settings, added.classes, added.rows)
            self._model.apply(snapshot, vectors)
            self._revision, self._version = added.revision, (self._version[0], self.store.writes)
        return added.examples

    def move(self, examples: int | Example | Iterable[int | Example], label: str | int) -> None:
        """Move examples to another class. Raises NotFoundError, and then moves none."""
        self.store.move_examples(_ids(examples), self.find_class(label).id)

    def remove(self, examples: int | Example | Iterable[int | Example]) -> None:
        """Remove examples. Raises NotFoundError, and then removes none."""
        ids = _ids(examples)
        if ids:
            self.store.remove_examples(ids)

    def remove_last_recording(self) -> None:
        """Remove the examples of the newest recording. Raises NothingToUndoError without one."""
        recording = self.store.last_recording()
        if recording is None:
            raise NothingToUndoError("There is no recording to delete.")
        self.store.remove_recording(recording)

    # --- deciding

    def embed(self, image: ImageInput | Picture) -> Float32Array:
        """Return the embedding of an image, float32 [d] of length 1. Raises ImageError."""
        embedding: Float32Array = self.backbone.embed(to_square(image, self.backbone.size)[None])[0]
        return embedding

    def predict(self, embeddings: npt.ArrayLike) -> list[Prediction]:
        """Return the prediction for each embedding, float [n, d]. Raises EmbeddingError."""
        self.settle()
        return self._model.predict(embeddings)

    def neighbors(self, example_id: int, n: int) -> tuple[Neighbor, ...]:
        """Return the n examples nearest to one, without itself. Raises NotFoundError."""
        model = self.model
        embedding = self.store.embedding(example_id, self.backbone.fingerprint)
        found = model.nearest(embedding, n + 1)
        return tuple(neighbor for neighbor in found if neighbor.example_id != example_id)[:n]

    def training_set(self) -> TrainingSet:
        """Return all examples, with their views, to fit or evaluate a head."""
        self.settle()
        return self._model.training_set()

    def configure(
        self, *, head: str | None = None, rejection_level: float | None = None
    ) -> Settings:
        """Change the settings that are not None. Raises SettingError."""
        before = self.settings
        settings = replace(
            before,
            head=before.head if head is None else head,
            rejection_level=before.rejection_level if rejection_level is None else rejection_level,
        )
        make_head(settings.head)
        if not 0 <= settings.rejection_level <= 1:
            raise SettingError(
                f"The rejection level is from 0 to 1, not {settings.rejection_level}."
            )
        if settings != before:
            self.store.set_settings(settings)
        return self.settings

    def leave_fitting(self) -> None:
        """Leave fitting (``model.pending_fit``) and making views to the caller."""
        self._makes_views = False
        self._model.leave_fitting()

    # --- views

    def missing_views(self) -> list[int]:
        """Return the ids of examples that should have views of this backbone and have none.

        Views that another process has stored are learnt on the way, and those of examples that
        should have none any more are forgotten: the head knows what it would know if the project
        was opened now.
        """
        model = self.model
        members = model.members
        ids = list(members)
        wanted = wanted_views(
            [members.class_of(id_) for id_ in ids], ids, [members.recording_of(id_) for id_ in ids]
        )
        model.keep_views_of(wanted)
        unknown = model.without_views(wanted)
        found = self.store.views_of(unknown, self.backbone.fingerprint) if unknown else {}
        stored = {id_: rows for id_, rows in found.items() if self._is_usable(rows)}
        model.learn_views(stored)
        return [id_ for id_ in unknown if id_ not in stored]

    def _is_usable(self, rows: Float32Array) -> bool:
        """Return whether stored views, [8, d], are valid; damaged ones are made again."""
        return (
            rows.shape[1] == self.backbone.dimension
            and bool(np.isfinite(rows).all())
            and bool(rows.any(axis=1).all())
        )

    def keep_views(self, made: ViewBatch, fingerprint: str) -> None:
        """Store and learn the views of examples that a backbone has embedded. Raises StoreError."""
        self.store.put_views(made, fingerprint)
        if fingerprint == self.backbone.fingerprint:
            self._model.learn_views(dict(made))

    def make_views(self, progress: OnProgress | None = None) -> None:
        """Make the missing views; those that ``views_by`` leaves out stay missing.

        Completed views are kept after an interruption.

        Raises:
            BackboneError: it cannot be run, or its numbers are not finite.
            StoreError: the views could not be written.
        """
        missing, read = self.missing_views(), self.store.images_of
        for made in views_by(self.backbone, missing, read, progress or _ignore):
            self.keep_views(made, self.backbone.fingerprint)
        self._viewed = self._revision

    def settle(self) -> None:
        """Refresh, and make missing views unless a server makes them in the background."""
        self.refresh()
        if self._makes_views and self._viewed != self._revision:
            with contextlib.suppress(StoreError):  # predict even if the disk is full
                self.make_views()
            self._viewed = self._revision

    # --- the backbone

    def training_set_for(self, backbone: Backbone) -> TrainingSet:
        """Return all examples as another backbone embeds them; embed missing ones first."""
        snapshot = self.store.since(-1, backbone.fingerprint)
        rows = snapshot.rows
        return TrainingSet(
            vectors=self._embeddings(rows, backbone),
            class_ids=[row.class_id for row in rows],
            keys=[row.example_id for row in rows],
            groups=[row.recording_id for row in rows],
            labels={item.id: item.name for item in snapshot.classes},
            views=self.store.views_of([row.example_id for row in rows], backbone.fingerprint),
        )

    def use_backbone(self, backbone: Backbone, name: str | None = None) -> None:
        """Use another backbone.

        What it has not embedded yet is embedded first; ``reembed`` does that beforehand. The
        embeddings of the former one stay, so going back takes no time.

        Args:
            backbone: an open one.
            name: of the catalogue, or a file, under which the project remembers it for all who
                open it; by default the one that it was opened by. Empty for the default.

        Raises:
            BackboneError: its numbers are not finite.
            StoreError: the project could not be written; it decides as before.
        """
        snapshot = self.store.since(-1, backbone.fingerprint)
        model = self._model.fresh()
        model.apply(snapshot, self._embeddings(snapshot.rows, backbone))
        settings = self.store.settings()
        name = backbone.opened_as if name is None else name
        former = dict.fromkeys((*settings.former, settings.backbone, self.backbone.opened_as))
        self.store.set_settings(
            replace(settings, backbone=name, former=tuple(one for one in former if one))
        )
        self.backbone, self._model = backbone, model
        self._revision, self._version, self._viewed = snapshot.revision, None, -1
        self.notice = ""
        self.refresh()

    # --- keeping model and store in step

    def refresh(self) -> None:
        """Apply the changes since the last call, by this or another process."""
        version = self.store.version()
        if version == self._version:
            return
        snapshot = self.store.since(self._revision, self.backbone.fingerprint)
        rows = [row for row in snapshot.rows if not row.removed]
        vectors = self._embeddings(rows, self.backbone)
        self._model.apply(snapshot, vectors)
        self._revision, self._version = snapshot.revision, version

    def _embeddings(self, rows: Sequence[Row], backbone: Backbone) -> Float32Array:
        """Return embeddings, float32 [n, d]; missing ones are computed and stored."""
        form = (backbone.dimension,)
        kept = {
            row.example_id: row.embedding
            for row in rows
            if row.embedding is not None and row.embedding.shape == form
        }
        missing = [row.example_id for row in rows if row.example_id not in kept]
        for made in embed_stored(backbone, missing, self.store.images_of, self._progress):
            self.store.put_embeddings(made, backbone.fingerprint)
            kept.update(made)
        if len(kept) < len(rows):
            raise ConflictError("Examples were deleted meanwhile. Try again.")
        return np.reshape([kept[row.example_id] for row in rows], (-1, *form))


def _ids(examples: int | Example | Iterable[int | Example]) -> list[int]:
    if isinstance(examples, int | np.integer | Example):
        examples = [examples]
    ids = [item.id if isinstance(item, Example) else int(item) for item in examples]
    return list(dict.fromkeys(ids))


def _ignore(_: Progress) -> None:
    """Receive progress and do nothing."""
