"""ONNX graphs as other programs write them: the mean colour of each square of a grid, again.

They are real and tiny, and differ in what other programs' graphs differ in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.tiny import GRID, SIZE

CELL = SIZE // GRID
CLASSES = 5
_TYPES = {
    "uint8": TensorProto.UINT8,
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "int32": TensorProto.INT32,
}


def write_network(
    path: Path,
    kind: str = "float32",
    layout: str = "NCHW",
    *,
    dims: Sequence[int | str] = ("batch", SIZE, SIZE),
    end: str = "rows",
    classifier: str = "",
    classes: int = CLASSES,
    opset: int = 17,
    names: tuple[str, str] = ("pixel_values", "features"),
    extra: bool = False,
) -> Path:
    """Write a graph, and give its path.

    Args:
        dims: of the input: batch, height, width.
        end: "rows" [n, 48], "map" [n, 3, 4, 4] or "tokens" [n, 16, 3]; "two" has the last two.
        classifier: "" for none, or what its last layer is: "Gemm", "MatMul" or "Conv"; with five
            classes a "Softmax" follows.
        names: of the input, and of the output.
        extra: a second input, that shifts.
    """
    image, output = names
    batch, height, width = dims
    whole = [batch, 3, height, width] if layout == "NCHW" else [batch, height, width, 3]
    inputs = [helper.make_tensor_value_info(image, _TYPES[kind], whole)]
    nodes = [helper.make_node("Cast", [image], ["float"], to=TensorProto.FLOAT)]
    constants = [numpy_helper.from_array(np.array(0.0, np.float32), "shift")]
    if extra:
        inputs.append(helper.make_tensor_value_info("shift", TensorProto.FLOAT, []))
        constants = []
    nodes.append(helper.make_node("Add", ["float", "shift"], ["shifted"]))
    planes = "shifted"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", ["shifted"], ["planes"], perm=[0, 3, 1, 2]))
        planes = "planes"
    squares = {"kernel_shape": [CELL, CELL], "strides": [CELL, CELL]}
    ends = {"rows": "rows", "map": "cells", "tokens": "tokens", "two": "rows"}
    shapes = {"rows": [batch, 48], "map": [batch, 3, GRID, GRID], "tokens": [batch, 16, 3]}
    constants.append(numpy_helper.from_array(np.array([0, 3, 16]), "shape"))
    nodes += [
        helper.make_node("AveragePool", [planes], ["cells"], **squares),
        helper.make_node("Flatten", ["cells"], ["rows"]),
        helper.make_node("Reshape", ["cells", "shape"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["tokens"], perm=[0, 2, 1]),
    ]
    last, form = ends[end], shapes.get(end, [batch, 48])
    if classifier:
        last, form = "scores", [batch, classes]
        more, weights = _classifier(classifier, classes)
        nodes += more
        constants += weights
    nodes.append(helper.make_node("Identity", [last], [output]))
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, form)]
    if end == "two":
        nodes.append(helper.make_node("Neg", ["rows"], ["other"]))
        outputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [batch, 48]))
    graph = helper.make_graph(nodes, "network", inputs, outputs, constants)
    ids = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=ids), path)
    return path


def _classifier(last: str, classes: int) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """From ``rows`` to ``scores``: one layer, and its softmax."""
    weights = np.random.default_rng(0).random((48, classes), np.float32)
    bias = np.zeros(classes, np.float32)
    constants = [numpy_helper.from_array(bias, "bias")]
    match last:
        case "Gemm":
            nodes = [helper.make_node("Gemm", ["rows", "weights", "bias"], ["logits"])]
        case "MatMul":
            nodes = [
                helper.make_node("MatMul", ["rows", "weights"], ["product"]),
                helper.make_node("Add", ["product", "bias"], ["logits"]),
            ]
        case _:
            weights = weights.T.reshape(classes, 48, 1, 1)
            constants.append(numpy_helper.from_array(np.array([0, 48, 1, 1]), "places"))
            nodes = [
                helper.make_node("Reshape", ["rows", "places"], ["place"]),
                helper.make_node("Conv", ["place", "weights", "bias"], ["map"]),
                helper.make_node("Flatten", ["map"], ["logits"]),
            ]
    constants.append(numpy_helper.from_array(weights, "weights"))
    kind = "Softmax" if classes == CLASSES else "Identity"
    return [*nodes, helper.make_node(kind, ["logits"], ["scores"])], constants


def cells(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """uint8 [n, 32, 32, 3] → the mean colours [n, 4, 4, 3], computed apart."""
    return images.reshape(-1, GRID, CELL, GRID, CELL, 3).mean(axis=(2, 4))


def unit(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[n, …] → unit rows [n, d]."""
    flat = rows.reshape(len(rows), -1)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def pictures(count: int = 3) -> npt.NDArray[np.uint8]:
    """uint8 [count, 32, 32, 3] that look different."""
    size = (count, SIZE, SIZE, 3)
    return np.random.default_rng(1).integers(0, 256, size).astype(np.uint8) // 2 + 40
