"""A layer of a network, and what a depthwise one and the next stand for.

A standard convolution of k×k kernels from M to N channels, with an output of H×W, takes
H · W · N · M · k² multiplications. The depthwise-separable form of MobileNet (Howard et al., 2017)
takes a k×k kernel for each channel, H · W · M · k², and then 1×1 kernels across the channels,
H · W · N · M: together 1/N + 1/k² of the former.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["standard", "depthwise", "pointwise", "dense"]


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


def convolution(
    name: str,
    size: tuple[int, int],
    channels: tuple[int, int],
    kernel: tuple[int, int],
    groups: int,
    parameters: int,
) -> Layer:
    """A convolution of all channels in each kernel, or of as many groups of them."""
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
    """A product with a matrix, for each of some places."""
    sums = places * channels[0] * channels[1]
    return Layer(name, "dense", 1, channels, (1, 1), sums, parameters, sums)


def paired(found: Sequence[Layer], after: Mapping[str, str]) -> list[Layer]:
    """With each depthwise layer and the pointwise one after it as one standard convolution.

    ``after`` tells by its name which layer a layer's output goes into, where it is only one.
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
