"""Writes a backbone in int8 or fp16."""

from __future__ import annotations

from pathlib import Path

import onnx

from classify_anything.backbones.calibration_images import photograph_like
from classify_anything.backbones.onnx_backbone import OnnxBackbone
from classify_anything.backbones.onnx_output import with_output
from classify_anything.backbones.quantize import CALIBRATION_PICTURES, convert_fp16, quantized
from classify_anything.errors import BackboneError


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
