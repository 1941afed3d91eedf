"""Classify Anything: show it a few examples, and it knows the thing.

The public names are imported on first use, so that ``classify-anything --version`` is instant and
the build can use the backbone compiler before the run-time dependencies are there.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from classify_anything._version import __version__

if TYPE_CHECKING:
    from classify_anything.backbones import Backbone, load_backbone
    from classify_anything.classifier import Classifier
    from classify_anything.datasets.video import Frames
    from classify_anything.errors import ClassifyAnythingError
    from classify_anything.evaluation.evaluate import Evaluation
    from classify_anything.export.onnx_model import Exported, load_export
    from classify_anything.heads import KNeighborsHead
    from classify_anything.sklearn import ImageEmbedder as ImageEmbedder
    from classify_anything.types import (
        Change,
        Class,
        Example,
        ImportReport,
        Neighbor,
        Prediction,
        Problem,
        Progress,
    )

_HOMES = {
    "Backbone": "backbones",
    "Change": "types",
    "Class": "types",
    "Classifier": "classifier",
    "ClassifyAnythingError": "errors",
    "Evaluation": "evaluation.evaluate",
    "Example": "types",
    "Exported": "export.onnx_model",
    "Frames": "datasets.video",
    "ImageEmbedder": "sklearn",
    "ImportReport": "types",
    "KNeighborsHead": "heads",
    "Neighbor": "types",
    "Prediction": "types",
    "Problem": "types",
    "Progress": "types",
    "load_backbone": "backbones",
    "load_export": "export.onnx_model",
}

__all__ = [
    "Backbone",
    "Change",
    "Class",
    "Classifier",
    "ClassifyAnythingError",
    "Evaluation",
    "Example",
    "Exported",
    "Frames",
    "ImportReport",
    "KNeighborsHead",
    "Neighbor",
    "Prediction",
    "Problem",
    "Progress",
    "__version__",
    "load_backbone",
    "load_export",
]

_EXTRAS = ["ImageEmbedder"]
"""Not for ``import *``, which must work without them."""


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_EXTRAS])
