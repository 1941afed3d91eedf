"""Profile a network's layers: multiplications, parameters and time."""

from __future__ import annotations

import json
import re
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, shape_inference

from classify_anything.backbones.backbone import Backbone
from classify_anything.backbones.layer import Layer, convolution, dense, paired
from classify_anything.backbones.tflite_backbone import TFLiteBackbone
from classify_anything.errors import BackboneError
from classify_anything.types import UInt8Array

_RUNS = 20
_TIMED = "_kernel_time"
_ADDED = re.compile(r"^InsertedPrecisionFreeCast_|_token_\d+$")
"""Prefixes and suffixes that ONNX Runtime adds to the names of nodes that it changes."""

_PASSED_ON = ("Identity", "DequantizeLinear", "Cast")
"""Operators between a weight and its layer that keep its shape."""


def layers_of(backbone: Backbone, *, measure: bool = False) -> list[Layer]:
    """Return the layers of an open backbone; see ``layers``. Those of a .tflite are not timed.

    Raises:
        BackboneError: it is neither ONNX nor .tflite, or cannot be read.
    """
    if isinstance(backbone, TFLiteBackbone):
        return backbone.layers()
    return layers(backbone.graph(), measure=measure)


def layers(graph: bytes, *, measure: bool = False) -> list[Layer]:
    """Return the layers of a backbone's graph (see ``Backbone.graph``), in order.

    With ``measure``, each has its median time over several runs, on one thread.

    Raises:
        BackboneError: the graph cannot be read.
    """
    try:
        model = _one_image(onnx.load_from_string(graph))
        found = list(_layers(model))
    except Exception as error:  # onnx raises anything on a graph that is not one
        raise BackboneError("The layers of the backbone's graph cannot be read.") from error
    chains = _chains(found, model)
    found = paired(found, {name: chain[-1].name for name, chain in chains.items()})
    if not measure:
        return found
    times = _times(model)
    return [replace(layer, milliseconds=_time(times, chains[layer.name])) for layer in found]


def _one_image(model: onnx.ModelProto) -> onnx.ModelProto:
    """Fix the batch size to 1, name each node, and infer the shape of each tensor."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    for output in list(model.graph.output):
        if output.name != "embedding":
            model.graph.output.remove(output)
    for number, node in enumerate(model.graph.node):
        node.name = f"{number}:{node.op_type}"
    return shape_inference.infer_shapes(model)


def _layers(model: onnx.ModelProto) -> Iterator[Layer]:
    weights = _weights(model)
    nodes = [
        (node, [weights[name] for name in node.input if name in weights])
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm", "MatMul")
    ]
    nodes = [(node, known) for node, known in nodes if known]
    shapes = _shapes(model, [node.output[0] for node, _ in nodes])
    for node, known in nodes:
        shape = shapes[node.output[0]]
        parameters = sum(int(np.prod(one)) for one in known)
        if node.op_type == "Conv" and len(known[0]) == 4:
            groups = next((one.i for one in node.attribute if one.name == "group"), 1)
            outputs, each, *kernel = known[0]
            channels = (each * groups, outputs)
            size = (shape[2], shape[3])
            yield convolution(node.name, size, channels, (kernel[0], kernel[1]), groups, parameters)
        elif node.op_type != "Conv" and len(known[0]) == 2:
            flipped = any(one.name == "transB" and one.i for one in node.attribute)
            inputs, outputs = known[0][::-1] if flipped else known[0]
            places = int(np.prod(shape)) // outputs
            yield dense(node.name, places, (inputs, outputs), parameters)


def _weights(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weight tensors, followed through to their layers."""
    found = {one.name: tuple(one.dims) for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = tuple(node.attribute[0].t.dims)
        elif node.op_type in _PASSED_ON and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
        elif node.op_type == "Transpose" and node.input[0] in found:
            shape = found[node.input[0]]
            turned = list(reversed(range(len(shape))))
            order = next((list(one.ints) for one in node.attribute if one.name == "perm"), turned)
            found[node.output[0]] = tuple(shape[place] for place in order)
    return found


def _shapes(model: onnx.ModelProto, names: list[str]) -> dict[str, list[int]]:
    """Return the shapes of tensors, inferred, or else found by running the graph."""
    found = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    if all(name in found and all(found[name]) for name in names):
        return found
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:], shown.graph.value_info[:]
    shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = _session(shown, ort.SessionOptions())
    made = session.run(names, {"image": _black(model)})
    return {name: list(one.shape) for name, one in zip(names, made, strict=True)}


def _chains(found: list[Layer], model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """Return each layer's node and those after it, such as activations, up to the next layer."""
    names = {layer.name for layer in found}
    takers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            takers[name].append(node)
    chains = {}
    for node in model.graph.node:
        if node.name not in names:
            continue
        chain = chains[node.name] = [node]
        while len(takers[chain[-1].output[0]]) == 1 and (
            chain[-1] is node or chain[-1].name not in names
        ):
            chain.append(takers[chain[-1].output[0]][0])
    return chains


def _time(times: dict[str, float], chain: list[onnx.NodeProto]) -> float | None:
    """Return a layer's time; ONNX Runtime fuses nodes, and names the result after the last."""
    own = [chain[0], *(node for node in chain[1:] if node.op_type != chain[0].op_type)]
    names = [chain[0].name, *(f"{node.output[0]}_nchwc" for node in own)]
    return next((times[name] for name in names if name in times), None)


def _times(model: onnx.ModelProto) -> dict[str, float]:
    """Return the median milliseconds of each node, on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = _session(model, options)
        image = _black(model)
        for _ in range(_RUNS):
            session.run(None, {"image": image})
        events = json.loads(Path(session.end_profiling()).read_text())
    spent = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_TIMED):
            spent[_ADDED.sub("", event["name"].removesuffix(_TIMED))].append(event["dur"] / 1000)
    return {name: statistics.median(times) for name, times in spent.items()}


def _session(model: onnx.ModelProto, options: ort.SessionOptions) -> ort.InferenceSession:
    options.log_severity_level = 4
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _black(model: onnx.ModelProto) -> UInt8Array:
    """Return a black image in the graph's input shape."""
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    return np.zeros(shape, np.uint8)
