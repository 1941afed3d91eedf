"""The metadata of an exported ONNX file, as texts.

docs/exports.md describes them. A reader must refuse an unknown ``format_version``, and must ignore
unknown names.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from classify_anything.errors import ExportError
from classify_anything.types import Class, Float32Array

FORMAT, VERSION = "classify-anything", 1

Precision = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, slots=True)
class Probe:
    """Expected outputs for reproducible pictures; see ``export/verify.py``.

    Attributes:
        probabilities: float32 [pictures, classes].
        similarity: float32 [pictures].
        embedding: float32 [pictures, k], the first numbers of each.
    """

    probabilities: Float32Array
    similarity: Float32Array
    embedding: Float32Array


@dataclass(frozen=True, slots=True)
class ExportMetadata:
    """The metadata of an export.

    Attributes:
        project: its name.
        classes: in the order of ``probabilities``.
        examples: the number of examples per class, in that order.
        head: "adaptive" or "cosine"; files of version 0.1 also have "knn", "means" or "ridge".
        parameters: of the head.
        rejection_level: see ``Settings``.
        threshold: "none of these" unless ``similarity`` is above it; None: never.
        smoothing: the page's smoothing time in milliseconds.
        backbone, fingerprint, license: of the backbone; its licence is "" if unknown.
        size: of the backbone's input, in pixels.
        any_size: whether the input takes images of any size.
        precision: of the backbone.
        accuracy: ``Evaluation.accuracy`` before and after quantization; None in full precision, or
            if unknown.
        created_at: ISO 8601, UTC.
        version: of this package at the time of the export.
    """

    project: str
    classes: tuple[Class, ...]
    examples: tuple[int, ...]
    head: str
    parameters: Mapping[str, Any]
    rejection_level: float
    threshold: float | None
    smoothing: int
    backbone: str
    fingerprint: str
    license: str
    size: int
    any_size: bool
    precision: Precision
    accuracy: tuple[float, float] | None
    created_at: str
    version: str

    def known(self, similarity: Float32Array) -> npt.NDArray[np.bool_]:
        """Return where it is not "none of these": bool, in the shape of ``similarity``."""
        lowest = -np.inf if self.threshold is None else self.threshold
        return np.asarray(similarity > lowest)


def write_metadata_texts(metadata: ExportMetadata, probe: Probe | None = None) -> dict[str, str]:
    """Return the texts by name; all but single words are JSON."""
    texts = {
        "format": FORMAT,
        "format_version": str(VERSION),
        "project": metadata.project,
        "labels": json.dumps([item.name for item in metadata.classes]),
        "class_ids": json.dumps([item.id for item in metadata.classes]),
        "colors": json.dumps([item.color for item in metadata.classes]),
        "examples": json.dumps(metadata.examples),
        "head": metadata.head,
        "parameters": json.dumps(dict(metadata.parameters)),
        "rejection_level": json.dumps(metadata.rejection_level),
        "threshold": json.dumps(metadata.threshold),
        "smoothing": json.dumps({"milliseconds": metadata.smoothing}),
        "backbone": metadata.backbone,
        "fingerprint": metadata.fingerprint,
        "backbone_license": metadata.license,
        "size": json.dumps(metadata.size),
        "any_size": json.dumps(metadata.any_size),
        "precision": metadata.precision,
        "accuracy": json.dumps(metadata.accuracy),
        "created_at": metadata.created_at,
        "version": metadata.version,
    }
    if probe is not None:
        texts["probe"] = json.dumps(
            {
                "probabilities": _packed(probe.probabilities),
                "similarity": _packed(probe.similarity),
                "embedding": _packed(probe.embedding),
            }
        )
    return texts


def read_metadata(texts: Mapping[str, str]) -> ExportMetadata:
    """Invert ``write_metadata_texts``.

    Raises:
        ExportError: the texts are not from an export, damaged, or from a newer version.
    """
    _check_version(texts)
    try:
        names, ids, colors, examples = (
            json.loads(texts[key]) for key in ("labels", "class_ids", "colors", "examples")
        )
        threshold, accuracy = json.loads(texts["threshold"]), json.loads(texts["accuracy"])
        metadata = ExportMetadata(
            project=texts["project"],
            classes=tuple(
                Class(int(id_), str(name), int(color))
                for id_, name, color in zip(ids, names, colors, strict=True)
            ),
            examples=tuple(map(int, examples)),
            head=texts["head"],
            parameters=dict(json.loads(texts["parameters"])),
            # Version 0.1 called it strictness.
            rejection_level=float(texts.get("strictness") or texts["rejection_level"]),
            threshold=None if threshold is None else float(threshold),
            smoothing=int(json.loads(texts["smoothing"])["milliseconds"]),
            backbone=texts["backbone"],
            fingerprint=texts["fingerprint"],
            license=texts["backbone_license"],
            size=int(json.loads(texts["size"])),
            any_size=bool(json.loads(texts["any_size"])),
            precision=_precision(texts["precision"]),
            accuracy=None if accuracy is None else (float(accuracy[0]), float(accuracy[1])),
            created_at=texts["created_at"],
            version=texts["version"],
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ExportError(f"damaged: invalid metadata ({error}).") from error
    if len(metadata.examples) != len(metadata.classes):
        raise ExportError("damaged: invalid metadata (examples).")
    return metadata


def read_probe(texts: Mapping[str, str]) -> Probe | None:
    """Return the probe, if any. Raises ExportError."""
    if "probe" not in texts:
        return None
    try:
        found = json.loads(texts["probe"])
        similarity = _unpacked(found["similarity"])
        rows = len(similarity)
        return Probe(
            _unpacked(found["probabilities"]).reshape(rows, -1),
            similarity,
            _unpacked(found["embedding"]).reshape(rows, -1),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(f"damaged: invalid probe ({error}).") from error


def _check_version(texts: Mapping[str, str]) -> None:
    if texts.get("format") != FORMAT:
        raise ExportError("an ONNX file, but not an export of Classify Anything.")
    version = texts.get("format_version", "")
    if not version.isascii() or not version.isdigit():
        raise ExportError(f"damaged: invalid format version {version!r}.")
    if int(version) > VERSION:
        raise ExportError(
            f"made by a newer version of Classify Anything (format {version}; "
            f"this version supports {VERSION}). Update classify-anything."
        )


def _precision(text: str) -> Precision:
    for known in get_args(Precision):
        if text == known:
            return known  # type: ignore[no-any-return] # get_args is untyped
    raise ValueError(f"precision {text!r}")


def _packed(numbers: Float32Array) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers, "<f4").tobytes()).decode()


def _unpacked(text: str) -> Float32Array:
    return np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)
