"""Write datasets and exports to files, atomically."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from classify_anything.datasets.metadata import CLASSES, METADATA, write_classes, write_metadata
from classify_anything.errors import OutputError
from classify_anything.types import Class, Example, Float32Array

_ENDINGS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/tiff": "tif",
}
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d|__macosx)(\.|$)|\.")
_EXPORT_FILES = ((METADATA, CLASSES), ("index.html", "sw.js", "backbone.onnx.gz"))
"""Files that identify an older export, which may be overwritten."""
_NAME_BYTES = 120
_ZIP_YEARS = range(1980, 2108)

ReadImage = Callable[[int], tuple[bytes, str]]
"""Returns the bytes and the media type of an example, by id."""


def write_folder(
    path: Path, classes: Sequence[Class], examples: Sequence[Example], image: ReadImage
) -> None:
    """Write a folder per class with the original images, and the files of ``metadata.py``."""
    for name, data, _ in _files(classes, examples, image):
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def write_zip(
    file: BinaryIO, classes: Sequence[Class], examples: Sequence[Example], image: ReadImage
) -> None:
    """Write a zip with the same files as ``write_folder``."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data, example in _files(classes, examples, image):
            info = zipfile.ZipInfo(name)
            if example and example.created_at.year in _ZIP_YEARS:
                info.date_time = example.created_at.timetuple()[:6]
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)


def write_tfjs_knn(
    file: BinaryIO,
    rows: Sequence[tuple[str, Float32Array]],
    written: Callable[[int], object] = lambda _: None,
) -> None:
    """Write embeddings, float32 [n, d] by label, as JSON for TF.js's k-NN classifier.

    The JSON is ``[[label, [n · d numbers], [n, d]], …]``: the entries of
    ``Object.entries(classifier.getClassifierDataset())`` with their numbers. Calls ``written`` with
    the number of embeddings so far after each.
    """
    done = 0
    file.write(b"[")
    for index, (label, vectors) in enumerate(rows):
        start = ", " if index else ""
        file.write(f"{start}[{json.dumps(label)}, [".encode())
        for row, vector in enumerate(vectors):
            numbers = ", ".join(["%.9g"] * len(vector)) % tuple(vector.tolist())
            file.write(f"{', ' if row else ''}{numbers}".encode())
            done += 1
            written(done)
        file.write(f"], {list(vectors.shape)}]".encode())
    file.write(b"]\n")


@contextlib.contextmanager
def new_file(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Write a file that appears at ``path`` only when complete. Raises OutputError."""
    if overwrite and path.is_dir():
        raise OutputError(f"{path}: is a folder. Choose another name.")
    with _place(path, overwrite=overwrite) as folder:
        part = folder / "file"
        with part.open("wb") as file:
            yield file
        part.replace(path)


@contextlib.contextmanager
def new_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Write a folder that appears at ``path`` only when complete. Raises OutputError."""
    is_export = any(all((path / name).is_file() for name in names) for names in _EXPORT_FILES)
    if overwrite and path.exists() and not is_export:
        raise OutputError(f"{path}: exists, and is not an export. Choose another name.")
    with _place(path, overwrite=overwrite) as folder:
        part = folder / "folder"
        part.mkdir()
        yield part
        # Not in `folder`, which is deleted even if restoring the old export fails.
        replaced = folder.with_name(f"{folder.name}-replaced")
        if path.exists():
            path.rename(replaced)
        try:
            part.rename(path)
        except OSError:
            if replaced.exists():
                replaced.rename(path)
            raise
        shutil.rmtree(replaced, ignore_errors=True)


@contextlib.contextmanager
def _place(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: already exists. Choose another name, or overwrite it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".classify-anything-") as folder:
            yield Path(folder)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}.") from error


def _files(
    classes: Sequence[Class], examples: Sequence[Example], image: ReadImage
) -> Iterator[tuple[str, bytes, Example | None]]:
    folders = _folder_names(classes)
    rows = []
    for example in examples:
        data, media_type = image(example.id)
        name = f"{folders[example.class_id]}/{example.id:06}.{_ENDINGS[media_type]}"
        rows.append((name, example))
        yield name, data, example
    yield METADATA, write_metadata(rows).encode(), None
    yield CLASSES, write_classes(classes).encode(), None


def _folder_names(classes: Sequence[Class]) -> dict[int, str]:
    """Return a folder name for each class, valid on every system and unique regardless of case."""
    names: dict[int, str] = {}
    for item in classes:
        safe = _NOT_IN_NAMES.sub("_", item.name)
        safe = safe.encode()[:_NAME_BYTES].decode(errors="ignore").rstrip(". ")
        safe = f"_{safe}" if not safe or _RESERVED.match(safe) else safe
        taken = {METADATA, CLASSES} | {name.casefold() for name in names.values()}
        name, number = safe, 2
        while name.casefold() in taken:
            name, number = f"{safe} ({number})", number + 1
        names[item.id] = name
    return names
