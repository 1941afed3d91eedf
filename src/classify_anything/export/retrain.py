"""Retrain a project on the embeddings of another network, such as a quantized one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from classify_anything.errors import SettingError
from classify_anything.evaluation.evaluate import TrainingSet, summarize
from classify_anything.export.formats.int8_vectors import from_levels, to_levels
from classify_anything.export.formats.onnx_metadata import Precision
from classify_anything.heads import Head, HeldOut
from classify_anything.heads.parameters import HasParameters, HeadParameters
from classify_anything.images import to_square
from classify_anything.project.model import ProjectModel, threshold
from classify_anything.project.snapshot import ProjectSnapshot
from classify_anything.types import Float32Array, UInt8Array
from classify_anything.workers import map_ordered

Embed = Callable[[UInt8Array], Float32Array]
"""uint8 [n, size, size, 3] RGB → float32 [n, d]."""


class FittedHead:
    """A head fitted to a training set, and its rejection level.

    Args:
        training_set: all examples.
        head: a new head, which is fitted to all examples.
        rejection_level: see ``Settings``.
    """

    def __init__(self, training_set: TrainingSet, head: Head, rejection_level: float) -> None:
        self.training_set, self.head = training_set, training_set.fit("", head)
        self._rejection_level = rejection_level
        self._held: HeldOut | None = None

    def reference_scores(self) -> Float32Array:
        """Return the typicality of each example without its recording, float32 [m], ascending."""
        held = self._held_out()
        return np.sort(held.typicalities[~held.single_recording])

    def freeze(self) -> HeadParameters:
        """Return the head as plain numbers. Raises SettingError if it cannot be exported."""
        if not isinstance(self.head, HasParameters):
            raise SettingError(f"A {type(self.head).__name__} cannot be exported.")
        return self.head.freeze()

    def threshold(self) -> float | None:
        """Return the typicality that a known prediction exceeds; None if all are known."""
        if self._rejection_level <= 0:
            return None
        return threshold(self.reference_scores(), self._rejection_level)

    def accuracy(self) -> float | None:
        """Return the accuracy on examples without their recording; None if it is unknown."""
        held = self._held_out()
        if not len(held.keys):
            return None
        groups = dict(zip(self.training_set.keys, self.training_set.groups, strict=True))
        recordings = [groups[key] for key in held.keys.tolist()]
        return summarize("", held, recordings, self.training_set.labels).accuracy

    def _held_out(self) -> HeldOut:
        if self._held is None:
            self._held = self.head.held_out()
        return self._held


def fit_head(model: ProjectModel, training_set: TrainingSet) -> FittedHead:
    """Fit a new head of the model's kind to a training set.

    Raises:
        SettingError: the project's head was passed to ``Classifier``, and cannot be created again.
    """
    return FittedHead(training_set, model.new_head(), model.settings.rejection_level)


def reembed_training_set(
    snapshot: ProjectSnapshot,
    training_set: TrainingSet,
    embed: Embed,
    size: int,
    precision: Precision,
    progress: Callable[[int], object] = lambda _: None,
) -> TrainingSet:
    """Return the training set with the embeddings of another network.

    For "int8" a page stores its embeddings in 8 bits, so the head must train on the rounded ones.
    ``progress`` is called with the number of embedded pictures.
    """

    def embed_one(data: bytes) -> Float32Array:
        (vector,) = embed(to_square(data, size)[None])
        return np.asarray(vector, np.float32)

    pictures = (snapshot.image(key) for key in training_set.keys)
    embedded = list[Float32Array]()
    with contextlib.closing(map_ordered(embed_one, pictures)) as results:
        for vector in results:
            embedded.append(vector)
            progress(len(embedded))
    vectors = np.stack(embedded)
    if precision == "int8":
        vectors = from_levels(to_levels(vectors))
    return replace(training_set, vectors=vectors)


def sample_keys(keys: Sequence[int], most: int) -> list[int]:
    """Return at most ``most`` keys, evenly spaced."""
    chosen = np.linspace(0, len(keys) - 1, min(len(keys), most)).astype(np.int64)
    return [keys[place] for place in chosen.tolist()]


def load_images(snapshot: ProjectSnapshot, keys: Sequence[int], size: int) -> UInt8Array:
    """Load and crop the images of examples: uint8 [n, size, size, 3]."""
    pictures = (snapshot.image(key) for key in keys)
    cut = map_ordered(lambda data: to_square(data, size), pictures)
    return np.stack(list(cut))
