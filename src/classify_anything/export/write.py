"""Writes a project in other forms."""

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
"""About so many letters a number takes in JSON."""


_SHARES = {"fp16": 0.5, "int8": 0.27}
"""What is left of the network."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: where, and what was found out on the way."""

    path: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """How an export is written; each form takes some of it.

    Attributes:
        precision: of the network; of "onnx" and "web".
        any_size: whether the file takes pictures of any size; of "onnx".
        smoothing: milliseconds in which an answer settles where it is served; of "onnx".
        read_only: whether the page only answers; of "web".
        embed: whether an element for other pages comes with the page; of "web".
        overwrite: whether an older export of that name is replaced.
        progress: is told how far it is.
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
    """Write a project in one of the forms of ``ExportFormat``; see ``Classifier.export``.

    Others may use the project meanwhile, so any thread will do. Options that the form does not have
    are ignored; ``check_options`` refuses them.
    """
    if form not in _FORMS:
        raise SettingError(f"No format {form!r}. There is: {', '.join(_FORMS)}.")
    options = options or Options()
    write, _ = _FORMS[form]
    if path.exists() and path.samefile(snapshot.path):
        raise OutputError(f"{path}: is the project itself; choose another name.")
    # Of many small products: a second thread that BLAS wakes for each costs more than it gives.
    with one_blas_thread():
        return Written(path, tuple(write(snapshot, path, options)))


def check_options(form: str, options: Options) -> None:
    """Refuse options that a form does not have, or that cannot be. Raises SettingError."""
    if options.precision not in get_args(Precision):
        known = ", ".join(get_args(Precision))
        raise SettingError(f"No precision {options.precision!r}. There is: {known}.")
    if not 0 <= options.smoothing <= MOST_SMOOTHING_MS:
        raise SettingError(
            f"Smoothing is from 0 to {MOST_SMOOTHING_MS} milliseconds, not {options.smoothing}."
        )
    usual, (_, taken) = Options(), _FORMS.get(form, (None, _OF_SOME))
    for name in _OF_SOME:
        if name not in taken and getattr(options, name) != getattr(usual, name):
            raise SettingError(f"The format {form} has no option {name.replace('_', '-')}.")


def has_head(form: str) -> bool:
    """Return whether a format needs what is learnt, and not only the examples."""
    return form in ("onnx", "web")


def estimated_sizes(project: Project) -> dict[str, int]:
    """About how many bytes each form would have now; as "onnx-int8" also in lesser precision.

    Of those that hold the network, none where that is no ONNX graph.
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
"""What writes each form, and the options that only some forms have."""

_OF_SOME = tuple(sorted({name for _, names in _FORMS.values() for name in names}))


def _vectors_by_label(snapshot: ProjectSnapshot) -> list[tuple[str, Float32Array]]:
    """Return float32 [n, d] of each class that has examples, in the order of the classes."""
    training_set = snapshot.model.training_set()
    class_ids = np.asarray(training_set.class_ids)
    return [
        (label, training_set.vectors[class_ids == class_id])
        for class_id, label in training_set.labels.items()
        if (class_ids == class_id).any()
    ]


def _images(snapshot: ProjectSnapshot, options: Options) -> Callable[[int], tuple[bytes, str]]:
    """Read images one by one, and report how many."""
    numbers = itertools.count(1)

    def image(example_id: int) -> tuple[bytes, str]:
        options.progress(Progress(next(numbers), len(snapshot.examples)))
        return snapshot.reader.image(example_id)

    return image
