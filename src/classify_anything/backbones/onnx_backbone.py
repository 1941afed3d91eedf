"""An ONNX graph, run by ONNX Runtime."""

from __future__ import annotations

import contextlib
import copy
import os
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime as ort

from classify_anything.backbones.backbone import Backbone, fingerprint_of, one_line
from classify_anything.backbones.files import is_file
from classify_anything.backbones.model_spec import ModelSpec
from classify_anything.backbones.providers import CPU, PROVIDERS
from classify_anything.errors import BackboneError, DamagedBackboneError
from classify_anything.types import Float32Array, UInt8Array

_BATCH = 4
"""On a CPU, larger batches are slower per image (activations leave the cache), and need more
memory."""
_GPU_BATCH = 32

MAX_THREADS = 4

_EXTERNAL_DATA = b"location"
"""Occurs in every file with external weights; only such files are also read by onnx."""


class OnnxBackbone(Backbone):
    """An ONNX graph from ``image``, uint8 [n, size, size, 3] RGB, to ``embedding``, float32
    [n, dimension]; any other graph that takes an image is adapted in memory.

    Args:
        path: the .onnx file.
        threads: of ONNX Runtime (default: the number of cores, at most 4). They do not spin, which
            leaves time for the browser on the same machine.
        output: the output to use, if the graph needs no adaptation.
        form: information missing from the file; with it, the graph is always adapted.
        provider: one of ``PROVIDERS``; ``open_checked`` verifies its results.

    Raises:
        BackboneError: the file is missing, is not an ONNX graph, lacks weights, or takes no image.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        output: str = "embedding",
        form: ModelSpec | None = None,
        provider: str = CPU,
    ) -> None:
        if not is_file(path):
            raise BackboneError(f"{path}: no such backbone file.")
        self._path, self._threads = path, threads
        self._output, self._form = output, form
        self._graph: bytes | None = None
        self.provider = provider
        if form is None:
            self._session = self._open(path)
        if form is not None or not self._is_backbone():
            name, fingerprint = self._adapt()
        else:
            name, fingerprint = self._identify()
        self.name, self.fingerprint = name, fingerprint
        ((batch, self.size, *_),) = (node.shape for node in self._session.get_inputs())
        many = _BATCH if provider == CPU else _GPU_BATCH
        self.batch = batch if isinstance(batch, int) else many
        self.dimension = self._read_dimension()

    def for_workers(self) -> Backbone:
        """Return the same graph on one thread; on a GPU, the same session."""
        if self.provider != CPU:
            return self
        return copy.copy(self)._on_one_thread()  # noqa: SLF001 - of its own class

    def graph(self) -> bytes:
        """Return the graph, with the chosen output named "embedding"; see ``Backbone.graph``."""
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
        options.intra_op_num_threads = self._threads or min(os.cpu_count() or 1, MAX_THREADS)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        if isinstance(graph, bytes):
            # Foreign 8-bit weights may overflow the 16-bit sums of some CPUs; ours cannot (see
            # ``backbones/quantize.py``).
            options.add_session_config_entry("session.x64quantprecision", "1")
        wanted = PROVIDERS[self.provider]
        providers = list(dict.fromkeys([wanted, PROVIDERS[CPU]]))
        try:
            session = ort.InferenceSession(
                graph if isinstance(graph, bytes) else str(graph),
                options,
                providers=providers,
                enable_fallback=False,  # which would print
            )
            for node in (*session.get_inputs(), *session.get_outputs()):
                str(node.name)  # raises unless it is valid text
        except Exception as error:  # ONNX Runtime has many exception types with no common base
            raise self._why_not(graph) from error
        if session.get_providers()[0] != wanted:
            raise self._not_started()
        return session

    def _why_not(self, graph: Path | bytes) -> BackboneError:
        """Return why a graph cannot be run."""
        if self.provider != CPU:  # it ran on the CPU before
            return self._not_started()
        if isinstance(graph, Path):
            from classify_anything.backbones.onnx_file import read_onnx  # noqa: PLC0415 - 0.2 s

            with contextlib.suppress(DamagedBackboneError):
                read_onnx(graph)
        return DamagedBackboneError(f"{self._path.name}: not an ONNX graph that can be run.")

    def _not_started(self) -> BackboneError:
        return BackboneError(f"{self.provider} does not start on this machine.")

    def _is_backbone(self) -> bool:
        inputs = {node.name: node for node in self._session.get_inputs()}
        outputs = {node.name: node for node in self._session.get_outputs()}
        match inputs, outputs.get(self._output):
            case {"image": image}, ort.NodeArg() as embedding if len(inputs) == 1:
                if image.type == "tensor(uint8)" and embedding.type == "tensor(float)":
                    match image.shape, embedding.shape:
                        case [1 | str() | None, int(height), int(width), 3], [_, int()]:
                            return bool(height == width)
        return False

    def _identify(self) -> tuple[str, str]:
        """Return the name and the fingerprint of a graph that needs no adaptation."""
        metadata = self._session.get_modelmeta().custom_metadata_map
        fingerprint = metadata.get("fingerprint")
        if fingerprint is None:
            parts = [self._path.read_bytes()]
            if _EXTERNAL_DATA in parts[0]:
                from classify_anything.backbones.onnx_file import read_onnx  # noqa: PLC0415 - 0.2 s

                file = read_onnx(self._path)
                parts = file.parts
                if len(parts) > 1:
                    self._graph = file.model.SerializeToString(deterministic=True)
            fingerprint = fingerprint_of(*parts)
        variant = "" if self._output == "embedding" else f"/{self._output}"
        return metadata.get("name", self._path.stem) + variant, fingerprint + variant

    def _adapt(self) -> tuple[str, str]:
        """Adapt the graph, and return its name and fingerprint."""
        from classify_anything.backbones.onnx_adapter import adapt  # noqa: PLC0415 - takes 0.2 s

        adapted = adapt(self._path, self._form or ModelSpec())
        self._graph = adapted.graph
        self._session = self._open(adapted.graph)
        return adapted.name, adapted.fingerprint

    def _read_dimension(self) -> int:
        (node,) = (one for one in self._session.get_outputs() if one.name == self._output)
        shape = node.shape[1:]
        if not shape or not isinstance(shape[0], int):
            _, *shape = self._run(np.zeros((1, self.size, self.size, 3), np.uint8)).shape
        if len(shape) != 1 or not shape[0]:
            raise BackboneError(f"The backbone {self.name} returns no row of numbers per image.")
        return int(shape[0])
