"""Convert models to int8, up to twice as fast on a CPU, or to fp16, at half the size."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from classify_anything.backbones.calibration_images import photograph_like
from classify_anything.backbones.onnx_backbone import OnnxBackbone
from classify_anything.backbones.onnx_output import with_output
from classify_anything.errors import BackboneError
from classify_anything.types import Float32Array, UInt8Array

CALIBRATION_PICTURES = 64
"""More images do not improve the activation ranges."""

_QUANTIZED = ("Conv", "Gemm", "MatMul", "Add", "Clip", "Relu")
_PRODUCTS = ("Gemm", "MatMul")

_LARGE = 4096
"""Minimum number of weights for a product to count as a layer, like a convolution."""

_OLDEST_OPSET = 13
"""Earlier opsets do not support one scale per channel."""


def quantized(
    source: Path,
    pictures: UInt8Array,
    target: Path,
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Quantize a model to int8: 8-bit weights with one scale per channel, and 8-bit activations.

    The result computes the same on every CPU. x86 CPUs without VNNI add pairs of products in 16
    bits and saturate, so pairs of weights are limited to that range, and dense layers have 7-bit
    weights (ONNX Runtime, "Quantize ONNX models", on U8S8).

    The operations after the last layer, such as pooling and the L2 norm, stay in float32. So do
    products without weights, as in attention, and the first convolution unless its input is the
    raw pixels. They take little time and need the precision.

    Args:
        source: an ONNX file with one input ``image``, uint8 [n, size, size, 3].
        pictures: the calibration set, uint8 [n, size, size, 3].
        target: the file to write.
        progress: called with the number of finished pictures before each; if it raises, the
            calibration stops.

    Raises:
        BackboneError: the model cannot be quantized.
    """
    from onnxruntime import quantization as ort  # noqa: PLC0415 - takes 0.3 s

    with _one_line_errors(source):
        model = _upgraded(onnx.load(source))
    chosen = pictures[:: max(len(pictures) // CALIBRATION_PICTURES, 1)][:CALIBRATION_PICTURES]
    excluded = [*_after_last_layer(model), *_first_scaled(model)]
    weights = _weights(model)
    excluded += [
        node.name
        for node in model.graph.node
        if node.op_type in _PRODUCTS and not weights.keys() & set(node.input)
    ]

    class Reader(ort.CalibrationDataReader):  # type: ignore[misc] # it ships no types
        def __init__(self) -> None:
            self._pictures = enumerate(chosen)

        def get_next(self) -> dict[str, Any] | None:
            for done, picture in self._pictures:
                progress(done)
                return {"image": picture[None]}
            return None

    with _one_line_errors(source), tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        del model.metadata_props[:]
        onnx.save(model, plain)
        ort.quantize_static(
            plain,
            target,
            Reader(),
            quant_format=ort.QuantFormat.QDQ,
            per_channel=True,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            op_types_to_quantize=list(_QUANTIZED),
            nodes_to_exclude=excluded,
            reduce_range=True,
            extra_options={"TensorQuantOverrides": _ranges(model)},
        )


def convert_fp16(source: Path, target: Path) -> None:
    """Convert a model to float16, at half the size; its input and outputs keep their types.

    The L2 norm stays in float32, because the sum of squares could overflow.

    Args:
        source: an ONNX file with one input ``image``, uint8 [n, size, size, 3].
        target: the file to write.

    Raises:
        BackboneError: the model cannot be converted.
    """
    from onnxruntime.transformers.float16 import (  # noqa: PLC0415 - takes 0.3 s
        convert_float_to_float16,
    )

    with _one_line_errors(source):
        model = onnx.load(source)
        del model.metadata_props[:]
        half = convert_float_to_float16(
            model,
            keep_io_types=True,
            node_block_list=[
                *_after_last_layer(model),
                *(node.name for node in model.graph.node if node.op_type == "DequantizeLinear"),
            ],
        )
        onnx.save(half, target)


def reduced(source: OnnxBackbone, precision: str, folder: Path) -> Path:
    """Convert an open backbone to another precision, and return the new backbone's file.

    Args:
        source: an open backbone.
        precision: "int8" or "fp16".
        folder: an empty folder to write to.

    Raises:
        BackboneError: the backbone is already quantized, or cannot be converted.
    """
    plain, target = folder / "plain.onnx", folder / "made.onnx"
    onnx.save(_plain(source), plain)
    try:
        if precision == "fp16":
            convert_fp16(plain, target)
        else:
            quantized(plain, photograph_like(CALIBRATION_PICTURES, source.size), target)
    except BackboneError as error:
        raise BackboneError(f"{source.name}: {str(error).removeprefix('plain.onnx: ')}") from error
    model = onnx.load(target)
    onnx.helper.set_model_props(model, {"name": f"{source.name}@{precision}"})
    onnx.save(model, target)
    try:
        OnnxBackbone(target)
    except BackboneError as error:
        raise BackboneError(
            f"{source.name}: cannot be converted (the result does not run)."
        ) from error
    return target


def _plain(source: OnnxBackbone) -> onnx.ModelProto:
    """Return the backbone's graph with a single output of fixed length."""
    model = onnx.load_from_string(source.graph())
    if any("QuantizeLinear" in node.op_type for node in model.graph.node):
        raise BackboneError(f"{source.name}: already quantized.")
    if len(model.graph.output) > 1:
        model = onnx.load_from_string(with_output(model.SerializeToString(), "embedding"))
    dims = model.graph.output[0].type.tensor_type.shape.dim
    dims[1].dim_value = source.dimension
    return model


def _after_last_layer(model: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes after the last layer; name unnamed nodes.

    A layer is a convolution, or a product with many weights.
    """
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    weights = _weights(model)
    large = {name for name, count in weights.items() if count >= _LARGE}
    layers = [
        node
        for node in model.graph.node
        if node.op_type == "Conv" or (node.op_type in _PRODUCTS and large.intersection(node.input))
    ]
    names = {node.name for node in layers}
    before: set[str] = set()
    kept = []
    for node in reversed(model.graph.node):
        if node.name in names or before.intersection(node.output):
            before.update(node.input)
        else:
            kept.append(node.name)
    # The activation of the last layer is computed together with it.
    last = {name for node in layers for name in node.output}
    fused = {
        node.name
        for node in model.graph.node
        if node.op_type in ("Clip", "Relu") and last.intersection(node.input)
    }
    return [name for name in kept if name not in fused]


def _first_scaled(model: onnx.ModelProto) -> list[str]:
    """Return the first convolution, if its input is not the raw pixels."""
    pixels = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    first = next((node for node in model.graph.node if node.op_type == "Conv"), None)
    return [] if first is None or first.input[0] in pixels else [first.name]


def _ranges(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """Return the 8-bit range of each channel of each convolution."""
    constants = {item.name: item for item in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] in constants:
            groups = next((one.i for one in node.attribute if one.name == "group"), 1)
            limits = _max_pair_sums(numpy_helper.to_array(constants[node.input[1]]), groups)
            found[node.input[1]] = [
                {"axis": 0, "reduce_range": False, "rmin": -limit, "rmax": limit}
                for limit in limits
            ]
    return found


def _max_pair_sums(kernel: Float32Array, groups: int) -> Float32Array:
    """Return the largest sum of a pair of weights of one sign, for each kernel of [n, c, h, w].

    Pairs follow the order in which ONNX Runtime multiplies: channels first, then positions.
    Depthwise kernels are not multiplied in pairs, so the largest weight counts.
    """
    rows = np.moveaxis(kernel, 1, -1).reshape(len(kernel), -1)
    if groups == len(kernel) and kernel.shape[1] == 1:
        return np.asarray(np.abs(rows).max(axis=1))
    pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(rows), -1, 2)
    sums = [np.maximum(sign * pairs, 0).sum(axis=2) for sign in (1, -1)]
    return np.asarray(np.maximum(*sums).max(axis=1))


def _weights(model: onnx.ModelProto) -> dict[str, int]:
    """Return the number of elements of each constant of the graph."""
    return {item.name: math.prod(item.dims) for item in model.graph.initializer}


def _upgraded(model: onnx.ModelProto) -> onnx.ModelProto:
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    if opset >= _OLDEST_OPSET:
        return model
    from onnx import version_converter  # noqa: PLC0415 - only for old files

    return version_converter.convert_version(model, _OLDEST_OPSET)


@contextmanager
def _one_line_errors(source: Path) -> Iterator[None]:
    """Convert any error to a BackboneError of one line."""
    try:
        yield
    except Exception as error:  # these libraries raise any type
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BackboneError(f"{source.name}: cannot be converted ({reason}).") from error
