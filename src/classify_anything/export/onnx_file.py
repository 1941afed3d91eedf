"""Write a project as one ONNX file, and keep it only if it predicts as the project does."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import onnx

from classify_anything import settings
from classify_anything._version import __version__
from classify_anything.datasets.write import new_file
from classify_anything.export.expected import Reference, RefitReference, SnapshotReference
from classify_anything.export.formats.onnx_graph import put_together, to_bytes
from classify_anything.export.formats.onnx_metadata import (
    ExportMetadata,
    Precision,
    write_metadata_texts,
)
from classify_anything.export.onnx_model import load_export
from classify_anything.export.quantize import quantize_export
from classify_anything.export.verify import CHECKED, check, probe, verify_alone
from classify_anything.project.snapshot import ProjectSnapshot
from classify_anything.types import Progress


def write_onnx(
    snapshot: ProjectSnapshot,
    path: Path,
    *,
    overwrite: bool = False,
    precision: Precision = "fp32",
    any_size: bool = False,
    smoothing: int = settings.USUAL_SMOOTHING_MS,
    progress: Callable[[Progress], object] = lambda _: None,
) -> tuple[str, ...]:
    """Write a project as one ONNX file: pictures in, probabilities out. Return notes.

    Args:
        snapshot: the project.
        path: the file, which appears only once it is complete and checked.
        overwrite: whether to replace a file at ``path``.
        precision: of the network. For "fp16" and "int8" the head is retrained on the smaller
            network's embeddings, and the file records the accuracy before and after.
        any_size: whether the file accepts pictures of any size, and crops and scales them.
        smoothing: time constant in milliseconds where the file is served.
        progress: called with the current step.

    Raises:
        InputError: fewer than two classes have examples.
        SettingError: the head or the backbone cannot be exported.
        OutputError: the file cannot be written, or already exists.
        ExportDiffersError: the file does not predict as the project does; it is not written.
    """
    with new_file(path, overwrite=overwrite) as file, tempfile.TemporaryDirectory() as folder:
        progress(Progress(0, None, "Reading the examples"))
        graph = onnx.load_from_string(snapshot.backbone.graph())
        training_set, head, notes = snapshot.training_set, snapshot.head, list[str]()
        metadata = _metadata(snapshot, any_size=any_size, smoothing=smoothing)
        reference: Reference = SnapshotReference(snapshot, metadata)
        if precision != "fp32":
            small = quantize_export(snapshot, precision, Path(folder), progress)
            graph, head, training_set = (
                small.graph,
                small.fitted.freeze(),
                small.fitted.training_set,
            )
            metadata = replace(
                metadata,
                precision=precision,
                fingerprint=small.backbone.fingerprint,
                parameters=head.parameters,
                threshold=small.fitted.threshold(),
                accuracy=small.accuracy,
            )
            reference = RefitReference(small.fitted, small.backbone.embed, metadata)
            notes.append(f"{precision}: {small.note}")
        model = put_together(graph, head, write_metadata_texts(metadata), any_size=any_size)
        _write(file, model)
        progress(Progress(0, None, "Checking that it decides as the project does"))
        exported = load_export(file.name)
        notes.insert(0, check(path, exported, reference, training_set, snapshot, most=CHECKED))
        onnx.helper.set_model_props(model, write_metadata_texts(metadata, probe(exported)))
        _write(file, model)
        verify_alone(load_export(file.name))
        return tuple(notes)


def _metadata(snapshot: ProjectSnapshot, *, any_size: bool, smoothing: int) -> ExportMetadata:
    counts = Counter(snapshot.training_set.class_ids)
    return ExportMetadata(
        project=snapshot.path.stem,
        classes=snapshot.classes,
        examples=tuple(counts[item.id] for item in snapshot.classes),
        head=snapshot.head.name,
        parameters=snapshot.head.parameters,
        rejection_level=snapshot.model.settings.rejection_level,
        threshold=snapshot.model.threshold(),
        smoothing=smoothing,
        backbone=snapshot.backbone.name,
        fingerprint=snapshot.backbone.fingerprint,
        license=snapshot.backbone.license,
        size=snapshot.backbone.size,
        any_size=any_size,
        precision="fp32",
        accuracy=None,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )


def _write(file: BinaryIO, model: onnx.ModelProto) -> None:
    """Replace the content of the file."""
    file.seek(0)
    file.truncate()
    file.write(to_bytes(model))
    file.flush()
