"""A project file and what is learnt of it: how it is opened, how it decides, what it sees with."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.embedding import OnProgress, seen_by
from classify_anything.errors import (
    BackboneError,
    ConflictError,
    MissingExtraError,
    SettingError,
)
from classify_anything.evaluation import AUTOMATIC, Lesson, make_head
from classify_anything.heads import Head
from classify_anything.heads.frozen import Frozen
from classify_anything.knowledge import Knowledge
from classify_anything.store import Row, Store
from classify_anything.types import Float32Array, Prediction, Progress, Settings


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
        self._knowledge = Knowledge(head)
        self._revision = -1
        self._version: tuple[int, int] | None = None
        try:
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
            self.notice = f"{default.name} looks for now. {error}"
            return default

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
        return self._knowledge.settings

    @property
    def head_name(self) -> str:
        """The head that decides now: "knn", "means", "ridge", or "own" for one that was given."""
        self.refresh()
        self._knowledge.choose()
        return self._knowledge.head_name

    def to_choose_by(self) -> Lesson | None:
        """What the best head is to be chosen by, if it is time to; see ``Knowledge``."""
        self.refresh()
        return self._knowledge.to_choose_by()

    def take_choice(self, name: str, lesson: Lesson) -> None:
        """Decide with the head that a lesson has shown to be the best, if that is still wanted."""
        self.refresh()
        self._knowledge.take_choice(name, lesson)

    def leave_choosing(self) -> None:
        """Let somebody else choose the best head, by ``to_choose_by`` and ``take_choice``."""
        self._knowledge.chooses = False

    def lesson(self) -> Lesson:
        """All examples as a head learns them: to teach or to judge another one."""
        self.refresh()
        return self._knowledge.lesson()

    def freeze(self) -> Frozen:
        """The head that decides now, as plain numbers; its class codes are places in ``classes``.

        Raises:
            InputError: there are no examples.
            SettingError: the head was given to ``Classifier``, and cannot be frozen.
        """
        self.refresh()
        return self._knowledge.freeze()

    def familiar(self) -> Float32Array:
        """How clearly examples belonged without their recording; see ``Knowledge.familiar``."""
        self.refresh()
        return self._knowledge.familiar()

    def threshold(self) -> float | None:
        """The familiarity that a known prediction is above; None where all are known."""
        self.refresh()
        return self._knowledge.threshold()

    def knowledge(self) -> Knowledge:
        """A copy of all that is learnt now, which no later change reaches."""
        self.refresh()
        return copy.deepcopy(self._knowledge)

    def decide(self, embeddings: npt.ArrayLike) -> list[Prediction]:
        """Say which classes embeddings, float [n, d], belong to. Raises EmbeddingError."""
        self.refresh()
        return self._knowledge.predict(embeddings)

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
        if settings.head != AUTOMATIC:
            make_head(settings.head)
        if not 0 <= settings.strictness <= 1:
            raise SettingError(f"Strictness is from 0 to 1, not {settings.strictness}.")
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

    def touched(self) -> tuple[int, int]:
        """Changes with the examples and their classes, and with nothing else."""
        return self._store.touched()

    def lesson_of(self, backbone: Backbone) -> Lesson:
        """All examples as a backbone sees them; what it has not seen yet is embedded first."""
        snapshot = self._store.since(-1, backbone.fingerprint)
        rows = snapshot.rows
        return Lesson(
            vectors=self._embeddings(rows, backbone),
            class_ids=[row.class_id for row in rows],
            keys=[row.example_id for row in rows],
            groups=[row.recording_id for row in rows],
            labels={item.id: item.name for item in snapshot.classes},
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
        knowledge = self._knowledge.fresh()
        knowledge.apply(snapshot, self._embeddings(snapshot.rows, backbone))
        settings = self._store.settings()
        name = backbone.opened_as if name is None else name
        former = dict.fromkeys((*settings.former, settings.backbone, self.backbone.opened_as))
        self._store.set_settings(
            replace(settings, backbone=name, former=tuple(one for one in former if one))
        )
        self.backbone, self._knowledge = backbone, knowledge
        self._revision, self._version = snapshot.revision, None
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
        self._knowledge.apply(snapshot, vectors)
        self._revision, self._version = snapshot.revision, version

    def _embeddings(self, rows: Sequence[Row], backbone: Backbone) -> Float32Array:
        """float32 [n, d]; what the backbone has not embedded yet is embedded and kept."""
        form = (backbone.dimension,)
        kept = {
            row.example_id: row.embedding
            for row in rows
            if row.embedding is not None and row.embedding.shape == form
        }
        missing = [row.example_id for row in rows if row.example_id not in kept]
        for made in seen_by(backbone, missing, self.images_of, self._progress):
            self._store.put_embeddings(made, backbone.fingerprint)
            kept.update(made)
        if len(kept) < len(rows):
            raise ConflictError("Examples were deleted meanwhile. Try again.")
        return np.reshape([kept[row.example_id] for row in rows], (-1, *form))


def _nobody(_: Progress) -> None:
    """Is told how far it is."""
