"""One ONNX graph, run by ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import onnxruntime as ort

from classify_anything.backbones.descriptions import BY_NAME, DEFAULT
from classify_anything.errors import BackboneError, BuildError
from classify_anything.types import Float32Array, UInt8Array

_BATCH = 4
"""On a CPU a larger batch is slower per image (its activations leave the cache), and needs more
memory."""

_MAX_THREADS = 4


class Backbone:
    """Turns uint8 [n, size, size, 3] RGB images into float32 [n, dimension] unit embeddings.

    The graph has one input ``image`` and an output ``embedding`` of that form, so the pixel
    normalisation and the L2 norm are inside it. It may have other outputs of the same form.

    Args:
        path: the .onnx file.
        output: the output to use.
        threads: of ONNX Runtime; by default the number of cores, at most 4. They do not spin, so
            that the browser on the same machine keeps its share.

    Raises:
        BackboneError: the file is missing, is not an ONNX graph, or not of that form.
    """

    def __init__(self, path: Path, threads: int | None = None, output: str = "embedding") -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or min(os.cpu_count() or 1, _MAX_THREADS)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        if not path.is_file():
            raise BackboneError(f"{path}: no such backbone file.")
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has many exception types with no common base
            raise BackboneError(f"{path.name}: not an ONNX graph that can be run.") from error
        self._output = output
        self.size, self.dimension = self._read_form(path)
        self._path = path
        metadata = self._session.get_modelmeta().custom_metadata_map
        variant = "" if output == "embedding" else f"/{output}"
        self.name = metadata.get("name", path.stem) + variant
        self.fingerprint = (metadata.get("fingerprint") or _file_fingerprint(path)) + variant

    def embed(self, images: UInt8Array) -> Float32Array:
        """Embed uint8 [n, size, size, 3] RGB → float32 [n, dimension].

        Raises:
            BackboneError: the shape or type is wrong, or its numbers are not finite.
        """
        expected = (self.size, self.size, 3)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
            raise BackboneError(
                f"The backbone takes uint8 [n, {self.size}, {self.size}, 3], "
                f"not {images.dtype} {list(images.shape)}."
            )
        parts = [
            self._session.run([self._output], {"image": images[start : start + _BATCH]})[0]
            for start in range(0, len(images), _BATCH)
        ]
        embeddings = np.concatenate(parts) if parts else np.empty((0, self.dimension), np.float32)
        if not np.isfinite(embeddings).all():
            raise BackboneError(f"The backbone {self.name} gave numbers that are not finite.")
        return embeddings

    def for_workers(self) -> Backbone:
        """The same graph on one thread, for as many callers at once as there are cores.

        That is the fastest way through many images: no call waits for another's threads.
        """
        return Backbone(self._path, threads=1, output=self._output)

    def _read_form(self, path: Path) -> tuple[int, int]:
        inputs = {node.name: node for node in self._session.get_inputs()}
        outputs = {node.name: node for node in self._session.get_outputs()}
        match inputs, outputs.get(self._output):
            case {"image": image}, ort.NodeArg() as embedding if len(inputs) == 1:
                if image.type == "tensor(uint8)" and embedding.type == "tensor(float)":
                    match image.shape, embedding.shape:
                        case [_, int(height), int(width), 3], [_, int(d)] if height == width:
                            return height, d
        raise BackboneError(
            f"{path.name}: a backbone takes `image`, uint8 [n, size, size, 3], "
            f"and gives `{self._output}`, float32 [n, d]."
        )


def load_backbone(
    name: str | os.PathLike[str] | None = None, threads: int | None = None
) -> Backbone:
    """Open a backbone by name or by file; without one, the default.

    A name may end in the pooling of its last feature map: "efficientnet-lite0/mean" or "/grid".

    Raises:
        BackboneError: there is no such name or file, or the file cannot be used.
        BuildError: the package was installed without its default backbone.
    """
    given, _, output = (DEFAULT.name if name is None else os.fspath(name)).partition("/")
    description = BY_NAME.get(given)
    if description is None or (output and output not in description.poolings):
        path = Path(os.fspath(name or ""))
        if path.suffix != ".onnx":
            known = ", ".join(name for one in BY_NAME.values() for name in one.names)
            raise BackboneError(
                f"No backbone named '{name}'. There is {known}, or give an .onnx file."
            )
        return Backbone(path, threads)
    if not description.path.is_file():
        raise BuildError(
            f"The backbone {description.name} is not in this installation. "
            "Install the package again: pip builds it."
        )
    return Backbone(description.path, threads, output or "embedding")


def _file_fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
