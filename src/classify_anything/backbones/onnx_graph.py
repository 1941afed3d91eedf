"""Find the image input and the embedding of an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx
from onnx import TensorProto

from classify_anything.backbones.model_spec import IMAGENET_CLASSES, MAX_SIZE, ModelSpec
from classify_anything.errors import BackboneError

_TYPES = {TensorProto.UINT8: "uint8", TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16"}

_AFTER_SCORES = ("Softmax", "LogSoftmax", "Sigmoid")
_ALONG = (
    *("Identity", "Flatten", "Reshape", "Squeeze", "Cast", "QuantizeLinear", "DequantizeLinear"),
    *_AFTER_SCORES,
)
"""Operators between a classifier's last layer and its output."""

_CHANNELS_SECOND = (
    *("Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "BatchNormalization"),
    *("InstanceNormalization", "LRN", "AveragePool", "MaxPool", "LpPool"),
    *("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "DepthToSpace", "SpaceToDepth"),
)
"""Operators that ONNX defines only on [n, channels, height, width]."""

Shape = list[int | str]
"""Dynamic dimensions are texts."""


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The input for the image.

    Attributes:
        name: of the input.
        type: "uint8", "float32" or "float16".
        layout: "NCHW" or "NHWC".
        size: of the image; None if dynamic.
        batch: the batch size; None if dynamic.
    """

    name: str
    type: str
    layout: str
    size: int | None
    batch: int | None


@dataclass(frozen=True, slots=True)
class Features:
    """The tensor to make embeddings from.

    Attributes:
        name: of the tensor.
        rank: its number of dimensions.
        channels_last: whether a map's channels are its last dimension, not its second.
    """

    name: str
    rank: int
    channels_last: bool


class OnnxGraph:
    """A read-only view of a graph.

    Args:
        model: with inferred shapes, where possible.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._initializers = {item.name for item in self._graph.initializer}
        self._constants = {"", *self._initializers}
        for node in self._graph.node:
            if self._constants.issuperset(node.input):
                self._constants.update(node.output)
        self._producers: dict[str, onnx.NodeProto] = {
            name: node for node in self._graph.node for name in node.output
        }
        infos = (*self._graph.value_info, *self._graph.input, *self._graph.output)
        self._shapes = {info.name: _shape(info) for info in infos}

    def image_input(self, form: ModelSpec) -> ImageInput:
        """Return the input for the image. Raises BackboneError."""
        inputs = [info for info in self._graph.input if info.name not in self._initializers]
        if form.input is not None and form.input not in [info.name for info in inputs]:
            raise BackboneError(f"unknown input '{form.input}'. Choose {self._describe(inputs)}.")
        if len(inputs) != 1:
            raise BackboneError(
                f"takes {len(inputs)} inputs ({self._describe(inputs)}), not an image."
            )
        (info,) = inputs
        kind, shape = info.type.tensor_type.elem_type, self._shapes[info.name]
        layout = _layout(shape, form.layout)
        if shape is None or layout is None or kind not in _TYPES:
            raise BackboneError(
                f"has no image input, but {self._describe(inputs)}. An image input is uint8, "
                "float16 or float32, [n, 3, height, width] or [n, height, width, 3]."
            )
        height, width = (shape[2], shape[3]) if layout == "NCHW" else (shape[1], shape[2])
        sizes = {one for one in (height, width, form.size) if isinstance(one, int)}
        if max(sizes, default=0) > MAX_SIZE:
            raise BackboneError(f"its images of {height}×{width} exceed the limit of {MAX_SIZE}.")
        if len(sizes) > 1:
            wanted = f", not {form.size}" if height == width else "; only squares are supported"
            raise BackboneError(f"takes images of {height}×{width}{wanted}.")
        batch = shape[0] if isinstance(shape[0], int) else None
        if batch not in (None, 1):
            raise BackboneError(f"requires batches of {batch}; only 1 or any size is supported.")
        return ImageInput(info.name, _TYPES[kind], layout, next(iter(sizes), None), batch)

    def features(self, wanted: str | int | None, image: ImageInput) -> Features:
        """Return the wanted tensor, or else the output, or the input of a classifier's last layer.

        Raises:
            BackboneError: the tensor is unknown, or the output is ambiguous.
        """
        if wanted is None:
            name = self._before_classifier(self._output())
        elif isinstance(wanted, str) and wanted in self._producers:
            name = wanted
        else:
            names = ", ".join(output.name for output in self._graph.output)
            raise BackboneError(f"unknown tensor '{wanted}'. Outputs: {names}.")
        shape = self._shapes.get(name)
        if shape is None:
            raise BackboneError(f"the number of dimensions of '{name}' is unknown.")
        if len(shape) not in (2, 3, 4):
            raise BackboneError(f"'{name}' has {len(shape)} dimensions, not 2, 3 or 4.")
        return Features(name, len(shape), self._channel_axis(name, image) == 3)

    def _channel_axis(self, name: str, image: ImageInput) -> int:
        """Return the channel axis of a map, from the last spatial operator or the input."""
        turns: list[list[int]] = []
        while name in self._producers:
            node = self._producers[name]
            data = [one for one in node.input if one not in self._constants]
            if node.op_type in _CHANNELS_SECOND or not data:
                axis = 1
                break
            if node.op_type == "Transpose":
                turns += [list(one.ints) for one in node.attribute if one.name == "perm"]
            name = data[0]
        else:
            axis = 1 if image.layout == "NCHW" else 3
        for turn in reversed(turns):
            axis = turn.index(axis) if axis in turn else axis
        return axis

    def _output(self) -> str:
        outputs: list[str] = [output.name for output in self._graph.output]
        rows = [name for name in outputs if len(self._shapes[name] or ()) == 2]
        for candidates in (rows, outputs):
            if len(candidates) == 1:
                return candidates[0]
        raise BackboneError(
            f"has {len(outputs)} outputs ({', '.join(outputs)}); "
            "set `output` in a .toml beside it to one of them."
        )

    def _before_classifier(self, output: str) -> str:
        """Return the input of a classifier's last layer; for any other network, its output."""
        shape, name, scores = self._shapes.get(output), output, False
        node: onnx.NodeProto | None = None
        data: list[str] = []
        for _ in self._graph.node:
            node = self._producers.get(name)
            data = [one for one in node.input if one not in self._constants] if node else []
            if node is None or len(data) != 1 or node.op_type not in (*_ALONG, "Add"):
                break
            scores = scores or node.op_type in _AFTER_SCORES
            name = data[0]
        is_classifier = scores or (shape is not None and shape[-1] in IMAGENET_CLASSES)
        if is_classifier and node is not None and len(data) == 1 and self._is_dense(node, data[0]):
            return data[0]
        return output

    def _is_dense(self, node: onnx.NodeProto, data: str) -> bool:
        if node.op_type == "Conv":
            shape = self._shapes.get(data)
            return shape is not None and shape[2:] == [1, 1]
        return node.op_type in ("Gemm", "MatMul")

    def _describe(self, infos: list[Any]) -> str:
        """Format inputs for an error message."""
        parts = []
        for info in infos:
            kind = TensorProto.DataType.Name(info.type.tensor_type.elem_type).lower()
            shape = ", ".join(map(str, self._shapes[info.name] or ()))
            parts.append(f"'{info.name}' {kind} [{shape}]")
        return "; ".join(parts) or "none"


def _shape(info: onnx.ValueInfoProto) -> Shape | None:
    if not info.type.tensor_type.HasField("shape"):
        return None
    dims = info.type.tensor_type.shape.dim
    # Some exporters write 0 or -1 for dynamic dimensions.
    return [
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else dim.dim_param or "?"
        for dim in dims
    ]


def _layout(shape: Shape | None, wanted: str | None) -> str | None:
    """Return the layout by the position of the three channels; None without them."""
    if shape is None or len(shape) != 4:
        return None
    places = {"NCHW": shape[1], "NHWC": shape[3]}
    if wanted is not None:
        return wanted if places[wanted] == 3 or isinstance(places[wanted], str) else None
    found = [layout for layout, channels in places.items() if channels == 3]
    if not found and all(isinstance(one, str) for one in shape):
        return "NCHW"
    return found[0] if len(found) == 1 else None
