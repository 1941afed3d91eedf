"""Verify that an export predicts as its project does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classify_anything.errors import ExportDiffersError, ExportError
from classify_anything.evaluation.evaluate import TrainingSet
from classify_anything.export.expected import (
    ExpectedOutput,
    Reference,
    RefitReference,
    SnapshotReference,
)
from classify_anything.export.formats.onnx_metadata import ExportMetadata, Probe
from classify_anything.export.formats.onnx_session import Answers
from classify_anything.export.formats.probe import probe_picture
from classify_anything.export.onnx_model import Exported
from classify_anything.export.page_model import ExportedPage
from classify_anything.export.retrain import (
    fit_head,
    load_images,
    reembed_training_set,
    sample_keys,
)
from classify_anything.heads import unit_rows
from classify_anything.project.snapshot import ProjectSnapshot
from classify_anything.types import Float32Array, UInt8Array

MOST_COMPARED = 300
"""Pictures; each goes through two networks."""
CHECKED = 100
"""Pictures compared right after an export; ``verify`` compares more."""
MOST_BLENDED = 200
"""Examples to blend with two others; blends run through the heads only."""

TOLERANCES = {"fp32": 1e-4, "fp16": 1e-3, "int8": 1e-3}
"""Largest difference of a probability from the same network and head outside the file."""

_PROBE_TOLERANCES = {"fp32": 1e-4, "fp16": 2e-2, "int8": 1e-1}
"""The same for the file's stored outputs, perhaps from another kind of processor."""

_TYPICALITY_TOLERANCES = {"fp32": 1e-3, "fp16": 5e-3, "int8": 5e-3}

_SMALLEST_REPORTED = 1e-6

_DRAW = 1e-5
"""Classes closer to each other than this are a tie, and either is accepted."""
_EDGE = 1e-4
"""A similarity closer than this to the threshold is a tie, too."""

_PROBE_NUMBERS = 16
_CELL = 16


class Export(Protocol):
    """An open export."""

    @property
    def path(self) -> Path: ...

    @property
    def metadata(self) -> ExportMetadata: ...

    def run(self, squares: UInt8Array) -> Answers: ...

    def embed(self, squares: UInt8Array) -> Float32Array: ...

    def decide(self, embeddings: Float32Array) -> Answers: ...


@dataclass(frozen=True, slots=True)
class Verification:
    """Differences between an export and its reference.

    Attributes:
        pictures: number compared through both networks and both heads.
        decided: number of blends of embeddings compared through both heads.
        probabilities: the largest difference of a probability.
        embedding: the largest difference of a number of an embedding.
        different: items with another label: ids of examples (for a blend, of its main
            example), or indices in the probe.
        tolerance: of ``probabilities``.
        within: whether every probability is within the tolerance. For a k-NN vote
            among nearly equal pictures, the tolerance grows by the rounding error.
    """

    pictures: int
    decided: int
    probabilities: float
    embedding: float
    different: tuple[int, ...]
    tolerance: float
    within: bool

    @property
    def agrees(self) -> bool:
        """Whether the export predicts as its reference does."""
        return self.within and not self.different


def verify(export: Export, snapshot: ProjectSnapshot, *, most: int = MOST_COMPARED) -> Verification:
    """Compare an export with a project.

    A quantized export contains another network. It is compared with a head of the project's kind,
    retrained on that network's embeddings.

    Args:
        export: an open one.
        snapshot: the project.
        most: maximum number of pictures.

    Raises:
        ExportDiffersError: the classes or the backbone differ.
        InputError: fewer than two classes have examples.
    """
    _check_same_kind(export, snapshot)
    training_set, metadata = snapshot.training_set, export.metadata
    reference: Reference = SnapshotReference(snapshot, metadata)
    if metadata.precision != "fp32":
        training_set = reembed_training_set(
            snapshot, training_set, export.embed, metadata.size, metadata.precision
        )
        reference = RefitReference(fit_head(snapshot.model, training_set), export.embed, metadata)
    return compare(export, reference, training_set, snapshot, most=most)


def compare(
    export: Export,
    reference: Reference,
    training_set: TrainingSet,
    snapshot: ProjectSnapshot,
    *,
    most: int,
) -> Verification:
    """Compare an export with a reference on evenly spread examples.

    Stored embeddings are blended before they go through the heads: an example is its own nearest
    neighbour, so a head with another k would agree on it.

    Args:
        export: an open one.
        reference: that the export should agree with.
        training_set: the examples that the reference is trained on.
        snapshot: contains their images.
        most: maximum number of pictures.
    """
    class_of = dict(zip(training_set.keys, training_set.class_ids, strict=True))
    by_class = sorted(training_set.keys, key=lambda key: class_of[key])
    keys = sample_keys(by_class, most)
    pictures = load_images(snapshot, keys, export.metadata.size)
    embeddings = reference.embed(pictures)
    full = _compare(export, export.run(pictures), keys, embeddings, reference.decide(embeddings))
    blended, vectors = blends(training_set, sample_keys(by_class, MOST_BLENDED))
    decided = _compare(export, export.decide(vectors), blended, vectors, reference.decide(vectors))
    return Verification(
        pictures=len(keys),
        decided=len(blended),
        probabilities=max(full.probabilities, decided.probabilities),
        embedding=full.embedding,
        different=tuple(sorted({*full.different, *decided.different})),
        tolerance=full.tolerance,
        within=full.within and decided.within,
    )


def blends(training_set: TrainingSet, keys: Sequence[int]) -> tuple[list[int], Float32Array]:
    """Blend examples with one of their class, and with one of another class.

    Args:
        training_set: all examples, of at least two classes.
        keys: the examples to blend.

    Returns:
        For each blend the key of the example that counts most in it, and unit vectors, float32
        [n, d]. An example has up to twice the weight of the other one.
    """
    class_of = dict(zip(training_set.keys, training_set.class_ids, strict=True))
    members: dict[int, list[int]] = {}
    for key, class_id in class_of.items():
        members.setdefault(class_id, []).append(key)
    classes = list(members)
    pairs = []
    for number, key in enumerate(keys):
        own = members[class_of[key]]
        place, code = own.index(key), classes.index(class_of[key])
        others = members[classes[(code + 1 + number % (len(classes) - 1)) % len(classes)]]
        partners = [others[place % len(others)], own[(place + 1) % len(own)]]
        pairs += [(key, partner) for partner in partners if partner != key]
    place_of = {key: place for place, key in enumerate(training_set.keys)}
    first, second = training_set.vectors[
        [[place_of[key] for key in side] for side in zip(*pairs, strict=True)]
    ]
    sums = first * np.linspace(1, 2, len(first), dtype=np.float32)[:, None] + second
    return [key for key, _ in pairs], unit_rows(sums)


def check(
    path: Path,
    export: Export,
    reference: Reference,
    training_set: TrainingSet,
    snapshot: ProjectSnapshot,
    *,
    most: int,
) -> str:
    """Compare a new export with its reference, and return a summary.

    Raises:
        ExportDiffersError: the predictions differ; ``path`` is the export's destination.
    """
    result = compare(export, reference, training_set, snapshot, most=most)
    if not result.agrees:
        raise ExportDiffersError(
            f"{path}: not written, because its predictions differ from the project's: labels "
            f"differ on {len(result.different)} examples or blends of them, and probabilities by "
            f"up to {result.probabilities:.2g}."
        )
    return (
        f"Checked on {result.pictures} pictures and {result.decided} blends of two: the same "
        f"labels, and probabilities within {max(result.probabilities, _SMALLEST_REPORTED):.6f}."
    )


def verify_alone(exported: Exported) -> Verification:
    """Check a file without its project: its graph, its shapes and its probe.

    Raises:
        ExportError: the graph is not valid, or there is no probe.
    """
    import onnx  # noqa: PLC0415 - takes 0.2 s

    try:
        onnx.checker.check_model(str(exported.path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ExportError(f"{exported.path}: not a valid ONNX graph ({reason}).") from error
    expected = exported.probe
    if expected is None:
        raise ExportError(f"{exported.path}: has no probe; verify it with its project.")
    actual = probe(exported)
    if actual.probabilities.shape != expected.probabilities.shape:
        raise ExportError(f"{exported.path}: damaged: its probe has another shape.")
    differences = np.abs(actual.probabilities - expected.probabilities)
    best = expected.probabilities.argmax(axis=1)
    rows = np.arange(len(best))
    behind = actual.probabilities.max(axis=1) - actual.probabilities[rows, best]
    tolerance = _PROBE_TOLERANCES[exported.metadata.precision]
    known = exported.metadata.known
    same_edge = known(actual.similarity) == known(expected.similarity)
    on_edge = _on_edge(exported.metadata, actual.similarity) | (
        tolerance > _PROBE_TOLERANCES["fp32"]
    )
    wrong = (behind > 2 * tolerance) | ~(same_edge | on_edge)
    return Verification(
        pictures=len(rows),
        decided=0,
        probabilities=float(differences.max()),
        embedding=float(np.abs(actual.embedding - expected.embedding).max()),
        different=tuple(np.flatnonzero(wrong).tolist()),
        tolerance=tolerance,
        within=bool((differences <= tolerance).all()),
    )


def probe(exported: Exported) -> Probe:
    """Return the outputs of a file for generated test pictures."""
    answers = exported.run(probe_pictures(exported.metadata.size))
    return Probe(answers.probabilities, answers.similarity, answers.embedding[:, :_PROBE_NUMBERS])


def probe_pictures(size: int) -> UInt8Array:
    """Draw a gradient, a chessboard and rings in integers: uint8 [3, size, size, 3]."""
    y, x = np.mgrid[:size, :size]
    last = max(size - 1, 1)
    slope = np.stack([x * 255 // last, y * 255 // last, (x + y) * 255 // (2 * last)], axis=-1)
    board = (x // _CELL + y // _CELL) % 2
    board = np.stack([40 + 180 * board, 200 - 150 * board, 90 + 60 * board], axis=-1)
    rings = ((2 * x - last) ** 2 + (2 * y - last) ** 2) // (2 * size)
    rings = np.stack([rings % 256, (rings * 2) % 256, 255 - rings % 256], axis=-1)
    return np.stack([slope, board, rings]).astype(np.uint8)


def verify_page_alone(page: ExportedPage) -> Verification:
    """Check a page by the stored embedding of its probe picture."""
    vector = page.probe[None]
    answers = page.run(probe_picture(page.metadata.size)[None])
    expected = page.decide(vector)
    known = page.metadata.known(expected.similarity)
    said = ExpectedOutput(
        expected.probabilities[0], float(expected.similarity[0]), bool(known[0]), 0.0
    )
    return _compare(page, answers, [0], vector, [said], _PROBE_TOLERANCES[page.metadata.precision])


def _check_same_kind(export: Export, snapshot: ProjectSnapshot) -> None:
    metadata, backbone = export.metadata, snapshot.backbone
    here = [(item.id, item.name) for item in snapshot.classes]
    there = [(item.id, item.name) for item in metadata.classes]
    if here != there:
        names, own = (
            ", ".join(repr(item.name) for item in some) or "none"
            for some in (metadata.classes, snapshot.classes)
        )
        raise ExportDiffersError(
            f"{export.path}: has other classes ({names}) than the project ({own})."
        )
    if metadata.precision == "fp32" and metadata.fingerprint != backbone.fingerprint:
        raise ExportDiffersError(
            f"{export.path}: uses {metadata.backbone}, but the project uses {backbone.name} or "
            "another version of it. Open the project with the backbone of the export "
            "(--backbone)."
        )


def _compare(
    export: Export,
    answers: Answers,
    keys: Sequence[int],
    embeddings: Float32Array,
    expected: Sequence[ExpectedOutput],
    tolerance: float | None = None,
) -> Verification:
    typicality_tolerance = (
        _TYPICALITY_TOLERANCES[export.metadata.precision] if tolerance is None else 1
    )
    tolerance = TOLERANCES[export.metadata.precision] if tolerance is None else tolerance
    known = export.metadata.known(answers.similarity)
    on_edge = _on_edge(export.metadata, answers.similarity)
    largest, within, different = 0.0, True, []
    for place, (key, said) in enumerate(zip(keys, expected, strict=True)):
        probabilities = answers.probabilities[place]
        difference = float(np.abs(probabilities - said.probabilities).max())
        largest = max(largest, difference)
        # NaN is never within the tolerance.
        within = within and difference <= tolerance + said.slack
        # Probabilities near 1 hide another k or metric, which the typicality shows.
        typical = float(abs(answers.similarity[place] - said.typicality))
        within = within and typical <= typicality_tolerance
        behind = said.probabilities.max() - said.probabilities[probabilities.argmax()]
        drawn = behind <= _DRAW + 2 * said.slack
        same = bool(known[place]) == said.known or bool(on_edge[place])
        if not same or (said.known and not drawn):
            different.append(key)
    return Verification(
        pictures=len(keys),
        decided=0,
        probabilities=largest,
        embedding=float(np.abs(answers.embedding - embeddings).max()),
        different=tuple(different),
        tolerance=tolerance,
        within=within,
    )


def _on_edge(metadata: ExportMetadata, similarity: Float32Array) -> npt.NDArray[np.bool_]:
    """Return where a similarity is too close to the threshold to compare."""
    if metadata.threshold is None:
        return np.zeros(len(similarity), np.bool_)
    return np.asarray(np.abs(similarity - metadata.threshold) <= _EDGE)
