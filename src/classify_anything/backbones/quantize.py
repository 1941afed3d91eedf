"""Networks in fewer bits: smaller files, and with int8 up to twice as quick on a processor."""

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
"""More tell nothing new of the range of a network's numbers."""

_QUANTIZED = ("Conv", "Gemm", "MatMul", "Add", "Clip", "Relu")
_PRODUCTS = ("Gemm", "MatMul")

_LARGE = 4096
"""Weights of a product from which on it counts as a layer, like a convolution."""

_OLDEST_OPSET = 13
"""Before it, weights have one scale, and not one for each channel."""


def quantized(
    source: Path,
    pictures: UInt8Array,
    target: Path,
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Write a network in int8: 8-bit weights, a scale for each channel, and 8-bit activations.

    It sees the same on every processor. Those of x86 without VNNI add each two products in 16 bits,
    and what does not fit is cut off, so no two weights that meet there are too large together, and
    those of dense layers have 7 bits (ONNX Runtime, "Quantize ONNX models", on U8S8).

    What comes after the last layer, such as the pooling and the L2 norm, stays in float32, and so
    do products without weights, as in attention, and the first convolution, unless it takes the
    pixels as they are: they take little time, and precision is worth having there.

    Args:
        source: an ONNX file with one input ``image``, uint8 [n, size, size, 3].
        pictures: uint8 [n, size, size, 3], of the kind that it is to see; they tell the range of
            the numbers inside.
        target: the file to write.
        progress: called with the number of pictures before each; an interruption that it raises
            ends the calibration.

    Raises:
        BackboneError: it cannot be quantised.
    """
    from onnxruntime import quantization as ort  # noqa: PLC0415 - takes 0.3 s

    with _reasons(source):
        model = _of_new_opset(onnx.load(source))
    chosen = pictures[:: max(len(pictures) // CALIBRATION_PICTURES, 1)][:CALIBRATION_PICTURES]
    kept = _after_last_layer(model)
    kept += _scaled_first(model)
    weights = _weights(model)
    kept += [
        node.name
        for node in model.graph.node
        if node.op_type in _PRODUCTS and not weights.keys() & set(node.input)
    ]

    class Pictures(ort.CalibrationDataReader):  # type: ignore[misc] # it ships no types
        """Gives one picture after the other."""

        def __init__(self) -> None:
            self._left = enumerate(chosen)

        def get_next(self) -> dict[str, Any] | None:
            for done, picture in self._left:
                progress(done)
                return {"image": picture[None]}
            return None

    with _reasons(source), tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        del model.metadata_props[:]
        onnx.save(model, plain)
        ort.quantize_static(
            plain,
            target,
            Pictures(),
            quant_format=ort.QuantFormat.QDQ,
            per_channel=True,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            op_types_to_quantize=list(_QUANTIZED),
            nodes_to_exclude=kept,
            reduce_range=True,
            extra_options={"TensorQuantOverrides": _ranges(model)},
        )


def convert_fp16(source: Path, target: Path) -> None:
    """Write a network in float16: half the size. Its input and its outputs stay as they are.

    The L2 norm stays in float32, since the sum of squares might not fit.

    Args:
        source: an ONNX file with one input ``image``, uint8 [n, size, size, 3].
        target: the file to write.

    Raises:
        BackboneError: it cannot be halved.
    """
    from onnxruntime.transformers.float16 import (  # noqa: PLC0415 - takes 0.3 s
        convert_float_to_float16,
    )

    with _reasons(source):
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
    """Write a backbone in another precision into a folder; gives the file, in a backbone's form.

    Args:
        source: an open backbone.
        precision: "int8" or "fp16".
        folder: for this alone.

    Raises:
        BackboneError: it is quantised already, or cannot be made smaller.
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
            f"{source.name}: cannot be made smaller (what comes of it cannot be run)."
        ) from error
    return target


def _plain(source: OnnxBackbone) -> onnx.ModelProto:
    """Its graph with one output, of known length."""
    model = onnx.load_from_string(source.graph())
    if any("QuantizeLinear" in node.op_type for node in model.graph.node):
        raise BackboneError(f"{source.name}: is quantised already.")
    if len(model.graph.output) > 1:
        model = onnx.load_from_string(with_output(model.SerializeToString(), "embedding"))
    dims = model.graph.output[0].type.tensor_type.shape.dim
    dims[1].dim_value = source.dimension
    return model


def _after_last_layer(model: onnx.ModelProto) -> list[str]:
    """The names of the nodes that no layer comes after; nodes without a name get one.

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
    # The activation after the last layer is computed with it.
    last = {name for node in layers for name in node.output}
    fused = {
        node.name
        for node in model.graph.node
        if node.op_type in ("Clip", "Relu") and last.intersection(node.input)
    }
    return [name for name in kept if name not in fused]


def _scaled_first(model: onnx.ModelProto) -> list[str]:
    """The first convolution, if the pixels come to it as other numbers than they are."""
    pixels = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    first = next((node for node in model.graph.node if node.op_type == "Conv"), None)
    return [] if first is None or first.input[0] in pixels else [first.name]


def _ranges(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """The range of the numbers that 8 bits stand for, of each channel of each convolution."""
    constants = {item.name: item for item in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] in constants:
            groups = next((one.i for one in node.attribute if one.name == "group"), 1)
            reaches = _reach(numpy_helper.to_array(constants[node.input[1]]), groups)
            found[node.input[1]] = [
                {"axis": 0, "reduce_range": False, "rmin": -reach, "rmax": reach}
                for reach in reaches
            ]
    return found


def _reach(kernel: Float32Array, groups: int) -> Float32Array:
    """Of each of n kernels [channels, height, width] the largest sum of two neighbours of one sign.

    Neighbours in the order in which ONNX Runtime multiplies: the channels of a place, then the next
    place. Depthwise kernels are not multiplied in twos: of them it is the largest number.
    """
    rows = np.moveaxis(kernel, 1, -1).reshape(len(kernel), -1)
    if groups == len(kernel) and kernel.shape[1] == 1:
        return np.asarray(np.abs(rows).max(axis=1))
    pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(rows), -1, 2)
    sums = [np.maximum(sign * pairs, 0).sum(axis=2) for sign in (1, -1)]
    return np.asarray(np.maximum(*sums).max(axis=1))


def _weights(model: onnx.ModelProto) -> dict[str, int]:
    """How many numbers each constant has that stands in the graph."""
    return {item.name: math.prod(item.dims) for item in model.graph.initializer}


def _of_new_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    if opset >= _OLDEST_OPSET:
        return model
    from onnx import version_converter  # noqa: PLC0415 - only for old files

    return version_converter.convert_version(model, _OLDEST_OPSET)


@contextmanager
def _reasons(source: Path) -> Iterator[None]:
    """Report a failure in one line."""
    try:
        yield
    except Exception as error:  # these tools raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BackboneError(f"{source.name}: cannot be made smaller ({reason}).") from error
