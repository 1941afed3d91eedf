"""An ONNX graph, run by ONNX Runtime."""

from __future__ import annotations

import copy
import hashlib
import os
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime as ort

from classify_anything.backbones.backbone import Backbone, one_line
from classify_anything.backbones.form import Form
from classify_anything.backbones.providers import CPU, PROVIDERS
from classify_anything.errors import BackboneError, DamagedBackboneError
from classify_anything.types import Float32Array, UInt8Array

_BATCH = 4
"""On a CPU a larger batch is slower per image (its activations leave the cache), and needs more
memory."""
_BATCH_ELSEWHERE = 32

_MAX_THREADS = 4


class OnnxBackbone(Backbone):
    """A graph with one input ``image``, uint8 [n, size, size, 3] RGB, and an output ``embedding``,
    float32 [n, dimension]; any other graph that takes an image is given that form in memory.

    Args:
        path: the .onnx file.
        threads: of ONNX Runtime; by default the number of cores, at most 4. They do not spin, so
            that the browser on the same machine keeps its share.
        output: the output to use, of a graph of that form.
        form: what the file does not tell of itself; with it, the graph is always adapted.
        provider: what runs it, one of ``PROVIDERS``; ``open_checked`` sees that it can be trusted.

    Raises:
        BackboneError: the file is missing, is not an ONNX graph, or takes no image.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        output: str = "embedding",
        form: Form | None = None,
        provider: str = CPU,
    ) -> None:
        if not path.is_file():
            raise BackboneError(f"{path}: no such backbone file.")
        self._path, self._threads = path, threads
        self._output, self._form = output, form
        self._graph: bytes | None = None
        self.provider = provider
        if form is None:
            self._session = self._open(path)
        if form is not None or not self._has_the_form():
            name, fingerprint = self._adapt()
        else:
            metadata = self._session.get_modelmeta().custom_metadata_map
            variant = "" if output == "embedding" else f"/{output}"
            name = metadata.get("name", path.stem) + variant
            fingerprint = (metadata.get("fingerprint") or file_fingerprint(path)) + variant
        self.name, self.fingerprint = name, fingerprint
        ((batch, self.size, *_),) = (node.shape for node in self._session.get_inputs())
        many = _BATCH if provider == CPU else _BATCH_ELSEWHERE
        self.batch = batch if isinstance(batch, int) else many
        self.dimension = self._read_dimension()

    def for_workers(self) -> Backbone:
        """The same graph on one thread; on a graphics card, the same session."""
        if self.provider != CPU:
            return self
        return copy.copy(self)._on_one_thread()  # noqa: SLF001 - of its own class

    def graph(self) -> bytes:
        """See ``Backbone.graph``. Of another output than "embedding", that alone, so named."""
        graph = self._graph or self._path.read_bytes()
        if self._output == "embedding":
            return graph
        from classify_anything.backbones.onnx_output import with_output  # noqa: PLC0415 - slow

        return with_output(graph, self._output)

    def _on_one_thread(self) -> Self:
        self._threads = 1
        self._session = self._open(self._graph or self._path)
        return self

    def _run(self, images: UInt8Array) -> Float32Array:
        try:
            (embeddings,) = self._session.run([self._output], {"image": images})
        except Exception as error:  # ONNX Runtime has many exception types with no common base
            raise BackboneError(
                f"The backbone {self.name} cannot be run: {one_line(error)}"
            ) from error
        return np.asarray(embeddings, np.float32)

    def _open(self, graph: Path | bytes) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads or min(os.cpu_count() or 1, _MAX_THREADS)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        if isinstance(graph, bytes):
            # Somebody else's 8-bit weights may need more than the 16 bits that some processors
            # have for a sum; ours cannot (see ``precision.py``).
            options.add_session_config_entry("session.x64quantprecision", "1")
        wanted = PROVIDERS[self.provider]
        providers = list(dict.fromkeys([wanted, PROVIDERS[CPU]]))
        try:
            session = ort.InferenceSession(
                graph if isinstance(graph, bytes) else str(graph), options, providers=providers
            )
        except Exception as error:  # ONNX Runtime has many exception types with no common base
            message = f"{self._path.name}: not an ONNX graph that can be run."
            raise DamagedBackboneError(message) from error
        if session.get_providers()[0] != wanted:
            raise BackboneError(f"{self.provider} does not start on this machine.")
        return session

    def _has_the_form(self) -> bool:
        inputs = {node.name: node for node in self._session.get_inputs()}
        outputs = {node.name: node for node in self._session.get_outputs()}
        match inputs, outputs.get(self._output):
            case {"image": image}, ort.NodeArg() as embedding if len(inputs) == 1:
                if image.type == "tensor(uint8)" and embedding.type == "tensor(float)":
                    match image.shape, embedding.shape:
                        case [_, int(height), int(width), 3], [_, int()] if height == width:
                            return True
        return False

    def _adapt(self) -> tuple[str, str]:
        """Give the graph the form of a backbone; its name and its fingerprint."""
        from classify_anything.backbones.onnx_adapter import adapt  # noqa: PLC0415 - takes 0.2 s

        adapted = adapt(self._path, self._form or Form())
        self._graph = adapted.graph
        self._session = self._open(adapted.graph)
        return adapted.name, adapted.fingerprint

    def _read_dimension(self) -> int:
        (node,) = (one for one in self._session.get_outputs() if one.name == self._output)
        if isinstance(node.shape[1], int):
            return node.shape[1]
        return int(self._run(np.zeros((1, self.size, self.size, 3), np.uint8)).shape[1])


def file_fingerprint(path: Path) -> str:
    """The beginning of a file's sha256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
