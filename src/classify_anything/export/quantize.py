"""A project's network in fewer bits, and a head taught anew on what that network sees."""

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
    """The network of lesser precision, and what it taught.

    Attributes:
        graph: with the one output ``embedding``.
        backbone: that graph, open.
        fitted: a head that has learnt all examples as this network sees them.
        precision: "fp16" or "int8".
        accuracy: the share of examples known without their recording, before and after; None
            where none can be judged.
    """

    graph: onnx.ModelProto
    backbone: Backbone
    fitted: FittedHead
    precision: Precision
    accuracy: tuple[float, float] | None

    @property
    def note(self) -> str:
        """What it costs, in words."""
        if self.accuracy is None:
            return "What it costs cannot be told: no class has two examples."
        before, after = self.accuracy
        return f"{after:.1%} right, where the project is {before:.1%} right."


def quantize_export(
    snapshot: ProjectSnapshot,
    precision: Precision,
    folder: Path,
    progress: Callable[[Progress], object],
) -> QuantizedExport:
    """Make a backbone smaller, and teach a head of the project's kind with it.

    Args:
        snapshot: what it was.
        precision: "fp16" or "int8"; the latter is calibrated on the project's own pictures.
        folder: to work in; the graph must stay there while the backbone is used.
        progress: called after each picture; what it raises ends the work.

    Raises:
        BackboneError: it cannot be made smaller.
        SettingError: the head was given to ``Classifier``, and cannot be made again.
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
    anew = reembed_training_set(snapshot, training_set, embed, size, precision, embedded)
    after = fit_head(snapshot.model, anew)
    was, now = before.accuracy(), after.accuracy()
    known = None if was is None or now is None else (was, now)
    return QuantizedExport(onnx.load(target), small, after, precision, known)
