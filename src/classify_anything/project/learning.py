"""A project file and what is learnt of it: how it is opened, how it decides, what it sees with."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.backbones.bulk import OnProgress, ViewBatch, embed_stored, views_by
from classify_anything.backbones.views import wanted_views
from classify_anything.errors import (
    BackboneError,
    ConflictError,
    MissingExtraError,
    SettingError,
    StoreError,
)
from classify_anything.evaluation.evaluate import RETIRED_HEADS, TrainingSet, make_head
from classify_anything.heads import Head
from classify_anything.heads.fitting import Fit
from classify_anything.heads.parameters import HeadParameters
from classify_anything.project.model import PendingFit, ProjectModel
from classify_anything.store import NewExample, Row, Snapshot, Store
from classify_anything.types import Example, Float32Array, Prediction, Progress, Settings


class Learning:
    """A project file, and what is learnt of its examples, kept in step.

    Each call first takes over what was written since the last one, here or by another process.
    """

    def __init__(
        self,
        path: Path,
        backbone: Backbone | None,
        head: Head | None = None,
        progress: OnProgress | None = None,
    ) -> None:
        self.notice = ""
        self._store = Store(path)
        self._progress = progress or _nobody
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
        self._progress = _nobody

    def _remembered_backbone(self) -> Backbone:
        """That of the settings; if it is not on this machine, the default, with a notice."""
        wanted = self._store.settings().backbone
        try:
            return load_backbone(wanted or None)
        except (BackboneError, MissingExtraError) as error:
            if not wanted:
                raise
            default = load_backbone()
            self.notice = f"Using {default.name} for now. {error}"
            return default

    def _replace_retired_head(self) -> None:
        """Let a project that chose a head of an earlier version use the adaptive one."""
        settings = self._store.settings()
        if settings.head in RETIRED_HEADS:
            if not self._store.read_only:
                self._store.set_settings(replace(settings, head=Settings().head))
            self.notice = (
                f"This project used the head {settings.head!r}, which no longer exists. "
                "The adaptive head replaces it."
            )

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
        return len(self._model.members)

    def close(self) -> None:
        """Close the project file."""
        self._store.close()

    @property
    def path(self) -> Path:
        """The project file."""
        return self._store.path

    @property
    def uid(self) -> str:
        """What tells the project from all others; a copy of its file has the same."""
        return self._store.uid()

    @property
    def revision(self) -> int:
        """Counts the changes of the project; equal revisions show the same project."""
        self.refresh()
        return self._revision

    # --- how it decides

    @property
    def settings(self) -> Settings:
        """How the project decides."""
        self.refresh()
        return self._model.settings

    @property
    def head_name(self) -> str:
        """The head in use: "adaptive", "classic", or "own" for one passed to ``Classifier``."""
        self.refresh()
        return self._model.head_name

    def leave_fitting(self) -> None:
        """Let someone else fit the head (``pending_fit``, ``adopt_fit``) and make views."""
        self._makes_views = False
        self._model.leave_fitting()

    @property
    def needs_fit(self) -> bool:
        """Whether the head's fit is older than its examples."""
        return self._model.needs_fit

    def pending_fit(self) -> PendingFit | None:
        """A copy of the examples to fit the head with, on any thread; None if nothing changed."""
        self.refresh()
        return self._model.pending_fit()

    def adopt_fit(self, pending: PendingFit, fit: Fit, compared: Float32Array | None) -> None:
        """Decide by a fit, unless the head is another one by now."""
        self._model.adopt_fit(pending, fit, compared)

    def training_set(self) -> TrainingSet:
        """All examples as a head learns them: to teach or to judge another one."""
        self._settle()
        return self._model.training_set()

    def freeze(self) -> HeadParameters:
        """The head that decides now, as plain numbers; its class codes are places in ``classes``.

        Raises:
            InputError: there are no examples.
            SettingError: the head was given to ``Classifier``, and cannot be frozen.
        """
        self._settle()
        return self._model.freeze()

    def familiar(self) -> Float32Array:
        """How clearly examples belonged without their recording; see ``ProjectModel.familiar``."""
        self._settle()
        return self._model.familiar()

    def threshold(self) -> float | None:
        """The familiarity that a known prediction is above; None where all are known."""
        self._settle()
        return self._model.threshold()

    def knowledge(self) -> ProjectModel:
        """A copy of all that is learnt now, which no later change reaches."""
        self._settle()
        return copy.deepcopy(self._model)

    def decide(self, embeddings: npt.ArrayLike) -> list[Prediction]:
        """Say which classes embeddings, float [n, d], belong to. Raises EmbeddingError."""
        self._settle()
        return self._model.predict(embeddings)

    def configure(self, *, head: str | None = None, strictness: float | None = None) -> Settings:
        """Change how the project decides; what is None stays. See ``Settings``.

        Raises:
            SettingError: there is no such head, or the strictness is not from 0 to 1.
        """
        before = self.settings
        settings = replace(
            before,
            head=before.head if head is None else head,
            strictness=before.strictness if strictness is None else strictness,
        )
        make_head(settings.head)
        if not 0 <= settings.strictness <= 1:
            raise SettingError(f"Strictness is from 0 to 1, not {settings.strictness}.")
        if settings != before:
            self._store.set_settings(settings)
        return self.settings

    # --- the backbone

    def unseen_by(self, fingerprint: str, change: int | None = None) -> list[int]:
        """The ids of the examples that a backbone has not embedded yet, oldest first.

        With a change, of those that come back when it is undone or redone.
        """
        return self._store.unseen_by(fingerprint, change)

    def keep_embeddings(
        self, vectors: Sequence[tuple[int, Float32Array]], fingerprint: str
    ) -> None:
        """Keep what a backbone made of examples, beside what others made. Raises StoreError."""
        self._store.put_embeddings(vectors, fingerprint)

    def images_of(self, ids: Sequence[int]) -> list[tuple[int, bytes]]:
        """The images of examples, by their ids; without those that are gone."""
        return self._store.images_of(ids)

    def missing_views(self) -> list[int]:
        """Return the ids of examples that should have views of this backbone and have none.

        Views that another process has stored are learnt on the way, and those of examples that
        should have none any more are forgotten: the head knows what it would know if the project
        was opened now.
        """
        self.refresh()
        members = self._model.members
        ids = list(members)
        wanted = wanted_views(
            [members.class_of(id_) for id_ in ids], ids, [members.recording_of(id_) for id_ in ids]
        )
        self._model.keep_views_of(wanted)
        unknown = self._model.without_views(wanted)
        found = self._store.views_of(unknown, self.backbone.fingerprint) if unknown else {}
        stored = {id_: rows for id_, rows in found.items() if self._is_usable(rows)}
        self._model.learn_views(stored)
        return [id_ for id_ in unknown if id_ not in stored]

    def _is_usable(self, rows: Float32Array) -> bool:
        """Whether stored views, [8, d], can be learnt; damaged ones are made again."""
        return (
            rows.shape[1] == self.backbone.dimension
            and bool(np.isfinite(rows).all())
            and bool(rows.any(axis=1).all())
        )

    def keep_views(self, made: ViewBatch, fingerprint: str) -> None:
        """Store and learn the views of examples that a backbone has embedded. Raises StoreError."""
        self._store.put_views(made, fingerprint)
        if fingerprint == self.backbone.fingerprint:
            self._model.learn_views(dict(made))

    def make_views(self, progress: OnProgress | None = None, workers: int | None = None) -> None:
        """Make the missing views; those that ``views_by`` leaves out stay missing.

        What was done is kept if it ends early.

        Raises:
            BackboneError: it cannot be run, or its numbers are not finite.
            StoreError: the views could not be written.
        """
        missing = self.missing_views()
        for made in views_by(self.backbone, missing, self.images_of, progress or _nobody, workers):
            self.keep_views(made, self.backbone.fingerprint)
        self._viewed = self._revision

    def _settle(self) -> None:
        """Make missing views, unless a server does that in the background."""
        self.refresh()
        if self._makes_views and self._viewed != self._revision:
            with contextlib.suppress(StoreError):  # a full disk stops no answer
                self.make_views()
            self._viewed = self._revision

    def touched(self) -> tuple[int, int]:
        """Changes with the examples and their classes, and with nothing else."""
        return self._store.touched()

    def training_set_for(self, backbone: Backbone) -> TrainingSet:
        """All examples as a backbone sees them; what it has not seen yet is embedded first."""
        snapshot = self._store.since(-1, backbone.fingerprint)
        rows = snapshot.rows
        return TrainingSet(
            vectors=self._embeddings(rows, backbone),
            class_ids=[row.class_id for row in rows],
            keys=[row.example_id for row in rows],
            groups=[row.recording_id for row in rows],
            labels={item.id: item.name for item in snapshot.classes},
            views=self._store.views_of([row.example_id for row in rows], backbone.fingerprint),
        )

    def use_backbone(self, backbone: Backbone, name: str | None = None) -> None:
        """Decide with another backbone from now on.

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
        snapshot = self._store.since(-1, backbone.fingerprint)
        knowledge = self._model.fresh()
        knowledge.apply(snapshot, self._embeddings(snapshot.rows, backbone))
        settings = self._store.settings()
        name = backbone.opened_as if name is None else name
        former = dict.fromkeys((*settings.former, settings.backbone, self.backbone.opened_as))
        self._store.set_settings(
            replace(settings, backbone=name, former=tuple(one for one in former if one))
        )
        self.backbone, self._model = backbone, knowledge
        self._revision, self._version, self._viewed = snapshot.revision, None, -1
        self.notice = ""
        self.refresh()

    # --- keeping head and store in step

    def refresh(self) -> None:
        """Take over what was written since the last call, here or by another process."""
        version = self._store.version()
        if version == self._version:
            return
        snapshot = self._store.since(self._revision, self.backbone.fingerprint)
        rows = [row for row in snapshot.rows if not row.removed]
        vectors = self._embeddings(rows, self.backbone)
        self._model.apply(snapshot, vectors)
        self._revision, self._version = snapshot.revision, version

    def checking_once(self) -> AbstractContextManager[None]:
        """Look only once, inside, whether another process has changed the project."""
        return self._store.checking_once()

    def put_examples(self, new: Sequence[NewExample]) -> list[tuple[Example, int]]:
        """Add examples that are embedded; return each with the change that undoes it."""
        added = self._store.put_examples(new, self.backbone.fingerprint)
        if self._version is not None and added.revision == self._revision + 1:
            # Nobody else has written since the last refresh, so nothing need be read back.
            vectors = np.stack(
                [item.embedding for item in added.rows if item.embedding is not None]
            )
            settings = self._model.settings
            snapshot = Snapshot(added.revision, False, settings, added.classes, added.rows)
            self._model.apply(snapshot, vectors)
            self._revision, self._version = added.revision, (self._version[0], self._store.writes)
        return added.examples

    def _embeddings(self, rows: Sequence[Row], backbone: Backbone) -> Float32Array:
        """float32 [n, d]; what the backbone has not embedded yet is embedded and kept."""
        form = (backbone.dimension,)
        kept = {
            row.example_id: row.embedding
            for row in rows
            if row.embedding is not None and row.embedding.shape == form
        }
        missing = [row.example_id for row in rows if row.example_id not in kept]
        for made in embed_stored(backbone, missing, self.images_of, self._progress):
            self._store.put_embeddings(made, backbone.fingerprint)
            kept.update(made)
        if len(kept) < len(rows):
            raise ConflictError("Examples were deleted meanwhile. Try again.")
        return np.reshape([kept[row.example_id] for row in rows], (-1, *form))


def _nobody(_: Progress) -> None:
    """Is told how far it is."""
