"""Re-embed a project's images with another backbone, while the project stays in use."""

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
    """The accuracy and speed of a backbone on a project's examples.

    ``evaluation`` is of the adaptive head; ``milliseconds`` is the time per image.
    """

    name: str
    evaluation: Evaluation
    milliseconds: float


class Reembedding:
    """The examples without an embedding of a backbone.

    Read ``batches`` on any thread; call ``commit`` on the project's thread. Embeddings of other
    backbones stay. After an interruption, the next one resumes.

    Args:
        project: where the images are.
        backbone: embeds on all cores.
        change: embed only the examples that undoing or redoing it would bring back.
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
            progress: called after each batch.

        Raises:
            BackboneError: its output is not finite, or it cannot be run.
        """
        backbone, missing = self._backbone, self.missing
        progress(Progress(0, len(missing), f"Embedding with {backbone.name}"))
        return embed_stored(backbone, missing, self._read, progress)

    def commit(self, batch: EmbeddingBatch) -> None:
        """Store a batch. Raises StoreError."""
        self._store.put_embeddings(batch, self._backbone.fingerprint)

    def _read(self, ids: Sequence[int]) -> list[tuple[int, bytes]]:
        # One reader for all would keep SQLite from checkpointing its log.
        with self._store.reader() as reader:
            return reader.images_of(ids)


def reembed(project: Project, backbone: Backbone, progress: OnProgress | None = None) -> int:
    """Embed all examples without an embedding of a backbone; return their number.

    Raises:
        BackboneError: its output is not finite, or it cannot be run.
        StoreError: the embeddings cannot be written.
    """
    job = Reembedding(project, backbone)
    for batch in job.batches(progress or (lambda _: None)):
        job.commit(batch)
    return len(job.missing)
