"""Embeds a project's stored images with another backbone, while the project goes on as it is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from classify_anything.backbones import Backbone
from classify_anything.backbones.bulk import EmbeddingBatch, OnProgress, embed_stored
from classify_anything.evaluation.evaluate import Evaluation
from classify_anything.project.project import Project
from classify_anything.types import Progress


@dataclass(frozen=True, slots=True)
class BackboneComparison:
    """How well a project's own examples are recognised with a backbone, and how fast.

    ``evaluation`` is that of the adaptive head; ``milliseconds`` is the time for one image.
    """

    name: str
    evaluation: Evaluation
    milliseconds: float


class Reembedding:
    """The examples that a backbone has not embedded yet.

    ``batches`` may be read on a thread of its own; ``commit`` belongs to the project's thread. The
    embeddings of other backbones stay. What was committed is kept if it ends early: the next one
    goes on where it ended.

    Args:
        project: where the images are.
        backbone: is used on all cores.
        change: embed only the examples that come back when it is undone or redone.
    """

    def __init__(self, project: Project, backbone: Backbone, change: int | None = None) -> None:
        self._store = project.store
        self._backbone = backbone
        self.missing = project.store.missing_embeddings(backbone.fingerprint, change)

    def batches(
        self, progress: Callable[[Progress], object] = lambda _: None
    ) -> Generator[EmbeddingBatch]:
        """Embed the missing examples, some at a time.

        Args:
            progress: receives the progress after each batch.

        Raises:
            BackboneError: its numbers are not finite, or it cannot be run.
        """
        backbone, missing = self._backbone, self.missing
        progress(Progress(0, len(missing), f"Embedding with {backbone.name}"))
        return embed_stored(backbone, missing, self._read, progress)

    def commit(self, batch: EmbeddingBatch) -> None:
        """Store a batch. Raises StoreError."""
        self._store.put_embeddings(batch, self._backbone.fingerprint)

    def _read(self, ids: Sequence[int]) -> list[tuple[int, bytes]]:
        # One reader for all would keep SQLite's log from being folded in while it grows.
        with self._store.reader() as reader:
            return reader.images_of(ids)


def reembed(project: Project, backbone: Backbone, progress: OnProgress | None = None) -> int:
    """Embed all examples that a backbone has not embedded yet; return how many these were.

    Raises:
        BackboneError: its numbers are not finite, or it cannot be run.
        StoreError: the embeddings could not be written.
    """
    job = Reembedding(project, backbone)
    for batch in job.batches(progress or (lambda _: None)):
        job.commit(batch)
    return len(job.missing)
