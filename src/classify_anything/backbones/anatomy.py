"""What a network is made of: its layers, how many multiplications each takes, and how long.

A standard convolution of k×k kernels from M to N channels, with an output of H×W, takes
H · W · N · M · k² multiplications. The depthwise-separable form of MobileNet (Howard et al., 2017)
takes a k×k kernel for each channel, H · W · M · k², and then 1×1 kernels across the channels,
H · W · N · M: together 1/N + 1/k² of the former.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime as ort
from onnx import shape_inference

from classify_anything.backbones.backbone import Backbone
from classify_anything.errors import BackboneError

Kind = Literal["standard", "depthwise", "pointwise", "dense"]

_RUNS = 20
_TIMED = "_kernel_time"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that multiplies by learnt weights.

    Attributes:
        name: of its node in the graph.
        kind: "standard" or "depthwise" convolution, "pointwise" for 1×1 kernels, or "dense".
        kernel: k, the side of its kernels.
        channels: in and out.
        size: height and width of its output.
        multiply_adds: for one image.
        parameters: its weights and biases.
        standard: what the layer would take as a standard convolution. Of a depthwise layer that a
            pointwise one follows, the standard convolution that both stand for.
        follows: whether it is that pointwise one, so that it counts in the layer before.
        milliseconds: on this machine, if it was measured.
    """

    name: str
    kind: Kind
    kernel: int
    channels: tuple[int, int]
    size: tuple[int, int]
    multiply_adds: int
    parameters: int
    standard: int
    follows: bool = False
    milliseconds: float | None = None


def separable(kernel: int, size: int, channels: int, kernels: int) -> tuple[int, int]:
    """Multiplications of a standard convolution, and of its depthwise-separable form.

    For ``kernels`` kernels of k×k on an image of size×size×channels, without padding.
    """
    places = (size - kernel + 1) ** 2
    standard = places * kernels * channels * kernel**2
    return standard, places * channels * (kernel**2 + kernels)


def layers_of(backbone: Backbone, *, measure: bool = False) -> list[Layer]:
    """The layers of an open backbone; see ``layers``.

    Raises:
        BackboneError: it is no ONNX graph, or the graph cannot be read.
    """
    try:
        graph = backbone.graph()
    except BackboneError as error:
        raise BackboneError(
            f"{backbone.name} is no ONNX graph; only the layers of one can be told."
        ) from error
    return layers(graph, measure=measure)


def layers(graph: bytes, *, measure: bool = False) -> list[Layer]:
    """The layers of a backbone's graph (see ``Backbone.graph``), in their order.

    With ``measure`` each has the median of its times over some runs, on one thread.

    Raises:
        BackboneError: the graph cannot be read.
    """
    try:
        model = _one_image(onnx.load_from_string(graph))
        found = list(_layers(model))
    except Exception as error:  # onnx raises anything on a graph that is not one
        raise BackboneError("The network's graph cannot be read layer by layer.") from error
    chains = _chains(found, model)
    found = _paired(found, chains)
    if not measure:
        return found
    times = _times(model)
    return [replace(layer, milliseconds=_time(times, chains[layer.name])) for layer in found]


def _one_image(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph for one image, with a name for each node and the shape of each tensor."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    for output in list(model.graph.output):
        if output.name != "embedding":
            model.graph.output.remove(output)
    for number, node in enumerate(model.graph.node):
        node.name = f"{number}:{node.op_type}"
    return shape_inference.infer_shapes(model)


def _layers(model: onnx.ModelProto) -> Iterator[Layer]:
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output)
    }
    weights = {one.name: tuple(one.dims) for one in model.graph.initializer}
    for node in model.graph.node:
        known = [weights[name] for name in node.input if name in weights]
        parameters = sum(int(np.prod(shape)) for shape in known)
        if node.op_type == "Conv":
            yield _convolution(node, known[0], shapes[node.output[0]], parameters)
        elif node.op_type in ("Gemm", "MatMul") and known and len(known[0]) == 2:
            inputs, outputs = known[0]
            places = int(np.prod(shapes[node.output[0]])) // outputs
            sums = places * inputs * outputs
            yield Layer(node.name, "dense", 1, (inputs, outputs), (1, 1), sums, parameters, sums)


def _convolution(
    node: onnx.NodeProto, weight: tuple[int, ...], shape: list[int], parameters: int
) -> Layer:
    groups = next((one.i for one in node.attribute if one.name == "group"), 1)
    outputs, each, kernel, across = weight
    inputs = each * groups
    places = shape[2] * shape[3]
    kind: Kind = "standard"
    if groups == inputs and groups > 1:
        kind = "depthwise"
    elif kernel == across == 1:
        kind = "pointwise"
    return Layer(
        name=node.name,
        kind=kind,
        kernel=kernel,
        channels=(inputs, outputs),
        size=(shape[2], shape[3]),
        multiply_adds=places * outputs * each * kernel * across,
        parameters=parameters,
        standard=places * outputs * inputs * kernel * across,
    )


def _chains(found: list[Layer], model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """Each layer's node and those after it, past activations and the like, to the next layer."""
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


def _paired(found: list[Layer], chains: dict[str, list[onnx.NodeProto]]) -> list[Layer]:
    """With each depthwise layer and the pointwise one after it as one standard convolution."""
    paired = {layer.name: layer for layer in found}
    for layer in found:
        last = chains[layer.name][-1].name
        partner = paired.get(last) if last != layer.name else None
        if layer.kind != "depthwise" or partner is None or partner.kind != "pointwise":
            continue
        both = partner.size[0] * partner.size[1] * layer.kernel**2
        both *= layer.channels[0] * partner.channels[1]
        paired[layer.name] = replace(layer, standard=both)
        paired[partner.name] = replace(partner, standard=0, follows=True)
    return list(paired.values())


def _time(times: dict[str, float], chain: list[onnx.NodeProto]) -> float | None:
    """Of a layer: ONNX Runtime joins its node with those after it, and names it after the last."""
    own = [chain[0], *(node for node in chain[1:] if node.op_type != chain[0].op_type)]
    names = [chain[0].name, *(f"{node.output[0]}_nchwc" for node in own)]
    return next((times[name] for name in names if name in times), None)


def _times(model: onnx.ModelProto) -> dict[str, float]:
    """Milliseconds of each node: medians, on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        options.log_severity_level = 4
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
        image = np.zeros(shape, np.uint8)
        for _ in range(_RUNS):
            session.run(None, {"image": image})
        events = json.loads(Path(session.end_profiling()).read_text())
    spent = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_TIMED):
            spent[event["name"].removesuffix(_TIMED)].append(event["dur"] / 1000)
    return {name: statistics.median(times) for name, times in spent.items()}
