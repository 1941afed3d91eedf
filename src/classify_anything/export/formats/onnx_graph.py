"""Join a backbone's graph and a head to one ONNX model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import onnx
from onnx import TensorProto, compose, helper, version_converter

from classify_anything._version import __version__
from classify_anything.errors import BackboneError, OutputError
from classify_anything.export.formats.onnx_crop import square_nodes
from classify_anything.export.formats.onnx_head import head_nodes
from classify_anything.heads.parameters import HeadParameters

IMAGE, EMBEDDING = "image", "embedding"
PROBABILITIES, SIMILARITY = "probabilities", "similarity"

_OPSET = 17
_IR_VERSION = 8
_MOST_BYTES = 2**31 - 2**20
"""A protobuf message cannot be larger than 2 GiB."""


def only(model: onnx.ModelProto, output: str) -> onnx.ModelProto:
    """Return a copy of a model with only this output, and only the nodes and weights it needs."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = found.graph
    nodes = _leading_to(graph, output)
    used = {name for node in nodes for name in _inputs(node)} | {output}
    _keep(graph.node, nodes)
    _keep(graph.initializer, [one for one in graph.initializer if one.name in used])
    _keep(graph.output, [one for one in graph.output if one.name == output])
    del graph.value_info[:]
    return found


def put_together(
    backbone: onnx.ModelProto,
    head: HeadParameters,
    metadata: Mapping[str, str],
    *,
    any_size: bool = False,
) -> onnx.ModelProto:
    """Return one model from images to predictions.

    Input ``image``: uint8 [n, size, size, 3] RGB. Outputs: ``probabilities`` float32 [n, classes],
    ``similarity`` float32 [n], and ``embedding`` float32 [n, d].

    Args:
        backbone: from ``image`` uint8 [n, size, size, 3] to ``embedding`` float32 [n, d].
        head: the parameters of the head.
        metadata: texts by name.
        any_size: whether ``image`` is uint8 [n, height, width, 3], cropped and scaled in the graph.

    Raises:
        BackboneError: the graph cannot be converted to the required opset.
    """
    model = _with_opset(only(backbone, EMBEDDING), _OPSET)
    model = compose.add_prefix(model, "backbone/")
    graph = model.graph
    size = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    embedding, *outputs = _outputs(head)
    pixels = "square/pixels" if any_size else IMAGE
    _rename(graph, {graph.input[0].name: pixels, graph.output[0].name: EMBEDDING})
    nodes = list(graph.node)
    constants = list(graph.initializer)
    parts = [head_nodes(head, EMBEDDING, PROBABILITIES, SIMILARITY)]
    if any_size:
        parts.insert(0, square_nodes(IMAGE, pixels, size))
        nodes = [*parts[0].nodes, *nodes]
    nodes = [*nodes, *parts[-1].nodes]
    constants += [constant for part in parts for constant in part.constants]
    sides: list[str | int | None] = ["height", "width"] if any_size else [size, size]
    whole = helper.make_graph(
        nodes,
        "classify-anything",
        [helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["n", *sides, 3])],
        [*outputs, embedding],
        constants,
    )
    made = helper.make_model(
        whole,
        producer_name="classify-anything",
        producer_version=__version__,
        ir_version=max(model.ir_version, _IR_VERSION),
        opset_imports=model.opset_import,
        functions=model.functions,
    )
    helper.set_model_props(made, dict(metadata))
    return made


def head_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the head of such a model, from ``embedding``, float32 [n, d]."""
    graph = model.graph
    before = {node.output[0] for node in _leading_to(graph, EMBEDDING)}
    nodes = [node for node in graph.node if node.output[0] not in before]
    used = {name for node in nodes for name in _inputs(node)}
    constants = [one for one in graph.initializer if one.name in used]
    embedding, *outputs = sorted(graph.output, key=lambda one: one.name != EMBEDDING)
    graph = helper.make_graph(nodes, "head", [embedding], outputs, constants)
    return helper.make_model(graph, ir_version=model.ir_version, opset_imports=model.opset_import)


def head_alone(head: HeadParameters) -> onnx.ModelProto:
    """Return a model of a head only, from ``embedding``, float32 [n, d]."""
    parts = head_nodes(head, EMBEDDING, PROBABILITIES, SIMILARITY)
    embedding, *outputs = _outputs(head)
    graph = helper.make_graph(parts.nodes, "head", [embedding], outputs, parts.constants)
    return helper.make_model(
        graph, ir_version=_IR_VERSION, opset_imports=[helper.make_opsetid("", _OPSET)]
    )


def to_bytes(model: onnx.ModelProto) -> bytes:
    """Return the bytes of the file. Raises OutputError if they exceed ONNX's limit."""
    if model.ByteSize() > _MOST_BYTES:
        raise OutputError("The ONNX file would exceed the limit of 2 GB. Delete some examples.")
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def opset(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's operators that a model requires."""
    own = (one for one in model.opset_import if one.domain in ("", "ai.onnx"))
    return int(next(own).version)


def _outputs(head: HeadParameters) -> list[onnx.ValueInfoProto]:
    forms: dict[str, list[str | int | None]] = {
        EMBEDDING: ["n", head.vectors.shape[1]],
        PROBABILITIES: ["n", len(head.taught)],
        SIMILARITY: ["n"],
    }
    return [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, form) for name, form in forms.items()
    ]


def _with_opset(model: onnx.ModelProto, least: int) -> onnx.ModelProto:
    if opset(model) >= least:
        return model
    try:
        return version_converter.convert_version(model, least)
    except Exception as error:  # the converter is C++, and has no base for its exceptions
        reason = " ".join(str(error).split())[:200]
        raise BackboneError(
            f"The backbone's graph cannot be converted to opset {least}: {reason}"
        ) from error


def _leading_to(graph: onnx.GraphProto, output: str) -> list[onnx.NodeProto]:
    """Return the nodes that an output depends on, in topological order."""
    makers = {name: node for node in graph.node for name in node.output}
    found: dict[int, onnx.NodeProto] = {}
    waiting = [output]
    while waiting:
        node = makers.get(waiting[-1])
        if node is None or id(node) in found:
            waiting.pop()
            continue
        missing = [name for name in _inputs(node) if id(makers.get(name, node)) not in found]
        missing = [name for name in missing if makers.get(name, node) is not node]
        waiting.extend(sorted(missing))
        if not missing:
            found[id(node)] = node
            waiting.pop()
    return list(found.values())


def _keep(field: Any, values: Iterable[Any]) -> None:
    """Replace the messages of a field by others, which may be its own."""
    copies = [type(one).FromString(one.SerializeToString()) for one in values]
    del field[:]
    field.extend(copies)


def _inputs(node: onnx.NodeProto) -> set[str]:
    """Return the inputs of a node, including those inside its branches and loops."""
    found = set(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            found.update(name for inner in graph.node for name in _inputs(inner))
            found.update(one.name for one in graph.output)
    return found


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Rename tensors wherever they are used."""
    for node in graph.node:
        for field in (node.input, node.output):
            for place, name in enumerate(field):
                field[place] = names.get(name, name)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, names)
    for one in graph.output:
        one.name = names.get(one.name, one.name)
