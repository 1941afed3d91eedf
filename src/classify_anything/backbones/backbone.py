"""What every backbone can do, whichever library runs it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

import numpy as np

from classify_anything.errors import BackboneError
from classify_anything.types import Float32Array, UInt8Array


class Backbone(ABC):
    """Turns uint8 [n, size, size, 3] RGB images into float32 [n, dimension] unit embeddings.

    Attributes:
        name: for people.
        fingerprint: embeddings can be compared only if their backbones' fingerprints are equal.
        size: of the images, in pixels.
        dimension: of an embedding.
        provider: what runs it, such as "cpu" or "cuda"; see ``providers.py``.
        opened_as: what ``load_backbone`` takes to open it again, in any folder; "" where it was
            opened in another way.
        batch: how many images at once are fastest.
        license: of the weights; "" where nobody has told it.
    """

    name: str
    fingerprint: str
    size: int
    dimension: int
    provider: str
    opened_as: str = ""
    batch: int
    license: str = ""

    def embed(self, images: UInt8Array) -> Float32Array:
        """Embed uint8 [n, size, size, 3] RGB → float32 [n, dimension].

        Raises:
            BackboneError: the shape or type is wrong, or what it gives is of another shape or not
                finite.
        """
        expected = (self.size, self.size, 3)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
            raise BackboneError(
                f"The backbone takes uint8 [n, {self.size}, {self.size}, 3], "
                f"not {images.dtype} {list(images.shape)}."
            )
        parts = [
            self._embed(images[start : start + self.batch])
            for start in range(0, len(images), self.batch)
        ]
        embeddings = np.concatenate(parts) if parts else np.empty((0, self.dimension), np.float32)
        if not np.isfinite(embeddings).all():
            raise BackboneError(f"The backbone {self.name} gave numbers that are not finite.")
        return embeddings

    def _embed(self, images: UInt8Array) -> Float32Array:
        """As ``_run``, where that gives what it should."""
        embeddings = self._run(images)
        if embeddings.shape != (len(images), self.dimension):
            raise BackboneError(
                f"The backbone {self.name} gave {list(embeddings.shape)} numbers for "
                f"{len(images)} pictures, not [{len(images)}, {self.dimension}]."
            )
        return embeddings

    @abstractmethod
    def for_workers(self) -> Backbone:
        """The same network, for as many callers at once as there are cores.

        That is the fastest way through many images: no call waits for another's threads.
        """

    def graph(self) -> bytes:
        """The network as an ONNX graph, for exports.

        It takes ``image``, uint8 [n, size, size, 3] RGB, and gives ``embedding``, float32
        [n, dimension].

        Raises:
            BackboneError: it is no ONNX graph.
        """
        raise BackboneError(f"The backbone {self.name} is no ONNX graph, so it cannot be exported.")

    @abstractmethod
    def _run(self, images: UInt8Array) -> Float32Array:
        """Embed at most ``batch`` images, of the right form."""


def fingerprint_of(*parts: bytes) -> str:
    """The beginning of the sha256 of a network's files, and of what else changes embeddings."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def one_line(error: Exception) -> str:
    """What an error of another library says, for a message of ours."""
    return " ".join(str(error).split())[:200] or type(error).__name__
