"""A real backbone that is tiny: the mean colour of each square of a grid, as a unit vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, GRID = 32, 4
DIMENSION = 3 * GRID * GRID


def write_backbone(
    path: Path,
    name: str = "tiny",
    *,
    grid: int = GRID,
    size: int = SIZE,
    broken: bool = False,
    negative: bool = False,
    slow: bool = False,
) -> Path:
    """Write uint8 [n, size, size, 3] → float32 [n, 3 · grid²] as an ONNX graph.

    Its numbers are not finite if it is to be broken. A negative one sees the opposite colours; its
    embeddings are as long, and not to be taken for the others'. A slow one also computes large
    convolutions, of which nothing comes.
    """
    cell, dimension = size // grid, 3 * grid * grid
    constants = [
        helper.make_tensor("flat", TensorProto.INT64, [2], [0, dimension]),
        helper.make_tensor("one", TensorProto.FLOAT, [], [float("nan") if broken else 1.0]),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["float", "one"], ["positive"]),
        helper.make_node("Transpose", ["positive"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Reshape", ["cells", "flat"], ["features"]),
        helper.make_node("LpNormalization", ["features"], ["embedding"], axis=1, p=2),
    ]
    if negative:
        nodes[1].input[0] = "opposite"
        nodes.insert(1, helper.make_node("Sub", ["white", "float"], ["opposite"]))
        constants.append(helper.make_tensor("white", TensorProto.FLOAT, [], [255.0]))
    if slow:
        nodes[1].output[0] = "before"
        nodes.insert(2, helper.make_node("Add", ["before", "nothing"], ["positive"]))
        nodes[2:2] = [
            helper.make_node("Transpose", ["float"], ["c0"], perm=[0, 3, 1, 2]),
            *(helper.make_node("Conv", [f"c{n}", f"w{n}"], [f"c{n + 1}"]) for n in range(4)),
            helper.make_node("ReduceMax", ["c4"], ["nothing"], axes=[1, 2, 3]),
        ]
        widths = [3, 128, 128, 128, 128]
        constants += [
            numpy_helper.from_array(np.zeros((widths[n + 1], widths[n], 3, 3), np.float32), f"w{n}")
            for n in range(4)
        ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", size, size, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dimension])],
        constants,
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    helper.set_model_props(model, {"name": name})
    onnx.save(model, path)
    return path
