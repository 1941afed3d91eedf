"""Shows a project's stored images to another backbone, while the project goes on as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from classify_anything.backbones import Backbone
from classify_anything.backbones.bulk import EmbeddingBatch, embed_stored
from classify_anything.evaluation.evaluate import Evaluation, evaluate
from classify_anything.project.project import Ask, Project
from classify_anything.types import Progress, Settings


@dataclass(frozen=True, slots=True)
class BackboneComparison:
    """How well a project's own examples are recognised with a backbone, and how fast.

    ``evaluation`` is that of the adaptive head; ``milliseconds`` is the time for one image.
    """

    name: str
    evaluation: Evaluation
    milliseconds: float


def reembed(
    ask: Ask,
    backbone: Backbone,
    *,
    change: int | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], object] = lambda _: None,
) -> int:
    """Embed all examples that a backbone has not seen; gives how many these were.

    The embeddings of other backbones stay. What was done is kept if it ends early: the same call
    goes on where it ended.

    Args:
        ask: puts questions to the project.
        backbone: is used on all cores.
        change: look only at the examples that come back when it is undone or redone.
        workers: threads that decode and embed; by default as many as there are cores.
        progress: is told after each batch.

    Raises:
        BackboneError: its numbers are not finite, or it cannot be run.
        StoreError: the embeddings could not be written.
    """
    missing = ask(lambda project: project.unseen_by(backbone.fingerprint, change))
    progress(Progress(0, len(missing), f"Looking with {backbone.name}"))

    def read(ids: Sequence[int]) -> list[tuple[int, bytes]]:
        return ask(lambda project: project.images_of(ids))

    for made in embed_stored(backbone, missing, read, progress, workers):
        ask(_keeping(made, backbone.fingerprint))
    return len(missing)


def judged(ask: Ask, backbone: Backbone) -> Evaluation:
    """Evaluate the adaptive head with a backbone, on examples that are embedded with it.

    Raises:
        InputError: fewer than two classes have examples.
    """
    return evaluate(ask(lambda project: project.training_set_for(backbone)), Settings().head)


def _keeping(made: EmbeddingBatch, fingerprint: str) -> Callable[[Project], None]:
    return lambda project: project.keep_embeddings(made, fingerprint)
