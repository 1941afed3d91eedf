"""Read an ONNX file with its external weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_model,
    uses_external_data,
)

from classify_anything.backbones.backbone import one_line
from classify_anything.backbones.files import is_file
from classify_anything.errors import BackboneError, DamagedBackboneError


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A model with all its weights.

    Attributes:
        model: complete, without references to other files.
        parts: the bytes of the file, and of external weights.
    """

    model: onnx.ModelProto
    parts: list[bytes]


def read_onnx(path: Path) -> OnnxFile:
    """Read a model.

    Raises:
        DamagedBackboneError: it is not an ONNX graph.
        BackboneError: a file with its weights is missing.
    """
    try:
        data = path.read_bytes()
        model = onnx.load_from_string(data)
        external = _external(model)
        for name in {ExternalDataInfo(tensor).location: None for tensor in external}:
            if not is_file(path.parent / name):
                raise BackboneError(f"{path.name}: its weights are in {name}, which is missing.")
        load_external_data_for_model(model, str(path.parent))
    except BackboneError:
        raise
    except Exception as error:  # from onnx, protobuf and the system
        raise DamagedBackboneError(
            f"{path.name}: not an ONNX graph, or damaged ({one_line(error)})."
        ) from error
    return OnnxFile(model, [data, *(tensor.raw_data for tensor in external)])


def _external(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """Return the tensors with external data."""
    attributes = (one for node in model.graph.node for one in node.attribute)
    tensors = [*model.graph.initializer, *(one.t for one in attributes if one.HasField("t"))]
    return [tensor for tensor in tensors if uses_external_data(tensor)]
