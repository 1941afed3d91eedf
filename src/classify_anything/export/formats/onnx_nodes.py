"""Build a part of an ONNX graph, node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper


class Nodes:
    """The nodes and constants of one part of a graph; methods that add one return tensor names.

    Uses only operators that are the same in every opset from 17 on.

    Args:
        part: the prefix of every name, so that parts can be joined.
    """

    def __init__(self, part: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._part = part

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node with one output, by default with a new name."""
        name = f"{self._part}/{kind.lower()}_{len(self.nodes)}"
        output = output or name
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name, **attributes))
        return output

    def constant(self, name: str, value: npt.ArrayLike, kind: npt.DTypeLike = np.float32) -> str:
        """Add a constant, once per name."""
        name = f"{self._part}/{name}"
        if all(known.name != name for known in self.constants):
            array = np.ascontiguousarray(value, kind)
            self.constants.append(numpy_helper.from_array(array.reshape(np.shape(value)), name))
        return name

    def indices(self, *numbers: int) -> str:
        """Add a constant of whole numbers, int64 [numbers]."""
        name = "indices." + ".".join(map(str, numbers))
        return self.constant(name, numbers, np.int64)

    def top(self, x: str, count: int, axis: int = 1) -> tuple[str, str]:
        """Add the ``count`` highest values along an axis, and their indices."""
        name = f"{self._part}/topk_{len(self.nodes)}"
        outputs = [f"{name}.values", f"{name}.places"]
        self.nodes.append(
            helper.make_node("TopK", [x, self.indices(count)], outputs, name, axis=axis)
        )
        return outputs[0], outputs[1]

    def sum(self, x: str, axis: int, *, keep: bool = True) -> str:
        """Add the sum over an axis."""
        return self.node("ReduceSum", x, self.indices(axis), keepdims=int(keep))

    def length(self, x: str, axis: int) -> str:
        """Add the Euclidean length along an axis, keeping the axis."""
        return self.node("Sqrt", self.sum(self.node("Mul", x, x), axis))
