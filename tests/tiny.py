"""A real backbone that is tiny: the mean colour of each square of a grid, as a unit vector."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

SIZE, GRID = 32, 4
DIMENSION = 3 * GRID * GRID


def write_backbone(
    path: Path, name: str = "tiny", *, grid: int = GRID, broken: bool = False
) -> Path:
    """Write uint8 [n, 32, 32, 3] → float32 [n, 3 · grid²] as an ONNX graph.

    Its numbers are not finite if it is to be broken.
    """
    cell, dimension = SIZE // grid, 3 * grid * grid
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
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dimension])],
        constants,
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    helper.set_model_props(model, {"name": name})
    onnx.save(model, path)
    return path
