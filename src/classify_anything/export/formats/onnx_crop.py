"""Crop and scale images inside an ONNX graph, with the same results as ``images.py``."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from classify_anything.export.formats.onnx_nodes import Nodes


def square_nodes(image: str, square: str, size: int) -> Nodes:
    """Return nodes that crop the centre square and scale it bilinearly.

    ONNX's Resize differs slightly from Pillow's, and between runtimes. Here, each pass is a product
    with a matrix [size, side] of pixel weights.

    Args:
        image: the name of the input, uint8 [n, height, width, 3].
        square: the name for the output, uint8 [n, size, size, 3].
        size: in pixels.
    """
    nodes = Nodes("square")
    shape = nodes.node("Shape", image, start=1, end=3)  # [height, width]
    side = nodes.node("ReduceMin", shape, keepdims=1)
    start = nodes.node("Div", nodes.node("Sub", shape, side), nodes.indices(2))
    stop = nodes.node("Add", start, side)
    cut = nodes.node("Slice", image, start, stop, nodes.indices(1, 2))
    planes = nodes.node("Transpose", cut, perm=[0, 3, 1, 2])
    pixels = nodes.node("Cast", planes, to=TensorProto.FLOAT)
    weights = _weights(nodes, side, size)
    across = nodes.node("MatMul", pixels, nodes.node("Transpose", weights, perm=[1, 0]))
    down = nodes.node("MatMul", weights, _rounded(nodes, across))
    small = nodes.node("Cast", _rounded(nodes, down), to=TensorProto.UINT8)
    nodes.node("Transpose", small, output=square, perm=[0, 2, 3, 1])
    return nodes


def _weights(nodes: Nodes, side: str, size: int) -> str:
    """Return the weight of each of ``side`` pixels in each of ``size``: float32 [size, side].

    A triangle around each new pixel's centre, as wide as two of the larger pixels.
    """
    one, half = nodes.constant("one", 1), nodes.constant("half", 0.5)
    wide = nodes.node("Cast", side, to=TensorProto.FLOAT)
    scale = nodes.node("Div", wide, nodes.constant("size", size))
    middles = nodes.constant("middles", np.arange(size)[:, None] + 0.5)
    centres = nodes.node("Mul", middles, scale)
    length = nodes.node("Squeeze", side, nodes.indices(0))
    first, step = (nodes.constant(f"whole.{n}", n, np.int64) for n in (0, 1))
    places = nodes.node("Cast", nodes.node("Range", first, length, step), to=TensorProto.FLOAT)
    places = nodes.node("Add", places, half)
    distances = nodes.node("Abs", nodes.node("Sub", places, centres))
    reach = nodes.node("Div", distances, nodes.node("Max", scale, one))
    weights = nodes.node("Relu", nodes.node("Sub", one, reach))
    return nodes.node("Div", weights, nodes.sum(weights, 1))


def _rounded(nodes: Nodes, x: str) -> str:
    """Round numbers from 0 to 255."""
    return nodes.node("Floor", nodes.node("Add", x, nodes.constant("half", 0.5)))
