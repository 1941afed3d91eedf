"""Writes a project as a page that needs no server."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from classify_anything.formats import Learnt, new_file, new_folder, probe_picture, write_web
from classify_anything.formats.onnx_file import to_bytes
from classify_anything.formats.onnx_metadata import Precision
from classify_anything.images import tiny
from classify_anything.learnt import learnt
from classify_anything.parallel import in_parallel
from classify_anything.project import Ask, Project
from classify_anything.reduction import reduced
from classify_anything.types import Progress

_THUMBNAIL = (112, 72, 2)
"""Pixels, quality and effort; a thousand examples are about 1.8 MB of them."""

THUMBNAIL_BYTES = 1800
"""About so many each."""

_SMALL_THUMBNAIL = (80, 50, 3)
"""Where the page is to be small, 0.7 MB."""


def write_web_export(
    ask: Ask,
    path: Path,
    *,
    overwrite: bool = False,
    precision: Precision = "fp32",
    frozen: bool = False,
    embed: bool = False,
    progress: Callable[[Progress], object] = lambda _: None,
) -> tuple[str, ...]:
    """Write a folder, or with the ending .zip a zip of it; see ``formats/web_page.py``.

    With "fp16" and "int8" the head is taught anew on what the smaller network sees. Gives notes, in
    words.

    Raises:
        InputError: fewer than two classes have examples.
        BackboneError: the backbone is not one that a browser can run.
        OutputError: it cannot be written, or something is there already.
    """
    known, graph = ask(lambda project: (learnt(project), project.backbone.graph()))
    notes: tuple[str, ...] = ()
    if precision != "fp32":
        progress(Progress(0, None, "Making the network smaller, and teaching it anew"))
        known, graph, notes = _smaller(ask, known, precision)
    ids = [example.id for example in known.examples]
    thumbnails = []
    images = (ask(_image_of(example_id)) for example_id in ids)
    form = _SMALL_THUMBNAIL if known.coarse else _THUMBNAIL
    for small in in_parallel(lambda image: tiny(image, *form), images, os.cpu_count() or 1):
        thumbnails.append(small)
        progress(Progress(len(thumbnails), len(ids), "Making small pictures"))

    def write(folder: Path) -> None:
        progress(Progress(0, None, "Packing the page"))
        write_web(folder, known, graph, thumbnails, frozen=frozen, embed=embed)

    if path.suffix.lower() != ".zip":
        with new_folder(path, overwrite=overwrite) as folder:
            write(folder)
        return notes
    with (
        new_file(path, overwrite=overwrite) as file,
        tempfile.TemporaryDirectory(prefix="classify-anything-") as temporary,
    ):
        write(Path(temporary))
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for source in sorted(Path(temporary).rglob("*")):
                if source.is_file():
                    packed = source.suffix in {".gz", ".bin"}
                    kind = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                    archive.write(source, source.relative_to(temporary), kind)
    return notes


def _smaller(
    ask: Ask, known: Learnt, precision: Precision
) -> tuple[Learnt, bytes, tuple[str, ...]]:
    """What is known with a network of lesser precision, that network, and what it costs."""
    backbone, lesson = ask(lambda project: (project.backbone, project.lesson()))
    with tempfile.TemporaryDirectory(prefix="classify-anything-") as folder:
        small = reduced(ask, backbone, lesson, precision, Path(folder))
        (probe,) = small.backbone.embed(probe_picture(backbone.size)[None])
    smaller = replace(
        known,
        backbone={**known.backbone, "fingerprint": small.backbone.fingerprint},
        vectors=small.taught.lesson.vectors,
        head=small.taught.freeze(),
        familiar=small.taught.familiar(),
        probe=probe,
        coarse=precision == "int8",
    )
    return smaller, to_bytes(small.graph), (f"{precision}: {small.note}",)


def _image_of(example_id: int) -> Callable[[Any], bytes]:
    def image(project: Project) -> bytes:
        return project.image(example_id)[0]

    return image
