"""An ONNX file, with the files beside it that its weights may lie in, as torch writes them."""

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
        model: nothing of it lies in another file any more.
        parts: what it was read from: the file, and weights that lay beside it.
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
        beside = _beside(model)
        for name in {ExternalDataInfo(tensor).location: None for tensor in beside}:
            if not is_file(path.parent / name):
                raise BackboneError(
                    f"{path.name}: its weights are in {name}, which is not beside it."
                )
        load_external_data_for_model(model, str(path.parent))
    except BackboneError:
        raise
    except Exception as error:  # of onnx, of protobuf and of the system
        raise DamagedBackboneError(
            f"{path.name}: not an ONNX graph that can be read ({one_line(error)})."
        ) from error
    return OnnxFile(model, [data, *(tensor.raw_data for tensor in beside)])


def _beside(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """The tensors that lie in other files."""
    attributes = (one for node in model.graph.node for one in node.attribute)
    tensors = [*model.graph.initializer, *(one.t for one in attributes if one.HasField("t"))]
    return [tensor for tensor in tensors if uses_external_data(tensor)]
