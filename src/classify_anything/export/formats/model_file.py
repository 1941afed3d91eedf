"""All that a project has learnt, as one file that a browser reads: ``knowledge.bin``.

``CAKN``, then the length of the header (uint32, little-endian), the header (UTF-8 JSON, filled with
spaces to a multiple of 4 bytes), then numbers, little-endian: float32, but ``views`` float16 and
``levels`` int8. The header's ``arrays`` tells where each array starts, counted in float32, and how
many numbers it has. ``vectors`` may be empty: then ``levels`` are the same vectors but for their
lengths.
``web/src/lib/browser/knowledge.ts`` reads it.
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
    """A project at one moment: what it takes to decide as it does, and to go on learning.

    Attributes:
        project: its name.
        uid: of the project; see ``Store.uid``.
        revision: of the project.
        backbone: name, fingerprint, size, dimension.
        classes: in their order.
        examples: oldest first.
        vectors: float32 [n, d], unit vectors of the examples.
        head: the head that decides.
        strictness: see ``Settings``.
        familiar: float32 [m], see ``ProjectModel.familiar``.
        probe: float32 [d], the embedding of ``probe_picture``.
        views: by the ids of some examples, the embeddings float [8, d] of their views.
        coarse: whether the vectors are written in 8 bits; see ``levels.py``.
    """

    project: str
    uid: str
    revision: int
    backbone: Mapping[str, Any]
    classes: Sequence[Class]
    examples: Sequence[Example]
    vectors: Float32Array
    head: HeadParameters
    strictness: float
    familiar: Float32Array
    probe: Float32Array
    views: Mapping[int, npt.NDArray[np.floating]]
    coarse: bool = False


def write_browser_model(learnt: BrowserModel) -> bytes:
    """The file, as bytes."""
    head = learnt.head
    empty = np.empty(0, np.float32)
    arrays = {
        "vectors": empty if learnt.coarse else learnt.vectors,
        "familiar": learnt.familiar,
        "centre": head.arrays.get("centre", empty),
        "directions": head.arrays.get("directions", empty),
        "gains": head.arrays.get("gains", empty),
        "lengths": _lengths(learnt),
        "probe": learnt.probe,
    }
    places, start = {}, 0
    for name, array in arrays.items():
        places[name] = {"start": start, "length": array.size}
        start += array.size
    views = np.array(list(learnt.views.values()), "<f2")
    places["views"] = {"start": start, "length": views.size}
    start += views.size // 2  # d may be odd, but there are 8 views
    levels = to_levels(learnt.vectors) if learnt.coarse else np.empty(0, np.int8)
    places["levels"] = {"start": start, "length": levels.size}
    header = {
        "version": VERSION,
        "project": learnt.project,
        "uid": learnt.uid,
        "revision": learnt.revision,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "package": __version__,
        "backbone": dict(learnt.backbone),
        "classes": [
            {"id": item.id, "name": item.name, "color": item.color} for item in learnt.classes
        ],
        "examples": {
            "ids": [one.id for one in learnt.examples],
            "class_ids": [one.class_id for one in learnt.examples],
            "recording_ids": [one.recording_id for one in learnt.examples],
            "sources": [one.source for one in learnt.examples],
            "created_at": [_microseconds(one.created_at) for one in learnt.examples],
            "sha256": [one.sha256 for one in learnt.examples],
        },
        "head": {
            "name": head.name,
            "n_neighbors": head.parameters["n_neighbors"],
            "weights": head.parameters.get("weights", "uniform"),
            "balanced": head.parameters.get("balanced", False),
            "temperature": head.parameters.get("temperature", 1.0),
        },
        "viewed": list(learnt.views),
        "strictness": learnt.strictness,
        "arrays": places,
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    numbers = [np.ascontiguousarray(array, "<f4").tobytes() for array in arrays.values()]
    numbers += [views.tobytes(), levels.tobytes()]
    return MAGIC + struct.pack("<I", len(text)) + text + b"".join(numbers)


def _lengths(learnt: BrowserModel) -> Float32Array:
    """Return the lengths of the examples in the metric: a browser needs seconds for a thousand."""
    if learnt.head.name != "adaptive":
        return np.empty(0, np.float32)
    return Metric(**learnt.head.arrays).lengths(learnt.vectors)


def _microseconds(time: datetime) -> int:
    """Since 1970: whole numbers, by which an example is known again to the microsecond."""
    return (time - _EPOCH) // timedelta(microseconds=1)
