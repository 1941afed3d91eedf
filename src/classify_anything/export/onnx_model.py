"""Open an exported ONNX file, which predicts without its project."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify_anything.errors import ExportError
from classify_anything.export.formats.onnx_metadata import (
    ExportMetadata,
    Probe,
    read_metadata,
    read_probe,
)
from classify_anything.export.formats.onnx_session import OUTPUTS, Answers, Head, Session
from classify_anything.images import ImageInput, Picture, to_square
from classify_anything.types import Class, Float32Array, Prediction, UInt8Array

_BATCH = 4
"""On a CPU a larger batch is slower per image: its activations leave the cache."""


class Exported:
    """A model loaded from an exported ONNX file. It predicts, but cannot be trained.

    Args:
        path: the file.

    Attributes:
        path: the file.
        metadata: stored in the file.

    Raises:
        ExportError: the file is missing, damaged, not an export, or from a newer version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._session = Session(self.path)
        texts = self._session.metadata
        try:
            self.metadata: ExportMetadata = read_metadata(texts)
            self.probe: Probe | None = read_probe(texts)
            self._check_form()
        except ExportError as error:
            raise ExportError(f"{self.path}: {error}") from None

    @property
    def labels(self) -> dict[int, str]:
        """The name of each class by its id, in the order of the classes."""
        return {item.id: item.name for item in self.metadata.classes}

    def classes(self) -> list[Class]:
        """Return the classes, in their order."""
        return list(self.metadata.classes)

    def predict(self, image: ImageInput | Picture) -> Prediction:
        """Predict the class of an image, as ``Classifier.predict`` does.

        The file contains no examples, so ``neighbors`` is empty, and ``typicality`` is 1 for
        a known class and 0 for "none of these".

        Raises:
            ImageError: the image cannot be read.
        """
        (prediction,) = self.predictions(to_square(image, self.metadata.size)[None])
        return prediction

    def predictions(self, squares: UInt8Array) -> list[Prediction]:
        """Predict the classes of squares, uint8 [n, size, size, 3] RGB."""
        answers = self.run(squares)
        known = self.metadata.known(answers.similarity)
        return [
            self._prediction(probabilities, bool(is_known))
            for probabilities, is_known in zip(answers.probabilities, known, strict=True)
        ]

    def known(self, similarity: Float32Array) -> npt.NDArray[np.bool_]:
        """Return where a prediction is not "none of these": bool, shaped as ``similarity``."""
        return self.metadata.known(similarity)

    def run(self, squares: UInt8Array) -> Answers:
        """Return all outputs of the file for squares, uint8 [n, size, size, 3] RGB.

        Raises:
            ExportError: the file cannot be run.
        """
        return Answers(*self._session.run_in_parts(OUTPUTS, _BATCH, image=squares))

    def embed(self, squares: UInt8Array) -> Float32Array:
        """Embed uint8 [n, size, size, 3] RGB → float32 [n, d]."""
        return self.run(squares).embedding

    def decide(self, embeddings: Float32Array) -> Answers:
        """Run only the head, on embeddings, float32 [n, d]."""
        return self._head.decide(embeddings)

    @functools.cached_property
    def _head(self) -> Head:
        import onnx  # noqa: PLC0415 - takes 0.2 s

        from classify_anything.export.formats.onnx_graph import head_of  # noqa: PLC0415 - imports onnx

        return Head(self.path, head_of(onnx.load(self.path)).SerializeToString())

    def _prediction(self, probabilities: Float32Array, known: bool) -> Prediction:
        trained = [
            (item, float(p))
            for item, p, examples in zip(
                self.metadata.classes, probabilities, self.metadata.examples, strict=True
            )
            if examples
        ]
        trained.sort(key=lambda pair: -pair[1])
        best, probability = trained[0]
        return Prediction(
            label=best.name if known else None,
            probability=probability if known else 0.0,
            probabilities={item.name: p for item, p in trained},
            neighbors=(),
            class_id=best.id if known else None,
            typicality=float(known),
        )

    def _check_form(self) -> None:
        inputs, outputs = self._session.inputs, self._session.outputs
        size, classes = self.metadata.size, len(self.metadata.classes)
        kind, shape = inputs.get("image", ("", []))
        is_image = kind == "tensor(uint8)" and len(shape) == 4 and shape[3] == 3
        if not self.metadata.any_size:
            is_image = is_image and shape[1:3] == [size, size]
        if not is_image or any(name not in outputs for name in OUTPUTS):
            raise ExportError("damaged: its inputs and outputs are not those of an export.")
        if outputs["probabilities"][1][1:] != [classes] or not any(self.metadata.examples):
            raise ExportError(f"damaged: it names {classes} classes, but predicts others.")


def load_export(path: str | os.PathLike[str]) -> Exported:
    """Open an ONNX file written by ``export``. Raises ExportError."""
    return Exported(path)
