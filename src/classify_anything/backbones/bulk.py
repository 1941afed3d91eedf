"""Embed many images, on all CPU cores or in batches on other hardware."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from classify_anything.backbones import Backbone
from classify_anything.backbones.providers import CPU
from classify_anything.backbones.views import make_views
from classify_anything.errors import BackboneError, EmbeddingError, ImageError
from classify_anything.heads import unit_rows
from classify_anything.images import to_square
from classify_anything.types import Float16Array, Float32Array, Progress, UInt8Array
from classify_anything.workers import TOGETHER, each, map_batches

_READ = 64
"""Images to read, and embeddings to yield, at a time."""

_VIEWED = 8
"""Images whose views to embed at a time."""

_FEW = 4
"""Up to this many images, starting threads takes longer than embedding."""

T = TypeVar("T")
R = TypeVar("R")

OnProgress = Callable[[Progress], object]
EmbeddingBatch = list[tuple[int, Float32Array]]
ViewBatch = list[tuple[int, Float16Array]]


def embedded(
    backbone: Backbone,
    items: Iterable[T],
    prepare: Callable[[T], tuple[R, UInt8Array | None]],
) -> Generator[tuple[R, Float32Array | None]]:
    """Yield the first result of ``prepare`` and the embedding of the second for each item.

    Prefetches only a few items. On a CPU, each image is embedded by the thread that decoded it;
    elsewhere, in batches.

    Args:
        backbone: runs on all cores.
        items: the items to embed.
        prepare: returns anything, and uint8 [size, size, 3], or None if the item cannot be
            embedded. Runs on several threads. For several squares, [n, size, size, 3], the result
            is [n, dimension].

    Raises:
        BackboneError: the backbone cannot be run, or its output is not finite.
    """
    blocks = embedded_blocks(backbone, items, prepare, 1)
    with contextlib.closing(blocks):
        for block in blocks:
            yield from block


def embedded_blocks(
    backbone: Backbone,
    items: Iterable[T],
    prepare: Callable[[T], tuple[R, UInt8Array | None]],
    size: int,
    together: int = TOGETHER,
) -> Generator[list[tuple[R, Float32Array | None]]]:
    """Yield as ``embedded``, in batches of ``size`` with a fast source; see ``map_batches``."""
    if backbone.provider == CPU:
        yield from map_batches(_embed_singly(backbone, prepare), items, size, together)
        return
    blocks = map_batches(each(prepare), items, max(size, backbone.batch), together)
    with contextlib.closing(blocks):
        for batch in blocks:
            yield _embed_batch(backbone, batch)


def _embed_singly(
    backbone: Backbone, prepare: Callable[[T], tuple[R, UInt8Array | None]]
) -> Callable[[list[T]], list[tuple[R, Float32Array | None]]]:
    """Return a job that prepares a list of items, and then embeds one at a time."""
    network = backbone.for_workers()

    def job(items: list[T]) -> list[tuple[R, Float32Array | None]]:
        prepared = [prepare(item) for item in items]
        return [
            (rest, None if square is None else _embed(network, [square])[0])
            for rest, square in prepared
        ]

    return job


def _embed_batch(
    backbone: Backbone, batch: list[tuple[R, UInt8Array | None]]
) -> list[tuple[R, Float32Array | None]]:
    squares = [square for _, square in batch if square is not None]
    vectors = iter(_embed(backbone.for_workers(), squares) if squares else ())
    return [(rest, None if square is None else next(vectors)) for rest, square in batch]


def _embed(backbone: Backbone, squares: list[UInt8Array]) -> list[Float32Array]:
    """Embed [size, size, 3] or [n, size, size, 3] together → [dimension] or [n, dimension]."""
    several = [square.reshape(-1, *square.shape[-3:]) for square in squares]
    vectors = backbone.embed(np.concatenate(several))
    parts = np.split(vectors, np.cumsum([len(some) for some in several])[:-1])
    forms = ((*square.shape[:-3], -1) for square in squares)
    return [part.reshape(form) for part, form in zip(parts, forms, strict=True)]


def embed_stored(
    backbone: Backbone,
    ids: Sequence[int],
    read: Callable[[Sequence[int]], list[tuple[int, bytes]]],
    progress: OnProgress,
) -> Generator[EmbeddingBatch]:
    """Yield batches of embeddings of stored images, with their ids.

    Args:
        backbone: runs on all cores.
        ids: of the images.
        read: returns images by id; erased ones may be missing.
        progress: called after each batch was taken.

    Raises:
        ImageError: an image is damaged.
        BackboneError: the backbone cannot be run, or returns only zeros.
    """
    if not ids:
        return
    text = f"Embedding with {backbone.name}"
    if len(ids) <= _FEW:
        for pair in read(ids):
            id_, square = _stored(pair, backbone.size)
            yield [(id_, _check_nonzero(backbone, id_, backbone.embed(square[None])[0]))]
        progress(Progress(len(ids), len(ids), text))
        return
    starts = range(0, len(ids), _READ)
    images = itertools.chain.from_iterable(read(ids[at : at + _READ]) for at in starts)

    def prepare(pair: tuple[int, bytes]) -> tuple[int, UInt8Array]:
        return _stored(pair, backbone.size)

    done = 0
    with contextlib.closing(embedded(backbone, images, prepare)) as found:
        while batch := list(itertools.islice(found, _READ)):
            yield [
                (id_, _check_nonzero(backbone, id_, vector))
                for id_, vector in batch
                if vector is not None
            ]
            done += len(batch)
            progress(Progress(done, len(ids), text))


def views_by(
    backbone: Backbone,
    ids: Sequence[int],
    read: Callable[[Sequence[int]], list[tuple[int, bytes]]],
    progress: OnProgress,
) -> Iterator[ViewBatch]:
    """Yield batches of the views of stored images, float16 [8, dimension], with their ids.

    Skips damaged images and those with a view whose embedding is zero. Arguments and BackboneError
    are as in ``embed_stored``.
    """
    starts = range(0, len(ids), _VIEWED)
    images = itertools.chain.from_iterable(read(ids[at : at + _VIEWED]) for at in starts)

    def prepare(pair: tuple[int, bytes]) -> tuple[int, UInt8Array | None]:
        id_, data = pair
        try:
            square = to_square(data, backbone.size)
        except ImageError:
            return id_, None
        return id_, make_views(square, hashlib.sha256(data).hexdigest())

    done = 0
    blocks = embedded_blocks(backbone, images, prepare, _VIEWED, together=1)
    with contextlib.closing(blocks):
        for block in blocks:
            made: ViewBatch = []
            for id_, vectors in block:
                with contextlib.suppress(EmbeddingError):
                    if vectors is not None:
                        made.append((id_, unit_rows(vectors).astype(np.float16)))
            yield made
            done += len(block)
            progress(Progress(done, len(ids), "Making variations of your examples"))


def _stored(pair: tuple[int, bytes], size: int) -> tuple[int, UInt8Array]:
    """Return the id and the square of a stored image. Raises ImageError."""
    id_, data = pair
    try:
        return id_, to_square(data, size)
    except ImageError as error:
        raise ImageError(
            f"The image of example {id_} is damaged. Delete the example to continue."
        ) from error


def _check_nonzero(backbone: Backbone, id_: int, vector: Float32Array) -> Float32Array:
    """Return an embedding unless it is zero. Raises BackboneError."""
    if not vector.any():
        raise BackboneError(
            f"{backbone.name} returns only zeros for example {id_}. "
            "Use another backbone, or delete the example."
        )
    return vector
