"""Layers of a network, and the standard convolutions that depthwise-separable ones replace.

A standard convolution of k×k kernels from M to N channels, with an output of H×W, takes
H · W · N · M · k² multiplications. The depthwise-separable form of MobileNet (Howard et al., 2017)
has a k×k kernel for each channel, H · W · M · k², and then 1×1 kernels across the channels,
H · W · N · M: together 1/N + 1/k² of the standard one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["standard", "depthwise", "pointwise", "dense"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with learnt weights.

    Attributes:
        name: of its node in the graph.
        kind: "standard" or "depthwise" convolution, "pointwise" for 1×1 kernels, or "dense".
        kernel: k, the side of its kernels.
        channels: in and out.
        size: height and width of its output.
        multiply_adds: for one image.
        parameters: its weights and biases.
        standard: the multiplications of a standard convolution. For a depthwise layer before a
            pointwise one, of the standard convolution that both replace.
        follows: whether it is that pointwise one, already counted in the layer before.
        milliseconds: on this machine, if measured.
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
    """Return the multiplications of a standard and of a depthwise-separable convolution.

    For ``kernels`` kernels of k×k on an image of size×size×channels, without padding.
    """
    places = (size - kernel + 1) ** 2
    standard = places * kernels * channels * kernel**2
    return standard, places * channels * (kernel**2 + kernels)


def convolution(
    name: str,
    size: tuple[int, int],
    channels: tuple[int, int],
    kernel: tuple[int, int],
    groups: int,
    parameters: int,
) -> Layer:
    """Return a convolution of all channels or of groups of channels."""
    inputs, outputs = channels
    kind: Kind = "standard"
    if groups == inputs and groups > 1:
        kind = "depthwise"
    elif kernel == (1, 1):
        kind = "pointwise"
    places, taps = size[0] * size[1], kernel[0] * kernel[1]
    return Layer(
        name=name,
        kind=kind,
        kernel=kernel[0],
        channels=channels,
        size=size,
        multiply_adds=places * outputs * (inputs // groups) * taps,
        parameters=parameters,
        standard=places * outputs * inputs * taps,
    )


def dense(name: str, places: int, channels: tuple[int, int], parameters: int) -> Layer:
    """Return a matrix product at several places."""
    sums = places * channels[0] * channels[1]
    return Layer(name, "dense", 1, channels, (1, 1), sums, parameters, sums)


def paired(found: Sequence[Layer], after: Mapping[str, str]) -> list[Layer]:
    """Combine each depthwise layer and the next pointwise one to one standard convolution.

    ``after`` maps a layer to the only layer that takes its output.
    """
    layers = {layer.name: layer for layer in found}
    for layer in found:
        partner = layers.get(after.get(layer.name, ""))
        if layer.kind != "depthwise" or partner is None or partner.kind != "pointwise":
            continue
        both = partner.size[0] * partner.size[1] * layer.kernel**2
        both *= layer.channels[0] * partner.channels[1]
        layers[layer.name] = replace(layer, standard=both)
        layers[partner.name] = replace(partner, standard=0, follows=True)
    return list(layers.values())
