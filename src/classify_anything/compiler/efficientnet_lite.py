"""EfficientNet-Lite as one ONNX graph: uint8 image in, unit embeddings out.

The network is MobileNetV2's inverted residual (Sandler et al., 2018) scaled as in EfficientNet
(Tan and Le, 2019), without squeeze-and-excite and with ReLU6. Batch normalisation is folded into
the convolutions; the pixel normalisation and the final L2 norm are part of the graph, so that all
callers share the preprocessing.

The last feature map, [1280, 7, 7] in the smallest, is pooled in three ways, each an output of the
graph; only requested outputs are computed. docs/how-it-works.md compares them.

``mean``       [1280], the mean over the map, as in the network's own classifier
``grid``       [5120], the square roots of the means over a 2×2 grid of slightly overlapping cells
``embedding``  [1280], the same grid, folded: the sum over the cells plus the differences left to
               right, top to bottom and across, each shuffled and with random signs, so that they
               are almost orthogonal and can be separated (Plate, "Holographic reduced
               representations", 1995)
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from classify_anything.compiler.torch_file import read_state_dict
from classify_anything.errors import BackboneError

REVISION = 2
"""Increment it when the same weights yield other embeddings; the fingerprint depends on it."""

_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""(blocks, stride of the first block) of each stage; the weights' shapes imply the rest."""

_HAAR = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
"""Maps the cells (top left, top right, bottom left, bottom right) to sum and differences."""

_PIXEL_MEAN, _PIXEL_SCALE = 127, 128
_BATCH_NORM_EPSILON = 1e-3
_OPSET, _IR_VERSION = 17, 8

GRID_POOLING = "grid.pooling"
"""The name of the only constant that depends on the image size; see ``grid_pooling``."""

Weights = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Variant:
    """One size of the network.

    Attributes:
        name: of the backbone.
        image_size: in pixels.
        depth: multiplier for the blocks of each stage of Lite0, except the first and the last.
    """

    name: str
    image_size: int
    depth: float

    @property
    def stages(self) -> list[tuple[int, int]]:
        """(blocks, stride of the first block) of each stage."""
        last = len(_STAGES) - 1
        return [
            (blocks if place in (0, last) else math.ceil(self.depth * blocks), stride)
            for place, (blocks, stride) in enumerate(_STAGES)
        ]


LITE0 = Variant("efficientnet-lite0", 224, 1.0)
LITE1 = Variant("efficientnet-lite1", 240, 1.1)
LITE2 = Variant("efficientnet-lite2", 260, 1.2)
VARIANTS = {variant.name: variant for variant in (LITE0, LITE1, LITE2)}


def compile_efficientnet_lite0(weights_file: Path, target: Path) -> None:
    """Write the graph of the default backbone. See ``compile_efficientnet_lite``."""
    compile_efficientnet_lite(LITE0, weights_file, target)


def compile_efficientnet_lite(variant: Variant, weights_file: Path, target: Path) -> None:
    """Write the ONNX graph of an EfficientNet-Lite.

    Input ``image``: uint8 [n, size, size, 3] RGB. Outputs ``embedding`` and ``mean``: float32
    [n, 1280], ``grid``: float32 [n, 5120], all unit rows.

    Raises:
        BackboneError: the weights belong to another network.
        OSError: the graph cannot be written.
    """
    fingerprint = hashlib.sha256(weights_file.read_bytes())
    fingerprint.update(f"{variant.name} {REVISION}".encode())
    try:
        graph = _Graph(read_state_dict(weights_file), variant)
        graph.network()
    except KeyError as error:
        raise BackboneError(f"{weights_file.name}: has no weight {error}.") from error
    save(graph.model(fingerprint.hexdigest()[:16]), target)


def save(model: onnx.ModelProto, target: Path) -> None:
    """Check a graph, and write it atomically. Raises OSError."""
    onnx.checker.check_model(model, full_check=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        made.write_bytes(model.SerializeToString(deterministic=True))
        made.replace(target)


class _Graph:
    """Build an ONNX graph node by node; methods that add one take and return tensor names."""

    def __init__(self, weights: Weights, variant: Variant) -> None:
        self._weights = weights
        self._variant = variant
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._size = variant.image_size

    def network(self) -> None:
        """Add the nodes from ``image``, uint8 [n, size, size, 3], to the three embeddings."""
        x = self._pixels("image")
        x = self._conv_bn(x, "_conv_stem", "_bn0", stride=2, relu6=True)
        channels, block = self._channels("_conv_stem"), 0
        for repeats, stage_stride in self._variant.stages:
            for repeat in range(repeats):
                name, stride = f"_blocks.{block}", stage_stride if repeat == 0 else 1
                y = self._inverted_residual(x, name, stride)
                same_shape = stride == 1 and self._channels(f"{name}._project_conv") == channels
                x = self._node("Add", [x, y]) if same_shape else y
                channels, block = self._channels(f"{name}._project_conv"), block + 1
        x = self._conv_bn(x, "_conv_head", "_bn1", relu6=True)
        mean = self._node("Flatten", [self._node("GlobalAveragePool", [x])])
        self._unit(mean, "mean")
        self._pool_on_grid(x)

    def model(self, fingerprint: str) -> onnx.ModelProto:
        """Return the model, with inputs, outputs and metadata."""
        name, size = self._variant.name, self._variant.image_size
        image: list[str | int | None] = ["n", size, size, 3]
        channels = self._channels("_conv_head")
        dimensions = {"embedding": channels, "mean": channels, "grid": 4 * channels}
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.UINT8, image)],
            [
                helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", dimension])
                for output, dimension in dimensions.items()
            ],
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

    def _pool_on_grid(self, x: str) -> None:
        """Add the outputs ``grid`` and ``embedding`` of a feature map [n, channels, size, size]."""
        channels = self._channels("_conv_head")
        pooling = self._constant(GRID_POOLING, grid_pooling(self._size))
        cells = self._node("MatMul", [self._reshape(x, [0, channels, -1]), pooling])
        cells = self._node("Sqrt", [cells])
        self._unit(
            self._node("Flatten", [self._node("Transpose", [cells], perm=[0, 2, 1])]), "grid"
        )
        haar = self._node("MatMul", [cells, self._constant("grid.haar", _HAAR.T)])
        places, signs = _folding(channels)
        indices = self._constant("fold.places", places, np.int64)
        flat = self._node("Gather", [self._reshape(haar, [0, -1]), indices], axis=1)
        parts = self._node("Mul", [flat, self._constant("fold.signs", signs)])
        axes = self._constant("fold.axis", [1], np.int64)
        stacked = self._reshape(parts, [0, len(_HAAR), channels])
        self._unit(self._node("ReduceSum", [stacked, axes], keepdims=0), "embedding")

    def _unit(self, x: str, output: str) -> None:
        self._node("LpNormalization", [x], output, axis=1, p=2)

    def _reshape(self, x: str, shape: list[int]) -> str:
        name = "shape." + ".".join(map(str, shape))
        return self._node("Reshape", [x, self._constant(name, shape, np.int64)])

    def _pixels(self, image: str) -> str:
        """Convert uint8 NHWC to float NCHW, (x - 127) / 128.

        As a dequantisation, this is one node, and none in int8, where the first layer takes the
        pixels unchanged.
        """
        planes = self._node("Transpose", [image], perm=[0, 3, 1, 2])
        scale = self._constant("pixel_scale", np.float32(1 / _PIXEL_SCALE))
        mean = self._constant("pixel_mean", _PIXEL_MEAN, np.uint8)
        return self._node("DequantizeLinear", [planes, scale, mean])

    def _inverted_residual(self, x: str, name: str, stride: int) -> str:
        """Expand (except in the first block), depthwise, project."""
        if f"{name}._expand_conv.weight" in self._weights:
            x = self._conv_bn(x, f"{name}._expand_conv", f"{name}._bn0", relu6=True)
        x = self._conv_bn(x, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, relu6=True)
        return self._conv_bn(x, f"{name}._project_conv", f"{name}._bn2")

    def _conv_bn(
        self, x: str, conv: str, norm: str, *, stride: int = 1, relu6: bool = False
    ) -> str:
        """Add a convolution with TensorFlow's SAME padding and its batch norm folded in."""
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

    def _constant(self, name: str, value: npt.ArrayLike, kind: npt.DTypeLike = np.float32) -> str:
        if all(known.name != name for known in self._constants):
            self._constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name


def grid_pooling(size: int) -> npt.NDArray[np.float32]:
    """Return the weight of each place of the map in the mean of each cell, [size², 4].

    A cell spans half the rows and columns, including the middle one of an odd number.
    """
    pooling = np.zeros((4, size, size), np.float32)
    halves = ((0, -(-size // 2)), (size // 2, size))
    spans = [(rows, columns) for rows in halves for columns in halves]
    for cell, ((top, bottom), (left, right)) in zip(pooling, spans, strict=True):
        cell[top:bottom, left:right] = 1 / ((bottom - top) * (right - left))
    return pooling.reshape(4, -1).T


def _folding(channels: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the source of each number of the folded parts in [channels × 4], and its sign.

    The first part, the sum over the cells, is unchanged; the others are shuffled. The numbers are
    the same on every machine and with every version of numpy.
    """
    stream = hashlib.shake_256(b"classify-anything fold").digest(3 * channels * 5)
    places, signs = [np.arange(channels) * 4], [np.ones(channels, np.float32)]
    for part in range(3):
        own = stream[part * channels * 5 : (part + 1) * channels * 5]
        order = np.argsort(np.frombuffer(own[: 4 * channels], "<u4"), kind="stable")
        places.append(order * 4 + part + 1)
        odd = np.frombuffer(own[4 * channels :], np.uint8) & 1
        signs.append(1 - 2 * odd.astype(np.float32))
    return np.concatenate(places), np.concatenate(signs)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """Return TensorFlow's SAME padding as (before, after, output size)."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, out
