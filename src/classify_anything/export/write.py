"""Write a project in other formats."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from classify_anything.datasets.write import (
    new_file,
    new_folder,
    write_folder,
    write_tfjs_knn,
    write_zip,
)
from classify_anything.errors import BackboneError, OutputError, SettingError
from classify_anything.export.formats.static_page import page_bytes
from classify_anything.export.web_page import THUMBNAIL_BYTES, write_web_export
from classify_anything.project.project import Project
from classify_anything.project.snapshot import ProjectSnapshot
from classify_anything.settings import MOST_SMOOTHING_MS, USUAL_SMOOTHING_MS
from classify_anything.types import Float32Array, Progress
from classify_anything.workers import one_blas_thread

ExportFormat = Literal["zip", "folder", "onnx", "web", "tfjs-knn"]
Precision = Literal["fp32", "fp16", "int8"]

_DIGITS = 13
"""Average characters per number in JSON."""


_SHARES = {"fp16": 0.5, "int8": 0.27}
"""Size of the network relative to fp32."""


@dataclass(frozen=True, slots=True)
class Written:
    """The path of an export, and notes on it."""

    path: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an export; each format supports some of them.

    Attributes:
        precision: of the network; for "onnx" and "web".
        any_size: whether the file accepts pictures of any size; for "onnx".
        smoothing: time constant in milliseconds where the file is served; for "onnx".
        read_only: whether the page only predicts; for "web".
        embed: whether to add an element for embedding in other pages; for "web".
        overwrite: whether to replace an existing export.
        progress: called after each step.
    """

    precision: Precision = "fp32"
    any_size: bool = False
    smoothing: int = USUAL_SMOOTHING_MS
    read_only: bool = False
    embed: bool = False
    overwrite: bool = False
    progress: Callable[[Progress], object] = lambda _: None


def write_export(
    snapshot: ProjectSnapshot, path: Path, form: str, options: Options | None = None
) -> Written:
    """Write a project in one of the formats of ``ExportFormat``; see ``Classifier.export``.

    Safe on any thread while the project is in use. Options that the format does not support are
    ignored; ``check_options`` rejects them.
    """
    if form not in _FORMS:
        raise SettingError(f"Unknown format {form!r}. Choose {_choices(tuple(_FORMS))}.")
    options = options or Options()
    write, _ = _FORMS[form]
    if path.exists() and path.samefile(snapshot.path):
        raise OutputError(f"{path}: is the project itself; choose another name.")
    # The products are small: waking a second BLAS thread for each costs more than it saves.
    with one_blas_thread():
        return Written(path, tuple(write(snapshot, path, options)))


def check_options(form: str, options: Options) -> None:
    """Reject unsupported or invalid options. Raises SettingError."""
    if options.precision not in get_args(Precision):
        choices = _choices(get_args(Precision))
        raise SettingError(f"Unknown precision {options.precision!r}. Choose {choices}.")
    if not 0 <= options.smoothing <= MOST_SMOOTHING_MS:
        raise SettingError(
            f"Smoothing is from 0 to {MOST_SMOOTHING_MS} milliseconds, not {options.smoothing}."
        )
    usual, (_, taken) = Options(), _FORMS.get(form, (None, _OF_SOME))
    for name in _OF_SOME:
        if name not in taken and getattr(options, name) != getattr(usual, name):
            raise SettingError(f"The format {form} has no option {name.replace('_', '-')}.")


def _choices(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def has_head(form: str) -> bool:
    """Return whether a format contains the trained head."""
    return form in ("onnx", "web")


def estimated_sizes(project: Project) -> dict[str, int]:
    """Estimate the bytes of each format; quantized ones have keys such as "onnx-int8".

    Formats that contain the network are left out if it is not an ONNX graph.
    """
    count, numbers = len(project), len(project) * project.backbone.dimension
    sizes = {"zip": project.store.image_bytes(), "tfjs-knn": _DIGITS * numbers}
    try:
        graph = len(project.backbone.graph())
    except BackboneError:  # a .tflite
        return sizes
    beside = {"onnx": 4 * numbers, "web": page_bytes() + 4 * numbers + THUMBNAIL_BYTES * count}
    smaller = {
        f"{form}-{precision}": int(graph * share) + rest
        for form, rest in beside.items()
        for precision, share in _SHARES.items()
    }
    return {
        **{form: graph + rest for form, rest in beside.items()},
        **smaller,
        **sizes,
    }


def _zip(snapshot: ProjectSnapshot, path: Path, options: Options) -> tuple[str, ...]:
    with new_file(path, overwrite=options.overwrite) as file:
        write_zip(file, snapshot.classes, snapshot.examples, _images(snapshot, options))
    return ()


def _folder(snapshot: ProjectSnapshot, path: Path, options: Options) -> tuple[str, ...]:
    with new_folder(path, overwrite=options.overwrite) as folder:
        write_folder(folder, snapshot.classes, snapshot.examples, _images(snapshot, options))
    return ()


def _onnx(snapshot: ProjectSnapshot, path: Path, options: Options) -> tuple[str, ...]:
    from classify_anything.export.onnx_file import write_onnx  # noqa: PLC0415 - takes 0.3 s

    return write_onnx(
        snapshot,
        path,
        overwrite=options.overwrite,
        precision=options.precision,
        any_size=options.any_size,
        smoothing=options.smoothing,
        progress=options.progress,
    )


def _web(snapshot: ProjectSnapshot, path: Path, options: Options) -> tuple[str, ...]:
    return write_web_export(
        snapshot,
        path,
        overwrite=options.overwrite,
        precision=options.precision,
        read_only=options.read_only,
        embed=options.embed,
        progress=options.progress,
    )


def _tfjs_knn(snapshot: ProjectSnapshot, path: Path, options: Options) -> tuple[str, ...]:
    rows = _vectors_by_label(snapshot)
    total = sum(len(vectors) for _, vectors in rows)
    with new_file(path, overwrite=options.overwrite) as file:
        write_tfjs_knn(file, rows, lambda done: options.progress(Progress(done, total)))
    return ()


_Writer = Callable[[ProjectSnapshot, Path, Options], tuple[str, ...]]
_FORMS: dict[str, tuple[_Writer, tuple[str, ...]]] = {
    "zip": (_zip, ()),
    "folder": (_folder, ()),
    "onnx": (_onnx, ("precision", "any_size", "smoothing")),
    "web": (_web, ("precision", "read_only", "embed")),
    "tfjs-knn": (_tfjs_knn, ()),
}
"""The writer of each format, and the options that only some formats support."""

_OF_SOME = tuple(sorted({name for _, names in _FORMS.values() for name in names}))


def _vectors_by_label(snapshot: ProjectSnapshot) -> list[tuple[str, Float32Array]]:
    """Return float32 [n, d] for each class with examples, in class order."""
    training_set = snapshot.model.training_set()
    class_ids = np.asarray(training_set.class_ids)
    return [
        (label, training_set.vectors[class_ids == class_id])
        for class_id, label in training_set.labels.items()
        if (class_ids == class_id).any()
    ]


def _images(snapshot: ProjectSnapshot, options: Options) -> Callable[[int], tuple[bytes, str]]:
    """Return a function that reads an image and reports progress."""
    numbers = itertools.count(1)

    def image(example_id: int) -> tuple[bytes, str]:
        options.progress(Progress(next(numbers), len(snapshot.examples)))
        return snapshot.reader.image(example_id)

    return image
