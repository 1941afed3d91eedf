"""Shows a project's stored images to another backbone, while the project goes on as it is."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from classify_anything.backbones import Backbone
from classify_anything.evaluation import Evaluation, best_head
from classify_anything.images import to_square
from classify_anything.parallel import in_parallel
from classify_anything.project import Ask, Project
from classify_anything.types import Float32Array, Progress

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Compared:
    """How well a project's own examples are recognised with a backbone, and how fast.

    ``evaluation`` is that of the head that is best with it; ``milliseconds`` is for one image.
    """

    name: str
    evaluation: Evaluation
    milliseconds: float


def reembed(
    ask: Ask,
    backbone: Backbone,
    *,
    workers: int | None = None,
    progress: Callable[[Progress], object] = lambda _: None,
) -> int:
    """Embed all examples that a backbone has not seen; gives how many these were.

    The embeddings of other backbones stay. What was done is kept if it ends early: the same call
    goes on where it ended.

    Args:
        ask: puts questions to the project.
        backbone: is used on all cores.
        workers: threads that decode and embed; by default as many as there are cores.
        progress: is told after each batch.

    Raises:
        BackboneError: its numbers are not finite, or it cannot be run.
        StoreError: the embeddings could not be written.
    """
    missing = ask(lambda project: project.unseen_by(backbone.fingerprint))
    network = backbone.for_workers()

    def embed(pair: tuple[int, bytes]) -> tuple[int, Float32Array]:
        example_id, data = pair
        (vector,) = network.embed(to_square(data, network.size)[None])
        return example_id, vector

    made = in_parallel(embed, _images(ask, missing), workers or os.cpu_count() or 1)
    done = 0
    progress(Progress(done, len(missing), f"Looking with {backbone.name}"))
    while batch := list(itertools.islice(made, _BATCH)):
        ask(_keeping(batch, backbone.fingerprint))
        done += len(batch)
        progress(Progress(done, len(missing), f"Looking with {backbone.name}"))
    return done


def judged(ask: Ask, backbone: Backbone) -> Evaluation:
    """The evaluation of the head that is best with a backbone, on examples that it has seen.

    Raises:
        InputError: fewer than two classes have examples.
    """
    best, found = best_head(ask(lambda project: project.lesson_of(backbone)))
    return found[best]


def _images(ask: Ask, ids: list[int]) -> Iterator[tuple[int, bytes]]:
    for example_id in ids:
        yield example_id, ask(_reading(example_id))


def _reading(example_id: int) -> Callable[[Project], bytes]:
    return lambda project: project.image(example_id)[0]


def _keeping(batch: list[tuple[int, Float32Array]], fingerprint: str) -> Callable[[Project], None]:
    return lambda project: project.keep_embeddings(batch, fingerprint)
