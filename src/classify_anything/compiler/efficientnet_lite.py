"""EfficientNet-Lite0 as one ONNX graph: uint8 image in, unit embedding out.

The network is MobileNetV2's inverted residual (Sandler et al., 2018) scaled as in EfficientNet
(Tan and Le, 2019), without squeeze-and-excite and with ReLU6. Batch normalisation is folded into
the convolutions; the pixel normalisation and the final L2 norm are part of the graph, so that every
caller shares one preprocessing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from classify_anything.compiler.torch_file import read_state_dict
from classify_anything.errors import BackboneError

IMAGE_SIZE = 224
REVISION = 1
"""Raise it when the same weights would give other embeddings; the fingerprint depends on it."""

_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""(blocks, stride of the first block) of each stage; all else is told by the weights' shapes."""

_PIXEL_MEAN, _PIXEL_SCALE = 127.0, 128.0
_BATCH_NORM_EPSILON = 1e-3
_OPSET, _IR_VERSION = 17, 8

Weights = Mapping[str, npt.NDArray[Any]]


def compile_efficientnet_lite0(weights_file: Path, target: Path) -> None:
    """Write the ONNX graph of EfficientNet-Lite0.

    Input ``image``: uint8 [n, 224, 224, 3] RGB. Output ``embedding``: float32 [n, 1280], unit rows.

    Raises:
        BackboneError: the weights are not those of an EfficientNet-Lite0.
    """
    fingerprint = hashlib.sha256(weights_file.read_bytes())
    fingerprint.update(f"efficientnet-lite0 {REVISION}".encode())
    try:
        graph = _Graph(read_state_dict(weights_file))
        graph.network()
    except KeyError as error:
        raise BackboneError(f"{weights_file.name}: has no weight {error}.") from error
    model = graph.model("efficientnet-lite0", fingerprint.hexdigest()[:16])
    onnx.checker.check_model(model, full_check=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString(deterministic=True))
    partial.replace(target)


class _Graph:
    """Grows an ONNX graph node by node; a method that adds one takes and gives tensor names."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._size = IMAGE_SIZE

    def network(self) -> None:
        """From ``image``, uint8 [n, 224, 224, 3], to ``embedding``, float32 [n, 1280]."""
        x = self._pixels("image")
        x = self._conv_bn(x, "_conv_stem", "_bn0", stride=2, relu6=True)
        channels, block = self._channels("_conv_stem"), 0
        for repeats, stage_stride in _STAGES:
            for repeat in range(repeats):
                name, stride = f"_blocks.{block}", stage_stride if repeat == 0 else 1
                y = self._inverted_residual(x, name, stride)
                same_shape = stride == 1 and self._channels(f"{name}._project_conv") == channels
                x = self._node("Add", [x, y]) if same_shape else y
                channels, block = self._channels(f"{name}._project_conv"), block + 1
        x = self._conv_bn(x, "_conv_head", "_bn1", relu6=True)
        x = self._node("Flatten", [self._node("GlobalAveragePool", [x])])
        self._node("LpNormalization", [x], "embedding", axis=1, p=2)

    def model(self, name: str, fingerprint: str) -> onnx.ModelProto:
        """Close the graph with its input, its output and its metadata."""
        image: list[str | int | None] = ["n", IMAGE_SIZE, IMAGE_SIZE, 3]
        embedding: list[str | int | None] = ["n", self._channels("_conv_head")]
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.UINT8, image)],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, embedding)],
            self._constants,
        )
        model = helper.make_model(
            graph,
            producer_name="classify-anything",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        helper.set_model_props(model, {"name": name, "fingerprint": fingerprint})
        return model

    def _pixels(self, image: str) -> str:
        """uint8 NHWC → float NCHW, (x - 127) / 128."""
        planes = self._node("Transpose", [image], perm=[0, 3, 1, 2])
        x = self._node("Cast", [planes], to=TensorProto.FLOAT)
        x = self._node("Sub", [x, self._constant("pixel_mean", np.float32(_PIXEL_MEAN))])
        return self._node("Div", [x, self._constant("pixel_scale", np.float32(_PIXEL_SCALE))])

    def _inverted_residual(self, x: str, name: str, stride: int) -> str:
        """Expand, depthwise, project; the first block has nothing to expand."""
        if f"{name}._expand_conv.weight" in self._weights:
            x = self._conv_bn(x, f"{name}._expand_conv", f"{name}._bn0", relu6=True)
        x = self._conv_bn(x, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, relu6=True)
        return self._conv_bn(x, f"{name}._project_conv", f"{name}._bn2")

    def _conv_bn(
        self, x: str, conv: str, norm: str, *, stride: int = 1, relu6: bool = False
    ) -> str:
        """A convolution with TensorFlow's SAME padding and its batch norm folded in."""
        kernel = self._weights[f"{conv}.weight"].astype(np.float64)
        gamma, beta, mean, variance = (
            self._weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + _BATCH_NORM_EPSILON)
        weight = self._constant(f"{conv}.weight", kernel * scale[:, None, None, None])
        bias = self._constant(f"{conv}.bias", beta - mean * scale)
        before, after, self._size = same_padding(self._size, kernel.shape[2], stride)
        x = self._node(
            "Conv",
            [x, weight, bias],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=kernel.shape[0] if kernel.shape[1] == 1 else 1,
        )
        if not relu6:
            return x
        zero = self._constant("zero", np.float32(0))
        six = self._constant("six", np.float32(6))
        return self._node("Clip", [x, zero, six])

    def _channels(self, conv: str) -> int:
        return int(self._weights[f"{conv}.weight"].shape[0])

    def _node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def _constant(self, name: str, value: npt.ArrayLike) -> str:
        if all(known.name != name for known in self._constants):
            self._constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """TensorFlow's SAME: (before, after, size out); the odd pixel goes after."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, out
