"""Write a project as a page that needs no server, if it predicts as the project does."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from classify_anything.datasets.write import new_file, new_folder
from classify_anything.export.browser_model import to_browser_model
from classify_anything.export.expected import Reference, RefitReference, SnapshotReference
from classify_anything.export.formats.model_file import BrowserModel
from classify_anything.export.formats.onnx_graph import to_bytes
from classify_anything.export.formats.onnx_metadata import Precision
from classify_anything.export.formats.probe import probe_picture
from classify_anything.export.formats.static_page import write_web
from classify_anything.export.page_model import ExportedPage
from classify_anything.export.quantize import QuantizedExport, quantize_export
from classify_anything.export.verify import CHECKED, check
from classify_anything.images import tiny
from classify_anything.project.snapshot import ProjectSnapshot
from classify_anything.types import Progress
from classify_anything.workers import map_ordered

_THUMBNAIL = (112, 72, 2)
"""Pixels, quality and effort; about 1.8 MB per thousand examples."""

THUMBNAIL_BYTES = 1800
"""Average size of a thumbnail."""

_SMALL_THUMBNAIL = (80, 50, 3)
"""The same for int8 pages; about 0.7 MB per thousand examples."""


def write_web_export(
    snapshot: ProjectSnapshot,
    path: Path,
    *,
    overwrite: bool = False,
    precision: Precision = "fp32",
    read_only: bool = False,
    embed: bool = False,
    progress: Callable[[Progress], object] = lambda _: None,
) -> tuple[str, ...]:
    """Write a folder, or a zip if the path ends in .zip; see ``export/formats/static_page.py``.

    For "fp16" and "int8" the head is retrained on the smaller network's embeddings. Return notes.

    Raises:
        InputError: fewer than two classes have examples.
        BackboneError: a browser cannot run the backbone.
        OutputError: the page cannot be written, or already exists.
        ExportDiffersError: the page does not predict as the project does; it is not written.
    """
    with _part_of(path, overwrite=overwrite) as part, _work_folder() as work:
        progress(Progress(0, None, "Reading the examples"))
        known, graph, training_set = (
            to_browser_model(snapshot),
            snapshot.backbone.graph(),
            snapshot.training_set,
        )
        small = None
        if precision != "fp32":
            small = quantize_export(snapshot, precision, work, progress)
            known, graph, training_set = (
                _smaller(known, small),
                to_bytes(small.graph),
                small.fitted.training_set,
            )
        thumbnails = []
        form = _SMALL_THUMBNAIL if known.coarse else _THUMBNAIL
        images = (snapshot.image(key) for key in training_set.keys)
        for picture in map_ordered(lambda image: tiny(image, *form), images):
            thumbnails.append(picture)
            progress(Progress(len(thumbnails), len(training_set.keys), "Making small pictures"))
        progress(Progress(0, None, "Packing the page"))
        folder = part if part.is_dir() else work / "page"
        folder.mkdir(exist_ok=True)
        write_web(folder, known, graph, thumbnails, read_only=read_only, embed=embed)
        if folder != part:
            _pack(folder, part)
        progress(Progress(0, None, "Checking that it decides as the project does"))
        page = ExportedPage(part)
        reference: Reference = SnapshotReference(snapshot, page.metadata)
        if small is not None:
            reference = RefitReference(small.fitted, small.backbone.embed, page.metadata)
        checked = check(path, page, reference, training_set, snapshot, most=CHECKED)
    return (checked, f"{precision}: {small.note}") if small else (checked,)


@contextlib.contextmanager
def _part_of(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a folder, or an empty file for a zip, that moves to ``path`` when complete."""
    if path.suffix.lower() != ".zip":
        with new_folder(path, overwrite=overwrite) as folder:
            yield folder
        return
    with new_file(path, overwrite=overwrite) as file:
        yield Path(file.name)


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="classify-anything-") as folder:
        yield Path(folder)


def _pack(folder: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sorted(folder.rglob("*")):
            if source.is_file():
                packed = source.suffix in {".gz", ".bin"}
                kind = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                archive.write(source, source.relative_to(folder), kind)


def _smaller(known: BrowserModel, small: QuantizedExport) -> BrowserModel:
    """Return the model with the quantized network."""
    (probe,) = small.backbone.embed(probe_picture(small.backbone.size)[None])
    return replace(
        known,
        backbone={
            **known.backbone,
            "fingerprint": small.backbone.fingerprint,
            "precision": small.precision,
        },
        vectors=small.fitted.training_set.vectors,
        head=small.fitted.freeze(),
        reference_scores=small.fitted.reference_scores(),
        probe=probe,
        coarse=small.precision == "int8",
    )
