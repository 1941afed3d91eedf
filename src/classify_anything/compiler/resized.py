"""A compiled network for smaller pictures: the same weights, and less to do with each picture.

The authors of MobileNet call this the resolution multiplier (Howard et al. 2017, section 3.4).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from onnx import numpy_helper

from classify_anything.compiler.efficientnet_lite import GRID_POOLING, grid_pooling, save

_REDUCTION = 32
"""How many times smaller than the picture the last feature map is, on each side."""


def resize(source: Path, size: int, name: str, target: Path) -> None:
    """Write an EfficientNet-Lite, as ``compile_efficientnet_lite`` did, for another size.

    Args:
        source: for pictures whose size is a multiple of 32, too.
        size: of a picture's sides in pixels, a multiple of 32: the paddings stay what they were.
        name: of the new backbone.
        target: the file to write.

    Raises:
        ValueError: it is no multiple of 32.
        OSError: the graph cannot be read or written.
    """
    if size % _REDUCTION:
        raise ValueError(f"Pictures of {size} pixels would need other paddings.")
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
