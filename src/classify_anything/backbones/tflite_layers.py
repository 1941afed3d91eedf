"""Profile the layers of a .tflite network by the shapes of its tensors."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from classify_anything.backbones.layer import Layer, convolution, dense, paired
from classify_anything.backbones.tflite_graph import Operator, TFLiteGraph

_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")

Shapes = Mapping[int, Sequence[int]]


def tflite_layers(graph: TFLiteGraph, shapes: Shapes) -> list[Layer]:
    """Return the layers of a network, in order, without times.

    Args:
        graph: the network.
        shapes: of its tensors, by number, at the image's size.
    """
    steps = {f"{number}:{one.kind}": one for number, one in enumerate(graph.operators)}
    return paired(list(_layers(steps, shapes)), _after(steps))


def _layers(steps: Mapping[str, Operator], shapes: Shapes) -> Iterator[Layer]:
    for name, step in steps.items():
        if step.kind not in _KINDS:
            continue
        weight, out = shapes[step.inputs[1]], shapes[step.outputs[0]]
        known = [shapes[number] for number in step.inputs[1:] if number >= 0]
        parameters = sum(math.prod(shape) for shape in known)
        if step.kind == "FULLY_CONNECTED":
            outputs, inputs = weight
            places = math.prod(out) // outputs
            yield dense(name, places, (int(inputs), int(outputs)), parameters)
            continue
        inputs, outputs = int(shapes[step.inputs[0]][3]), int(out[3])
        groups = inputs if step.kind == "DEPTHWISE_CONV_2D" else inputs // int(weight[3])
        size, kernel = (int(out[1]), int(out[2])), (int(weight[1]), int(weight[2]))
        yield convolution(name, size, (inputs, outputs), kernel, groups, parameters)


def _after(steps: Mapping[str, Operator]) -> dict[str, str]:
    """Map each layer to the next one, past operators such as activations, if there is only one."""
    takers: dict[int, list[str]] = defaultdict(list)
    for name, step in steps.items():
        for number in step.inputs:
            takers[number].append(name)
    found = {}
    for name, step in steps.items():
        after = takers[step.outputs[0]]
        while len(after) == 1 and steps[after[0]].kind not in _KINDS:
            after = takers[steps[after[0]].outputs[0]]
        if step.kind in _KINDS and len(after) == 1:
            found[name] = after[0]
    return found
