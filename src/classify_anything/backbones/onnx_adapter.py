"""Adapt any ONNX graph that takes an image to the interface of backbones.

Preprocessing and pooling become part of the graph, so that every runtime does the same. Added
operators have the same meaning in all opsets from 7 on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from classify_anything.backbones.backbone import fingerprint_of, one_line
from classify_anything.backbones.model_spec import TOKENS, ModelSpec, Triple
from classify_anything.backbones.onnx_file import read_onnx
from classify_anything.backbones.onnx_graph import Features, ImageInput, OnnxGraph
from classify_anything.errors import BackboneError, DamagedBackboneError

REVISION = 2
"""Increment it when the same file and form yield other embeddings."""

DEFAULT_SIZE = 224
DEFAULT_MEAN: Triple = (123.675, 116.28, 103.53)
DEFAULT_STD: Triple = (58.395, 57.12, 57.375)
"""ImageNet's, the default of torch's networks."""

_OLDEST_OPSET = 7
_OWN = "classify-anything/"
_THEIRS = "network/"


@dataclass(frozen=True, slots=True)
class Adapted:
    """A graph with the interface of a backbone: ``image`` → ``embedding``."""

    graph: bytes
    name: str
    fingerprint: str


def adapt(path: Path, form: ModelSpec) -> Adapted:
    """Read a graph, and adapt it to the interface of a backbone.

    Raises:
        BackboneError: it is not an ONNX graph, lacks weights, takes no image, or its embedding is
            ambiguous.
    """
    file = read_onnx(path)
    model = file.model
    try:
        inferred = shape_inference.infer_shapes(model)
    except Exception as error:  # of onnx and of protobuf
        raise DamagedBackboneError(
            f"{path.name}: not an ONNX graph, or damaged ({one_line(error)})."
        ) from error
    opset = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if not opset:
        raise DamagedBackboneError(f"{path.name}: not an ONNX graph, or damaged.")
    if opset < _OLDEST_OPSET:
        raise BackboneError(
            f"{path.name}: opset {opset} is not supported; at least {_OLDEST_OPSET} is required."
        )
    try:
        graph = OnnxGraph(inferred)
        image = graph.image_input(form)
        features = graph.features(form.output, image)
        _Adapter(model, form, image).adapt(features)
        data = model.SerializeToString(deterministic=True)
    except BackboneError as error:
        raise BackboneError(f"{path.name}: {error}") from None
    except Exception as error:  # of protobuf, for one
        raise BackboneError(
            f"{path.name}: cannot be used as a backbone ({one_line(error)})."
        ) from error
    fingerprint = fingerprint_of(*file.parts, f"{form.identity} {REVISION}".encode())
    return Adapted(data, form.name or path.stem, fingerprint)


class _Adapter:
    """Add nodes before and after a graph; methods that add one take and return tensor names."""

    def __init__(self, model: onnx.ModelProto, form: ModelSpec, image: ImageInput) -> None:
        self._model = model
        self._form = form
        self._image = image
        self._nodes: list[onnx.NodeProto] = []

    def adapt(self, features: Features) -> None:
        """Change the model in place."""
        graph = self._model.graph
        _keep_only(graph, features.name)
        _rename(graph)
        # Earlier versions also require weights to be inputs.
        self._model.ir_version = max(self._model.ir_version, 4)
        self._pixels()
        before, self._nodes = self._nodes, []
        self._embed(features)
        nodes = [*before, *graph.node, *self._nodes]
        size = self._image.size or DEFAULT_SIZE
        batch = self._image.batch or "n"
        del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
        graph.node.extend(nodes)
        graph.input.append(
            helper.make_tensor_value_info("image", TensorProto.UINT8, [batch, size, size, 3])
        )
        graph.output.append(
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, None])
        )

    def _pixels(self) -> None:
        """Convert ``image``, uint8 NHWC, to the graph's input."""
        form, x = self._form, "image"
        if form.channels == "BGR":
            order = self._constant("bgr", np.array([2, 1, 0], np.int64))
            x = self._node("Gather", [x, order], axis=3)
        if self._image.type == "uint8":
            if form.mean is not None or form.std is not None:
                raise BackboneError(
                    "takes unscaled pixels, so it does not support `mean` and `std`."
                )
        else:
            x = self._node("Cast", [x], to=TensorProto.FLOAT)
            mean = np.array(form.mean or DEFAULT_MEAN, np.float32)
            std = np.array(form.std or DEFAULT_STD, np.float32)
            x = self._node("Sub", [x, self._constant("mean", mean)])
            x = self._node("Div", [x, self._constant("std", std)])
            if self._image.type == "float16":
                x = self._node("Cast", [x], to=TensorProto.FLOAT16)
        if self._image.layout == "NCHW":
            x = self._node("Transpose", [x], perm=[0, 3, 1, 2])
        self._node("Identity", [x], output=_THEIRS + self._image.name)

    def _embed(self, features: Features) -> None:
        """Pool the features to ``embedding``, float32 unit rows."""
        x = self._node("Cast", [_THEIRS + features.name], to=TensorProto.FLOAT)
        if features.rank == 3 and self._form.pool is None:
            raise BackboneError(f"'{features.name}' {TOKENS}")
        if features.rank == 3 and self._form.pool == "first":
            first = self._constant("first", np.array(0, np.int64))
            x = self._node("Gather", [x, first], axis=1)
        elif features.rank == 4 and self._form.pool == "first":
            raise BackboneError(f"'{features.name}' is a map, which supports only the pool mean.")
        elif features.rank > 2:
            if features.rank == 3 or features.channels_last:
                last = features.rank - 1
                x = self._node("Transpose", [x], perm=[0, last, *range(1, last)])
            x = self._node("Flatten", [self._node("GlobalAveragePool", [x])])
        self._node("LpNormalization", [x], output="embedding", axis=1, p=2)

    def _node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{_OWN}{kind.lower()}_{len(self._nodes)}_{inputs[0]}"
        self._nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def _constant(self, name: str, value: np.ndarray[Any, Any]) -> str:
        self._model.graph.initializer.append(numpy_helper.from_array(value, _OWN + name))
        return _OWN + name


def _keep_only(graph: onnx.GraphProto, tensor: str) -> None:
    """Remove all nodes and weights that a tensor does not depend on."""
    needed, kept = {tensor}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(_read_by(node))
            kept.append(node)
    weights = [item for item in graph.initializer if item.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)


def _rename(graph: onnx.GraphProto) -> None:
    """Prefix all names, including those in graphs inside nodes.

    ``onnx.compose.add_prefix`` misses references there to weights outside.
    """
    for node in graph.node:
        node.name = node.name and _THEIRS + node.name
        for names in (node.input, node.output):
            names[:] = [name and _THEIRS + name for name in names]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner)
    sparse = [tensor for one in graph.sparse_initializer for tensor in (one.values, one.indices)]
    for item in (*graph.initializer, *sparse, *graph.input, *graph.output):
        item.name = _THEIRS + item.name


def _read_by(node: onnx.NodeProto) -> set[str]:
    """Return the tensors that a node reads, including those in graphs inside it."""
    names = set(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                names |= _read_by(inner)
            names.update(output.name for output in graph.output)
    return names
