"""Change the input size of a compiled network, for less work per image.

MobileNet calls this the resolution multiplier (Howard et al. 2017, section 3.4).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from onnx import numpy_helper

from classify_anything.compiler.efficientnet_lite import GRID_POOLING, grid_pooling, save

_REDUCTION = 32
"""The ratio of the sides of the image and the last feature map."""


def resize(source: Path, size: int, name: str, target: Path) -> None:
    """Write a graph of ``compile_efficientnet_lite`` for another image size.

    Args:
        source: the graph; its size is also a multiple of 32.
        size: of an image's sides in pixels, a multiple of 32, so that the padding stays the same.
        name: of the new backbone.
        target: the file to write.

    Raises:
        ValueError: ``size`` is not a multiple of 32.
        OSError: the graph cannot be read or written.
    """
    if size % _REDUCTION:
        raise ValueError(f"Image size must be a multiple of {_REDUCTION}, not {size}.")
    model = onnx.load(source)
    _, height, width, _ = model.graph.input[0].type.tensor_type.shape.dim
    height.dim_value = width.dim_value = size
    pooling = grid_pooling(size // _REDUCTION)
    for constant in model.graph.initializer:
        if constant.name == GRID_POOLING:
            constant.CopyFrom(numpy_helper.from_array(pooling, GRID_POOLING))
    model.graph.name = name
    before = {entry.key: entry.value for entry in model.metadata_props}["fingerprint"]
    fingerprint = hashlib.sha256(f"{before} {size}".encode()).hexdigest()[:16]
    onnx.helper.set_model_props(model, {"name": name, "fingerprint": fingerprint})
    save(model, target)
