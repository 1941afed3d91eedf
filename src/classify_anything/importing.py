"""Adds many images: they are decoded and embedded on all cores, and written batch by batch."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime

from classify_anything.backbones import Backbone
from classify_anything.errors import ImageError, InputError
from classify_anything.formats import Dataset, Item, problem
from classify_anything.heads import unit_rows
from classify_anything.images import Picture, read_picture
from classify_anything.parallel import in_parallel
from classify_anything.store import NewExample, Store, clean_label
from classify_anything.types import ImportReport, Problem, Progress

BATCH = 64
BATCH_BYTES = 32 * 2**20
"""Of large images there are fewer in a batch."""

Identity = tuple[str, str, datetime | None]
"""An example is the same as another if label, sha256 and, where it is told, time are the same."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Stands for an image that the project has already."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """An image that is decoded and embedded."""

    identity: Identity
    example: NewExample


Batch = list[_Ready | _Known | Problem]


class Import:
    """One import under way.

    ``batches`` may be read on a thread of its own; ``commit`` and ``discard`` belong to the thread
    of the store. Each batch is one transaction, and all of them are one change to be undone.

    Args:
        store: where the examples go.
        backbone: is used on all cores, next to what else it does.
        dataset: what to add. What is there already is not added again, so an import that was
            interrupted goes on where it ended.
        workers: threads that decode and embed.
        batch: images a transaction.
    """

    def __init__(
        self,
        store: Store,
        backbone: Backbone,
        dataset: Dataset,
        *,
        workers: int,
        batch: int = BATCH,
    ) -> None:
        self._store = store
        self._backbone = backbone
        self._dataset = dataset
        self._workers = workers
        self._batch = batch
        self._names = {item.id: item.name for item in store.classes()}
        self._known: set[Identity] = set()
        for label, sha256, created_at in store.images():
            key = label.casefold()
            self._known |= {(key, sha256, None), (key, sha256, created_at)}
        self._added: list[int] = []
        self._known_count = 0
        self._problems: list[Problem] = []
        self.change: int | None = None
        """The journal's change, once something was added."""
        self.progress = Progress(0, dataset.total)
        """How far it has come."""

    @property
    def report(self) -> ImportReport:
        """What has become of it so far."""
        return ImportReport(tuple(self._added), self._known_count, tuple(self._problems))

    def run(self, progress: Callable[[Progress], object] | None = None) -> ImportReport:
        """Do it all. What was added stays on Ctrl+C; any other error leaves nothing of it."""
        try:
            with contextlib.closing(self.batches()) as batches:
                for batch in batches:
                    self.commit(batch)
                    if progress:
                        progress(self.progress)
        except Exception:
            self.discard()
            raise
        return self.report

    def batches(self) -> Generator[Batch]:
        """Decode and embed, on several threads, a few images ahead of ``commit``."""
        embed = self._backbone.for_workers()

        def prepare(item: Item | Problem) -> _Ready | _Known | Problem:
            return item if isinstance(item, Problem) else self._prepare(item, embed)

        batch: Batch = []
        size = 0
        ready = in_parallel(prepare, self._dataset.items, self._workers)
        with contextlib.closing(self._dataset), contextlib.closing(ready):
            for prepared in ready:
                batch.append(prepared)
                size += len(prepared.example.image) if isinstance(prepared, _Ready) else 0
                if len(batch) == self._batch or size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
            if batch:
                yield batch

    def commit(self, batch: Batch) -> None:
        """Write a batch. Raises StoreError, or ConflictError if the import was undone meanwhile."""
        ready = []
        for prepared in batch:
            if isinstance(prepared, Problem):
                self._problems.append(prepared)
            elif isinstance(prepared, _Known) or prepared.identity in self._known:
                self._known_count += 1
            else:
                label, sha256, _ = prepared.identity
                self._known |= {prepared.identity, (label, sha256, None)}
                ready.append(prepared.example)
        if ready:
            if self.change is None:
                self.change = self._store.begin_addition(self._dataset.classes)
            added = self._store.add(ready, self._backbone.fingerprint, self.change)
            self._added += [example.id for example in added]
        self.progress = Progress(self.progress.done + len(batch), self._dataset.total)

    def discard(self) -> None:
        """Leave the project as it was."""
        if self.change is not None:
            self._store.discard_addition(self.change)
            self.change = None
            self._added.clear()

    def _prepare(self, item: Item, backbone: Backbone) -> _Ready | _Known | Problem:
        try:
            label = self._label(item.label)
            image = item.read()
            sha256 = None
            if isinstance(image, bytes):
                sha256 = hashlib.sha256(image).hexdigest()
                if item.sha256 is not None and sha256 != item.sha256.lower():
                    raise ImageError("not the picture that the list beside it names (sha256).")
                if self._identity(label, sha256, item) in self._known:
                    return _Known()
            picture = read_picture(image, backbone.size, item.name)
            sha256 = sha256 or hashlib.sha256(picture.data).hexdigest()
            return _Ready(
                self._identity(label, sha256, item), self._example(item, picture, backbone)
            )
        except (InputError, LookupError, OSError) as error:
            return problem(item.name, error)

    def _label(self, label: str | int) -> str:
        if isinstance(label, str):
            return clean_label(label)
        if label not in self._names:
            raise InputError(f"No class {label}.")
        return self._names[label]

    def _identity(self, label: str, sha256: str, item: Item) -> Identity:
        return label.casefold(), sha256, item.created_at

    def _example(self, item: Item, picture: Picture, backbone: Backbone) -> NewExample:
        (embedding,) = unit_rows(backbone.embed(picture.square[None]), backbone.dimension)
        return NewExample(
            label=item.label if isinstance(item.label, str) else int(item.label),
            image=picture.data,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            source=item.source,
            embedding=embedding,
            recording=item.recording,
            created_at=item.created_at,
        )
