"""Choose the hardware for an ONNX graph, and verify that its results equal those of the CPU."""

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
"""ONNX Runtime's names, fastest first."""

_MIN_SIMILARITY = 0.995
"""The least similarity of an embedding to the CPU's; half precision exceeds it, errors do not."""

_SMALLEST = 1e-12


def available() -> list[str]:
    """Return the providers of the installed ONNX Runtime, fastest first."""
    installed = ort.get_available_providers()
    return [name for name, provider in PROVIDERS.items() if provider in installed]


def open_checked(provider: str, open_on: Callable[[str], Backbone]) -> Backbone:
    """Open a backbone on a provider, after comparing its embeddings with the CPU's.

    Args:
        provider: one of ``PROVIDERS``, or "auto" for the fastest with the same embeddings.
        open_on: opens the backbone on a provider. Raises BackboneError.

    Raises:
        BackboneError: the provider is unknown, does not start, or returns other embeddings. With
            "auto", logs a warning and tries the next one.
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
    """Open a backbone on the first provider with the CPU's embeddings, or on the CPU."""
    reference = open_on(CPU)
    for name in candidates:
        try:
            backbone = open_on(name)
            check_same(backbone, reference)
        except BackboneError as error:
            log.warning("%s Trying the next one.", error)
        else:
            return backbone
    return reference


def _check_name(provider: str) -> None:
    if provider not in PROVIDERS:
        raise BackboneError(
            f"Unknown provider '{provider}'. Choose {', '.join(PROVIDERS)} or {AUTO}."
        )
    if provider not in available():
        raise BackboneError(
            f"This ONNX Runtime does not support {provider}; it supports {', '.join(available())}. "
            "Install another package of it, such as onnxruntime-gpu."
        )


def check_same(backbone: Backbone, reference: Backbone) -> None:
    """Compare the embeddings of a few pictures. Raises BackboneError if they differ."""
    pictures = _pictures(reference.size)
    found, expected = (one.embed(pictures) for one in (backbone, reference))
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    # A graph that needs no adaptation may return rows of any length.
    worst = float(((found * expected).sum(axis=1) / np.maximum(lengths, _SMALLEST)).min())
    if worst < _MIN_SIMILARITY:
        raise BackboneError(
            f"{backbone.name} returns other embeddings on {backbone.provider} than on the CPU "
            f"(similarity {worst:.3f}), so it cannot be used there."
        )


def _pictures(size: int) -> UInt8Array:
    """Return uint8 [3, size, size, 3]: a gradient, squares, and noise."""
    y, x = np.mgrid[:size, :size]
    ramp = np.stack([x * 255 // size, y * 255 // size, (x + y) * 127 // size], axis=2)
    squares = np.where(((x // 16 + y // 16) % 2)[:, :, None] == 1, (230, 180, 40), (20, 60, 120))
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3))
    return np.stack([ramp, squares, noise]).astype(np.uint8)
