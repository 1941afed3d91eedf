"""Quantize a project's network, and retrain the head on its embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.backbones.onnx_backbone import MAX_THREADS
from classify_anything.backbones.quantize import CALIBRATION_PICTURES, convert_fp16, quantized
from classify_anything.export.formats.onnx_graph import EMBEDDING, only
from classify_anything.export.formats.onnx_metadata import Precision
from classify_anything.export.retrain import (
    FittedHead,
    fit_head,
    load_images,
    reembed_training_set,
    sample_keys,
)
from classify_anything.project.snapshot import ProjectSnapshot
from classify_anything.types import Progress
from classify_anything.workers import worker_count


@dataclass(frozen=True, slots=True)
class QuantizedExport:
    """A quantized network and the head trained on it.

    Attributes:
        graph: its only output is ``embedding``.
        backbone: that graph, loaded.
        fitted: a head trained on this network's embeddings of all examples.
        precision: "fp16" or "int8".
        accuracy: before and after, on examples tested without their own recording; None if
            no example can be tested.
    """

    graph: onnx.ModelProto
    backbone: Backbone
    fitted: FittedHead
    precision: Precision
    accuracy: tuple[float, float] | None

    @property
    def note(self) -> str:
        """The accuracy loss, as a sentence."""
        if self.accuracy is None:
            return "The accuracy loss is unknown: no class has two examples."
        before, after = self.accuracy
        return f"{after:.1%} accuracy (project: {before:.1%})."


def quantize_export(
    snapshot: ProjectSnapshot,
    precision: Precision,
    folder: Path,
    progress: Callable[[Progress], object],
) -> QuantizedExport:
    """Quantize a backbone, and train a head of the project's kind on it.

    Args:
        snapshot: the project.
        precision: "fp16" or "int8"; the latter is calibrated on the project's own pictures.
        folder: for working files; keep it while the backbone is in use.
        progress: called after each picture; an exception from it stops the work.

    Raises:
        BackboneError: the backbone cannot be quantized.
        SettingError: the head was passed to ``Classifier``, and cannot be created again.
    """

    def counting(text: str, total: int) -> Callable[[int], object]:
        progress(Progress(0, None, text))
        return lambda done: progress(Progress(done, total, text))

    backbone, training_set = snapshot.backbone, snapshot.training_set
    chosen = sample_keys(training_set.keys, CALIBRATION_PICTURES)
    calibrated = counting("Making the network smaller", len(chosen))
    source, target = folder / "backbone.onnx", folder / f"{precision}.onnx"
    onnx.save(only(onnx.load_from_string(backbone.graph()), EMBEDDING), source)
    size = backbone.size
    if precision == "fp16":
        convert_fp16(source, target)
    else:
        quantized(source, load_images(snapshot, chosen, size), target, calibrated)
    small = load_backbone(target, threads=min(worker_count(), MAX_THREADS))
    embedded = counting("Retraining on the smaller network", len(training_set.keys))
    before = fit_head(snapshot.model, training_set)
    embed = small.for_workers().embed
    reembedded = reembed_training_set(snapshot, training_set, embed, size, precision, embedded)
    after = fit_head(snapshot.model, reembedded)
    was, now = before.accuracy(), after.accuracy()
    known = None if was is None or now is None else (was, now)
    return QuantizedExport(onnx.load(target), small, after, precision, known)
