"""The base class of backbones."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

import numpy as np

from classify_anything.errors import BackboneError
from classify_anything.types import Float32Array, UInt8Array


class Backbone(ABC):
    """Embed uint8 [n, size, size, 3] RGB images as unit vectors, float32 [n, dimension].

    Attributes:
        name: to show.
        fingerprint: embeddings are comparable only if their backbones' fingerprints are equal.
        size: of the images, in pixels.
        dimension: of an embedding.
        provider: the hardware, such as "cpu" or "cuda"; see ``providers.py``.
        opened_as: the argument of ``load_backbone`` to open it again, in any folder; "" if it was
            opened in another way.
        batch: the fastest batch size.
        license: of the weights; "" if unknown.
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
            BackboneError: the input has the wrong shape or type, or the output has the wrong shape
                or is not finite.
        """
        expected = (self.size, self.size, 3)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
            raise BackboneError(
                f"The backbone requires uint8 [n, {self.size}, {self.size}, 3], "
                f"not {images.dtype} {list(images.shape)}."
            )
        parts = [
            self._embed(images[start : start + self.batch])
            for start in range(0, len(images), self.batch)
        ]
        embeddings = np.concatenate(parts) if parts else np.empty((0, self.dimension), np.float32)
        if not np.isfinite(embeddings).all():
            raise BackboneError(f"The backbone {self.name} returned NaN or infinity.")
        return embeddings

    def _embed(self, images: UInt8Array) -> Float32Array:
        """Run, and check the shape of the output."""
        embeddings = self._run(images)
        if embeddings.shape != (len(images), self.dimension):
            raise BackboneError(
                f"The backbone {self.name} returned {list(embeddings.shape)} numbers for "
                f"{len(images)} images, not [{len(images)}, {self.dimension}]."
            )
        return embeddings

    @abstractmethod
    def for_workers(self) -> Backbone:
        """Return the same network for as many concurrent callers as there are cores.

        This is the fastest way to embed many images: no call waits for another's threads.
        """

    def graph(self) -> bytes:
        """Return the network as an ONNX graph, for exports.

        From ``image``, uint8 [n, size, size, 3] RGB, to ``embedding``, float32 [n, dimension].

        Raises:
            BackboneError: it is not an ONNX graph.
        """
        raise BackboneError(
            f"The backbone {self.name} is not an ONNX graph, so it cannot be exported."
        )

    @abstractmethod
    def _run(self, images: UInt8Array) -> Float32Array:
        """Embed at most ``batch`` images of the right shape."""


def fingerprint_of(*parts: bytes) -> str:
    """Hash a network's files, and everything else that changes embeddings."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def one_line(error: Exception) -> str:
    """Return the message of another library's error on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
