"""What an export is compared with: the project, or a head that was taught anew."""

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
"""What a float32 product of a thousand terms may be off by."""
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class ExpectedOutput:
    """What is expected of one picture.

    Attributes:
        probabilities: float32 [classes].
        typicality: of the picture, as the head measures it.
        known: whether it is not "none of these".
        slack: how exact a probability can be.
    """

    probabilities: Float32Array
    typicality: float
    known: bool
    slack: float


class Reference(Protocol):
    """What an export is compared with."""

    def embed(self, pictures: UInt8Array) -> Float32Array: ...

    def decide(self, embeddings: Float32Array) -> list[ExpectedOutput]: ...


class SnapshotReference:
    """A project as it was: whatever is taught meanwhile makes no difference.

    Args:
        snapshot: what it was.
        metadata: what the export says of itself.
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
        """What the project said."""
        found = []
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
            found.append(ExpectedOutput(probabilities, decision.typicality, known, slack))
        return found


class RefitReference:
    """A head that was taught anew, with the network that it was taught by."""

    def __init__(self, fitted: FittedHead, embed: Embed, metadata: ExportMetadata) -> None:
        self._fitted, self._metadata = fitted, metadata
        self.embed = embed
        ids = {id_: code for code, id_ in enumerate(fitted.training_set.labels)}
        pairs = zip(fitted.training_set.keys, fitted.training_set.class_ids, strict=True)
        self._codes = {key: ids[class_id] for key, class_id in pairs}

    def decide(self, embeddings: Float32Array) -> list[ExpectedOutput]:
        """What the head says."""
        threshold = self._fitted.threshold()
        found = []
        for decision in self._fitted.head.decide_many(embeddings):
            codes = [self._codes[key] for key in decision.keys.tolist()]
            near = decision.similarities.tolist()
            slack = _slack(self._metadata, decision.probabilities, codes, near)
            known = threshold is None or decision.typicality > threshold
            found.append(ExpectedOutput(decision.probabilities, decision.typicality, known, slack))
        return found


def _slack(
    metadata: ExportMetadata,
    probabilities: Float32Array,
    codes: Sequence[int],
    similarities: Sequence[float],
) -> float:
    """How much a probability hangs on the last digits of the neighbours' similarities."""
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
