"""What runs an ONNX graph: the processor, or something faster that must give the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime as ort

from classify_anything.backbones.backbone import Backbone
from classify_anything.errors import BackboneError
from classify_anything.types import UInt8Array

log = logging.getLogger(__name__)

CPU = "cpu"
AUTO = "auto"

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    CPU: "CPUExecutionProvider",
}
"""ONNX Runtime's name of each, the fastest first."""

_LEAST_SIMILARITY = 0.995
"""Of each embedding to the processor's: half precision stays above it, a mistake does not."""


_SMALLEST = 1e-12


def available() -> list[str]:
    """The providers that the installed ONNX Runtime has, the fastest first."""
    there = ort.get_available_providers()
    return [name for name, theirs in PROVIDERS.items() if theirs in there]


def open_checked(provider: str, open_on: Callable[[str], Backbone]) -> Backbone:
    """Open a backbone on a provider, after a look at whether it gives the processor's embeddings.

    Args:
        provider: one of ``PROVIDERS``, or "auto" for the fastest that can be trusted.
        open_on: opens the backbone on a provider. Raises BackboneError.

    Raises:
        BackboneError: there is no such provider, or it does not start or gives other embeddings;
            with "auto" that is a warning, and the next one is tried.
    """
    if provider == CPU:
        return open_on(CPU)
    if provider == AUTO:
        candidates = [name for name in available() if name != CPU]
        return first_same(candidates, open_on) if candidates else open_on(CPU)
    _check_name(provider)
    reference = open_on(CPU)
    backbone = open_on(provider)
    check_same(backbone, reference)
    return backbone


def first_same(candidates: Sequence[str], open_on: Callable[[str], Backbone]) -> Backbone:
    """The first provider that gives the processor's embeddings, or the processor; see above."""
    reference = open_on(CPU)
    for name in candidates:
        try:
            backbone = open_on(name)
            check_same(backbone, reference)
        except BackboneError as error:
            log.warning("%s The next one is tried.", error)
        else:
            return backbone
    return reference


def _check_name(provider: str) -> None:
    if provider not in PROVIDERS:
        raise BackboneError(
            f"No provider named '{provider}'. There is {', '.join(PROVIDERS)} and {AUTO}."
        )
    if provider not in available():
        raise BackboneError(
            f"This ONNX Runtime cannot run on {provider}; it has {', '.join(available())}. "
            "Another package of it may, such as onnxruntime-gpu."
        )


def check_same(backbone: Backbone, reference: Backbone) -> None:
    """Compare the embeddings of a few pictures. Raises BackboneError where they differ."""
    pictures = _pictures(reference.size)
    found, expected = (one.embed(pictures) for one in (backbone, reference))
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    # A graph that has a backbone's form need not give rows of length 1.
    worst = float(((found * expected).sum(axis=1) / np.maximum(lengths, _SMALLEST)).min())
    if worst < _LEAST_SIMILARITY:
        raise BackboneError(
            f"{backbone.name} gives other embeddings on {backbone.provider} than on the processor "
            f"(similarity {worst:.3f}), so it is not used there."
        )


def _pictures(size: int) -> UInt8Array:
    """uint8 [3, size, size, 3]: colours that run into each other, squares, and noise."""
    y, x = np.mgrid[:size, :size]
    ramp = np.stack([x * 255 // size, y * 255 // size, (x + y) * 127 // size], axis=2)
    squares = np.where(((x // 16 + y // 16) % 2)[:, :, None] == 1, (230, 180, 40), (20, 60, 120))
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3))
    return np.stack([ramp, squares, noise]).astype(np.uint8)
