"""Run exported ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from classify_anything.errors import ExportError
from classify_anything.types import Float32Array
from classify_anything.workers import worker_count

OUTPUTS = ("probabilities", "similarity", "embedding")

_MAX_THREADS = 4
_HEAD_BATCH = 64
"""Embeddings at once: k-NN compares each with all examples."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The outputs of an export for n images.

    Attributes:
        probabilities: float32 [n, classes].
        similarity: float32 [n], the typicality.
        embedding: float32 [n, d].
    """

    probabilities: Float32Array
    similarity: Float32Array
    embedding: Float32Array


class Session:
    """An open ONNX graph.

    Args:
        path: the export, for messages.
        graph: the graph from the export; by default, the export itself is the graph.

    Attributes:
        metadata: texts by name.
        inputs, outputs: type and shape, by name.

    Raises:
        ExportError: it is missing, or cannot be run.
    """

    def __init__(self, path: Path, graph: bytes | None = None) -> None:
        if graph is None and not path.is_file():
            raise ExportError(f"{path}: no such file.")
        options = ort.SessionOptions()
        options.intra_op_num_threads = min(worker_count(), _MAX_THREADS)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(
                str(path) if graph is None else graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has many exception types with no common base
            raise ExportError(f"{path}: not an ONNX file that can be run.") from error
        self._path = path
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.inputs, self.outputs = (
            {node.name: (node.type, node.shape) for node in nodes}
            for nodes in (self._session.get_inputs(), self._session.get_outputs())
        )

    def run(self, outputs: Sequence[str], **inputs: Any) -> list[Float32Array]:
        """Return the outputs for inputs, arrays by name. Raises ExportError."""
        try:
            found = self._session.run(list(outputs), inputs)
        except Exception as error:  # ONNX Runtime has many exception types with no common base
            line = " ".join(str(error).split())[:200]
            raise ExportError(f"{self._path}: cannot be run ({line}).") from error
        return [np.asarray(one, np.float32) for one in found]

    def run_in_parts(self, outputs: Sequence[str], size: int, **inputs: Any) -> list[Float32Array]:
        """Run batches of ``size`` rows of the only input, or of its fixed batch size."""
        ((name, rows),) = inputs.items()
        _, (fixed, *_) = self.inputs[name]
        size = fixed if isinstance(fixed, int) else size
        parts = [
            self.run(outputs, **{name: rows[start : start + size]})
            for start in range(0, max(len(rows), 1), size)
        ]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


class Head:
    """The head of an export, without its backbone.

    Args:
        path: the export, for messages.
        graph: ``embedding`` float32 [n, d] → ``probabilities`` and ``similarity``.
    """

    def __init__(self, path: Path, graph: bytes) -> None:
        self._session = Session(path, graph)

    def decide(self, embeddings: Float32Array) -> Answers:
        """Classify embeddings, float32 [n, d]. Raises ExportError."""
        probabilities, similarity = self._session.run_in_parts(
            OUTPUTS[:2], _HEAD_BATCH, embedding=embeddings
        )
        return Answers(probabilities, similarity, embeddings)
