"""Run .tflite networks with LiteRT, including quantized ones."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from classify_anything.backbones.backbone import Backbone, fingerprint_of, one_line
from classify_anything.backbones.layer import Layer
from classify_anything.backbones.model_spec import TOKENS, ModelSpec
from classify_anything.errors import BackboneError, MissingExtraError
from classify_anything.settings import QUIET_VARIABLE
from classify_anything.types import Float32Array, UInt8Array

REVISION = 1
"""Increment it when the same file and form yield other embeddings."""

DEFAULT_SIZE = 224
DEFAULT_MEAN = DEFAULT_STD = (127.5, 127.5, 127.5)
"""Pixels from -1 to 1, the default of TensorFlow and Teachable Machine."""

_STANDARD_ERROR = threading.Lock()
_MAX_THREADS = 4
_ZERO_OF_INT8 = 128
_TYPES = {np.dtype(np.uint8), np.dtype(np.int8), np.dtype(np.float32)}


class TFLiteBackbone(Backbone):
    """A .tflite network; its output or an inner tensor, as unit rows, is the embedding.

    Converts numbers by the scales and zero points of a quantized file.

    Args:
        path: the .tflite file.
        threads: number of threads (default: the number of cores, at most 4).
        form: information missing from the file.

    Raises:
        BackboneError: the file is missing, is not a .tflite network, or takes no image.
        MissingExtraError: ai-edge-litert is not installed.
    """

    provider = "cpu"
    batch = 1

    def __init__(
        self, path: Path, threads: int | None = None, form: ModelSpec | None = None
    ) -> None:
        if importlib.util.find_spec("ai_edge_litert") is None:
            raise MissingExtraError(
                f"{path.name}: .tflite networks require LiteRT: "
                'pip install "classify-anything[tflite]"'
            )
        self._form = form or ModelSpec()
        self._threads = threads or min(os.cpu_count() or 1, _MAX_THREADS)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise BackboneError(f"{path}: no such backbone file.") from error
        except OSError as error:
            raise BackboneError(f"{path}: cannot be read ({error.strerror}).") from error
        try:
            self._network = _cut(data, self._form)
            runner = _Runner(self._network, self._threads, self._form)
        except BackboneError as error:
            raise BackboneError(f"{path.name}: {error}") from None
        self.name = self._form.name or path.stem
        self.fingerprint = fingerprint_of(data, f"{self._form.identity} {REVISION}".encode())
        self.size, self.dimension = runner.size, runner.dimension
        self._runners = threading.local()
        self._runners.own = runner

    def for_workers(self) -> Backbone:
        """Return the same network, with a single-threaded interpreter per caller's thread."""
        return copy.copy(self)._on_one_thread()  # noqa: SLF001 - of its own class

    def layers(self) -> list[Layer]:
        """Return its layers; see ``layer_profile.py``."""
        from classify_anything.backbones.tflite_graph import TFLiteGraph  # noqa: PLC0415 - an extra
        from classify_anything.backbones.tflite_layers import tflite_layers  # noqa: PLC0415

        runner = _Runner(self._network, 1, self._form)
        return tflite_layers(TFLiteGraph(self._network), runner.shapes)

    def _on_one_thread(self) -> Self:
        self._threads, self._runners = 1, threading.local()
        return self

    def _run(self, images: UInt8Array) -> Float32Array:
        # An interpreter is for one caller at a time.
        runner = getattr(self._runners, "own", None)
        if runner is None:
            runner = self._runners.own = _Runner(self._network, self._threads, self._form)
        return np.stack([runner.run(image) for image in images])


class _Runner:
    """An interpreter with its preprocessing and pooling."""

    def __init__(self, network: bytes, threads: int, form: ModelSpec) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - an extra

        self._form = form
        try:
            with _silent():
                self._interpreter = Interpreter(model_content=network, num_threads=threads)
            self._input = _image_input(self._interpreter.get_input_details(), form)
            self._place = self._input["index"]
            self.size = _size(self._input, form)
            whole = [1, self.size, self.size, 3]
            nchw = _channels_first(self._input)
            self._axes = (2, 0, 1) if nchw else (0, 1, 2)
            form_of_input = [1, 3, self.size, self.size] if nchw else whole
            if list(self._input["shape"]) != form_of_input:
                self._interpreter.resize_tensor_input(self._place, form_of_input)
            with _silent():
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BackboneError(f"LiteRT cannot run the network ({one_line(error)}).") from error
        self._table = _pixel_table(self._input, form)
        (self._output,) = self._interpreter.get_output_details()
        self.dimension = len(self.run(np.zeros((self.size, self.size, 3), np.uint8)))

    @property
    def shapes(self) -> dict[int, list[int]]:
        """The shapes of all tensors by number."""
        details = self._interpreter.get_tensor_details()
        return {one["index"]: one["shape"].tolist() for one in details}

    def run(self, image: UInt8Array) -> Float32Array:
        """Embed uint8 [size, size, 3] RGB → float32 [dimension], of length 1."""
        if self._form.channels == "BGR":
            image = image[:, :, ::-1]
        pixels = image if self._table is None else _looked_up(self._table, image)
        try:
            self._interpreter.set_tensor(self._place, pixels.transpose(self._axes)[None])
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise BackboneError(f"the network cannot be run ({one_line(error)}).") from error
        found = self._interpreter.get_tensor(self._output["index"])
        row = self._pool(_dequantized(found, self._output))
        length = np.linalg.norm(row)
        return np.asarray(row / length if 0 < length < np.inf else row, np.float32)

    def _pool(self, found: Float32Array) -> Float32Array:
        """Reduce [1, …, d] to [d]: the mean over a map's places, or the first token."""
        rows = found.reshape(-1, found.shape[-1])
        if found.ndim == 3 and self._form.pool is None:
            raise BackboneError(f"'{self._output['name']}' {TOKENS}")
        takes_first = found.ndim == 3 and self._form.pool == "first"
        return np.asarray(rows[0] if takes_first else rows.mean(axis=0), np.float32)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hide LiteRT's output if requested; LiteRT also raises its errors."""
    if not os.environ.get(QUIET_VARIABLE):
        yield
        return
    with _STANDARD_ERROR, open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - it is no path
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _cut(data: bytes, form: ModelSpec) -> bytes:
    from classify_anything.backbones.tflite_graph import TFLiteGraph  # noqa: PLC0415 - an extra

    graph = TFLiteGraph(data)
    features = graph.features(form.output)
    return data if graph.outputs == (features,) else graph.cut(features)


def _image_input(details: list[dict[str, Any]], form: ModelSpec) -> dict[str, Any]:
    described = "; ".join(
        f"'{one['name']}' {np.dtype(one['dtype']).name} {one['shape_signature'].tolist()}"
        for one in details
    )
    if form.input is not None and form.input not in [one["name"] for one in details]:
        raise BackboneError(f"unknown input '{form.input}'. Choose {described}.")
    if len(details) != 1:
        raise BackboneError(f"takes {len(details)} inputs ({described}), not an image.")
    (found,) = details
    shape = list(found["shape_signature"])
    if len(shape) != 4 or 3 not in (shape[1], shape[3]) or np.dtype(found["dtype"]) not in _TYPES:
        raise BackboneError(
            f"has no image input, but {described}. An image input is uint8, int8 or float32, "
            "[1, height, width, 3]."
        )
    return found


def _channels_first(details: dict[str, Any]) -> bool:
    return int(details["shape_signature"][3]) != 3


def _size(details: dict[str, Any], form: ModelSpec) -> int:
    shape = [int(one) for one in details["shape_signature"]]
    height, width = shape[2:] if _channels_first(details) else shape[1:3]
    sizes = {one for one in (height, width, form.size) if one is not None and one > 0}
    if len(sizes) > 1:
        wanted = f", not {form.size}" if height == width else "; only squares are supported"
        raise BackboneError(f"takes images of {height}×{width}{wanted}.")
    return next(iter(sizes), DEFAULT_SIZE)


def _pixel_table(details: dict[str, Any], form: ModelSpec) -> npt.NDArray[Any] | None:
    """Return the input for each pixel value and channel, [256, 3]; None if it is the same."""
    kind = np.dtype(details["dtype"])
    pixels = np.arange(256)[:, None].repeat(3, axis=1)
    scales, zeros = _quantization(details)
    if kind != np.float32 and form.mean is None and form.std is None:
        return None if kind == np.uint8 else (pixels - _ZERO_OF_INT8).astype(kind)
    values = (pixels - np.array(form.mean or DEFAULT_MEAN)) / np.array(form.std or DEFAULT_STD)
    if kind == np.float32:
        return np.asarray(values, np.float32)
    if not len(scales):
        raise BackboneError("takes unscaled pixels, so it does not support `mean` and `std`.")
    limits = np.iinfo(kind)
    levels = np.rint(values / scales[0] + zeros[0])
    return np.asarray(levels.clip(limits.min, limits.max), kind)


def _looked_up(table: npt.NDArray[Any], image: UInt8Array) -> npt.NDArray[Any]:
    planes = [np.take(table[:, channel], image[:, :, channel]) for channel in range(3)]
    return np.stack(planes, axis=2)


def _dequantized(numbers: npt.NDArray[Any], details: dict[str, Any]) -> Float32Array:
    scales, zeros = _quantization(details)
    if numbers.dtype == np.float32 or not len(scales):
        return numbers.astype(np.float32)
    return (numbers.astype(np.float32) - np.float32(zeros[0])) * np.float32(scales[0])


def _quantization(details: dict[str, Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    parameters = details["quantization_parameters"]
    return parameters["scales"], parameters["zero_points"]
