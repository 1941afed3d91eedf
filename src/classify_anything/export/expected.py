"""References that an export is compared with: the project, or a retrained head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from classify_anything.export.formats.onnx_metadata import ExportMetadata
from classify_anything.export.retrain import Embed, FittedHead
from classify_anything.heads.neighbors import SMALLEST_DISTANCE
from classify_anything.project.snapshot import ProjectSnapshot
from classify_anything.types import Float32Array, UInt8Array

_NOISE = 1e-6
"""Rounding error of a float32 dot product of a thousand terms."""
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class ExpectedOutput:
    """Expected output for one picture.

    Attributes:
        probabilities: float32 [classes].
        typicality: of the picture, according to the head.
        known: whether the picture is not "none of these".
        slack: numerical error of the probabilities.
    """

    probabilities: Float32Array
    typicality: float
    known: bool
    slack: float


class Reference(Protocol):
    """Embed pictures and predict, as an export should."""

    def embed(self, pictures: UInt8Array) -> Float32Array: ...

    def decide(self, embeddings: Float32Array) -> list[ExpectedOutput]: ...


class SnapshotReference:
    """A snapshot of a project; later training does not change it.

    Args:
        snapshot: the project.
        metadata: of the export.
    """

    def __init__(self, snapshot: ProjectSnapshot, metadata: ExportMetadata) -> None:
        self._model, self._metadata = snapshot.model, metadata
        self._backbone = snapshot.backbone
        self._codes = {item.id: code for code, item in enumerate(metadata.classes)}

    def embed(self, pictures: UInt8Array) -> Float32Array:
        """uint8 [n, size, size, 3] → float32 [n, d]."""
        blocks = np.split(pictures, range(_BLOCK, len(pictures), _BLOCK))
        return np.concatenate([self._backbone.embed(block) for block in blocks])

    def decide(self, embeddings: Float32Array) -> list[ExpectedOutput]:
        """Return the project's predictions."""
        expected = []
        model = self._model
        for decision in model.decide(embeddings):
            prediction = model.prediction(decision)
            probabilities = np.array(
                [prediction.probabilities.get(item.name, 0) for item in self._metadata.classes],
                np.float32,
            )
            codes = [self._codes[neighbor.class_id] for neighbor in prediction.neighbors]
            near = [neighbor.similarity for neighbor in prediction.neighbors]
            slack = _slack(self._metadata, probabilities, codes, near)
            known = prediction.label is not None
            expected.append(ExpectedOutput(probabilities, decision.typicality, known, slack))
        return expected


class RefitReference:
    """A retrained head and the network that it was trained on."""

    def __init__(self, fitted: FittedHead, embed: Embed, metadata: ExportMetadata) -> None:
        self._fitted, self._metadata = fitted, metadata
        self.embed = embed
        ids = {id_: code for code, id_ in enumerate(fitted.training_set.labels)}
        pairs = zip(fitted.training_set.keys, fitted.training_set.class_ids, strict=True)
        self._codes = {key: ids[class_id] for key, class_id in pairs}

    def decide(self, embeddings: Float32Array) -> list[ExpectedOutput]:
        """Return the head's predictions."""
        threshold = self._fitted.threshold()
        expected = []
        for decision in self._fitted.head.decide_many(embeddings):
            codes = [self._codes[key] for key in decision.keys.tolist()]
            near = decision.similarities.tolist()
            slack = _slack(self._metadata, decision.probabilities, codes, near)
            known = threshold is None or decision.typicality > threshold
            expected.append(
                ExpectedOutput(decision.probabilities, decision.typicality, known, slack)
            )
        return expected


def _slack(
    metadata: ExportMetadata,
    probabilities: Float32Array,
    codes: Sequence[int],
    similarities: Sequence[float],
) -> float:
    """Return the largest error of a probability due to rounding in the similarities."""
    if metadata.head not in ("knn", "cosine") or metadata.parameters.get("weights") != "distance":
        return 0.0
    distances = np.maximum(1 - np.asarray(similarities), SMALLEST_DISTANCE)
    votes = np.ones(len(distances))
    if metadata.parameters.get("balanced"):
        votes = 1 / np.sqrt(np.maximum(np.asarray(metadata.examples)[list(codes)], 1))
    shares = votes / distances / (votes / distances).sum()
    member = np.asarray(codes)[:, None] == np.arange(len(probabilities))
    change = np.abs(member - probabilities) * (shares * _NOISE / distances)[:, None]
    return float(change.sum(axis=0).max())
