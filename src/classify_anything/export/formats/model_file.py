"""The model of a project as one file for the browser: ``model.bin``.

``CAKN``, the length of the header (uint32, little-endian), the header (UTF-8 JSON, padded with
spaces to a multiple of 4 bytes), then little-endian numbers: float32, but ``views`` float16 and
``levels`` int8. The header's ``arrays`` contains the start, in float32 numbers, and the
length of each. ``vectors`` may be empty: ``levels`` are then the same vectors, not normalised.
``web/src/lib/browser/browser-model.ts`` reads it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from classify_anything._version import __version__
from classify_anything.constants import CONSTANTS
from classify_anything.export.formats.int8_vectors import to_levels
from classify_anything.heads.metric import Metric
from classify_anything.heads.parameters import HeadParameters
from classify_anything.types import Class, Example, Float32Array

_FORMAT = CONSTANTS["browser_model"]
MAGIC: bytes = _FORMAT["magic"].encode()
VERSION: int = _FORMAT["version"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BrowserModel:
    """A snapshot of a project, with everything needed to predict and to keep learning.

    Attributes:
        project: its name.
        uid: of the project; see ``Store.uid``.
        revision: of the project.
        backbone: name, fingerprint, size, dimension.
        classes: in order.
        examples: oldest first.
        vectors: float32 [n, d], unit vectors of the examples.
        head: the parameters of its head.
        rejection_level: see ``Settings``.
        reference_scores: float32 [m], see ``ProjectModel.reference_scores``.
        probe: float32 [d], the embedding of ``probe_picture``.
        views: by the ids of some examples, the embeddings float [8, d] of their views.
        coarse: whether to write the vectors in 8 bits; see ``int8_vectors.py``.
    """

    project: str
    uid: str
    revision: int
    backbone: Mapping[str, Any]
    classes: Sequence[Class]
    examples: Sequence[Example]
    vectors: Float32Array
    head: HeadParameters
    rejection_level: float
    reference_scores: Float32Array
    probe: Float32Array
    views: Mapping[int, npt.NDArray[np.floating]]
    coarse: bool = False


def write_browser_model(model: BrowserModel, after: int = 0) -> bytes:
    """Return the bytes of the file, with the vectors of examples whose id exceeds ``after``.

    The vector of an example never changes, so a page needs each of them once.
    """
    head = model.head
    empty = np.empty(0, np.float32)
    newer = np.array([one.id > after for one in model.examples], np.bool_)
    arrays = {
        "vectors": empty if model.coarse else model.vectors[newer],
        "reference_scores": model.reference_scores,
        "centre": head.arrays.get("centre", empty),
        "directions": head.arrays.get("directions", empty),
        "gains": head.arrays.get("gains", empty),
        "lengths": _lengths(model),
        "probe": model.probe,
    }
    places, start = {}, 0
    for name, array in arrays.items():
        places[name] = {"start": start, "length": array.size}
        start += array.size
    views = np.array(list(model.views.values()), "<f2")
    places["views"] = {"start": start, "length": views.size}
    start += views.size // 2  # d may be odd, but there are 8 views
    levels = to_levels(model.vectors) if model.coarse else np.empty(0, np.int8)
    places["levels"] = {"start": start, "length": levels.size}
    header = {
        "version": VERSION,
        "project": model.project,
        "uid": model.uid,
        "revision": model.revision,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "package": __version__,
        "backbone": dict(model.backbone),
        "classes": [
            {"id": item.id, "name": item.name, "color": item.color} for item in model.classes
        ],
        "examples": {
            "ids": [one.id for one in model.examples],
            "class_ids": [one.class_id for one in model.examples],
            "recording_ids": [one.recording_id for one in model.examples],
            "sources": [one.source for one in model.examples],
            "created_at": [_microseconds(one.created_at) for one in model.examples],
            "sha256": [one.sha256 for one in model.examples],
        },
        "head": {
            "name": head.name,
            "n_neighbors": head.parameters["n_neighbors"],
            "weights": head.parameters.get("weights", "uniform"),
            "balanced": head.parameters.get("balanced", False),
            "temperature": head.parameters.get("temperature", 1.0),
        },
        "viewed": list(model.views),
        "rejection_level": model.rejection_level,
        "arrays": places,
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    numbers = [np.ascontiguousarray(array, "<f4").tobytes() for array in arrays.values()]
    numbers += [views.tobytes(), levels.tobytes()]
    return MAGIC + struct.pack("<I", len(text)) + text + b"".join(numbers)


def _lengths(model: BrowserModel) -> Float32Array:
    """Return the lengths of the examples in the metric: a browser needs seconds for a thousand."""
    if model.head.name != "adaptive":
        return np.empty(0, np.float32)
    return Metric(**model.head.arrays).lengths(model.vectors)


def _microseconds(time: datetime) -> int:
    """Return microseconds since 1970, by which an example is recognised."""
    return (time - _EPOCH) // timedelta(microseconds=1)
