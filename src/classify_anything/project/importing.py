"""Import many images: decode and embed on all cores, write in batches."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime

from classify_anything.backbones import Backbone
from classify_anything.backbones.bulk import embedded
from classify_anything.datasets.items import Dataset, Item, problem
from classify_anything.errors import ImageError, InputError
from classify_anything.heads import unit_rows
from classify_anything.images import Picture, read_picture
from classify_anything.store import NewExample, Store, clean_label
from classify_anything.types import Float32Array, ImportReport, Problem, Progress, UInt8Array

BATCH = 64
BATCH_BYTES = 32 * 2**20
"""A batch of large images is smaller than ``BATCH``."""

Identity = tuple[str, str, datetime | None]
"""Label, sha256 and time, if known: what makes two examples the same."""


@dataclass(frozen=True, slots=True)
class _Known:
    """An image that the project already has."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """An image to embed."""

    identity: Identity
    item: Item
    picture: Picture


@dataclass(frozen=True, slots=True)
class _Ready:
    """A decoded and embedded image."""

    identity: Identity
    example: NewExample


Batch = list[_Ready | _Known | Problem]


class Import:
    """A running import.

    Read ``batches`` on any thread; call ``commit`` and ``discard`` on the store's thread. Each
    batch is one transaction, and all of them are one change for undo.

    Args:
        store: where the examples go.
        backbone: embeds on all cores; others may use it at the same time.
        dataset: what to add. Images that the project already has are skipped, so an interrupted
            import resumes.
        batch: images per transaction.
    """

    def __init__(
        self,
        store: Store,
        backbone: Backbone,
        dataset: Dataset,
        *,
        batch: int = BATCH,
    ) -> None:
        self._store = store
        self._backbone = backbone
        self._dataset = dataset
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
        """The journal's change, once an example is added."""
        self.progress = Progress(0, dataset.total)
        """The progress, in images."""

    @property
    def report(self) -> ImportReport:
        """The result so far."""
        return ImportReport(tuple(self._added), self._known_count, tuple(self._problems))

    def run(self, progress: Callable[[Progress], object] | None = None) -> ImportReport:
        """Import everything. Ctrl+C keeps what was added; any other error removes it."""
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
        batch: Batch = []
        size = 0
        results = embedded(self._backbone, self._dataset.items, self._prepare)
        with contextlib.closing(self._dataset), contextlib.closing(results):
            for image, vector in results:
                prepared = self._ready(image, vector) if isinstance(image, _Decoded) else image
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
        """Remove what the import added."""
        if self.change is not None:
            self._store.discard_addition(self.change)
            self.change = None
            self._added.clear()

    def _prepare(
        self, item: Item | Problem
    ) -> tuple[_Decoded | _Known | Problem, UInt8Array | None]:
        if isinstance(item, Problem):
            return item, None
        try:
            label = self._label(item.label)
            image = item.read()
            sha256 = None
            if isinstance(image, bytes):
                sha256 = hashlib.sha256(image).hexdigest()
                if item.sha256 is not None and sha256 != item.sha256.lower():
                    raise ImageError("the checksum differs from the manifest (sha256).")
                if self._identity(label, sha256, item) in self._known:
                    return _Known(), None
            picture = read_picture(image, self._backbone.size, item.name)
            sha256 = sha256 or hashlib.sha256(picture.data).hexdigest()
            identity = self._identity(label, sha256, item)
            return _Decoded(identity, item, picture), picture.square
        except (InputError, LookupError, OSError) as error:
            return problem(item.name, error), None

    def _label(self, label: str | int) -> str:
        if isinstance(label, str):
            return clean_label(label)
        if label not in self._names:
            raise InputError(f"No class {label}.")
        return self._names[label]

    def _identity(self, label: str, sha256: str, item: Item) -> Identity:
        return label.casefold(), sha256, item.created_at

    def _ready(self, decoded: _Decoded, vector: Float32Array | None) -> _Ready | Problem:
        item, picture = decoded.item, decoded.picture
        assert vector is not None
        try:
            (embedding,) = unit_rows(vector[None], self._backbone.dimension)
        except InputError as error:
            return problem(item.name, error)
        new = NewExample(
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
        return _Ready(decoded.identity, new)
