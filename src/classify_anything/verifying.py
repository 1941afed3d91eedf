"""Whether an exported ONNX file decides as the project does that it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classify_anything.errors import ExportDiffersError, ExportError
from classify_anything.exported import Answers, Exported
from classify_anything.formats.onnx_metadata import Facts, Probe
from classify_anything.project import Ask, Project
from classify_anything.reteaching import Embed, Taught, embedded_anew, spread, squares, teach
from classify_anything.types import Float32Array, UInt8Array

MOST_COMPARED = 300
TOLERANCES = {"fp32": 1e-4, "fp16": 1e-3, "int8": 1e-3}
"""How far a probability may be from what the same network and head say outside of the file."""

_PROBE_TOLERANCES = {"fp32": 1e-4, "fp16": 2e-2, "int8": 1e-1}
"""Of what the file itself said when it was made, perhaps on another kind of processor."""

_DRAW = 1e-5
"""Classes nearer to one another than this are a draw, and either may be named."""
_EDGE = 1e-4
"""A similarity nearer than this to the threshold is a draw, too."""

_NOISE = 1e-6
"""What a float32 product of a thousand terms may be off by."""
_SMALLEST_DISTANCE = 1e-5

_PROBE_NUMBERS = 16
_CELL = 16
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class Verification:
    """How an export compares with what it was made from.

    Attributes:
        compared: how many pictures.
        probabilities: the largest difference of a probability.
        embedding: the largest difference of a number of an embedding.
        different: the pictures whose label is another: ids of examples, or places in the probe.
        tolerance: of ``probabilities``.
        within: whether every probability is within the tolerance. Where a k-NN vote hangs on the
            last digits of nearly equal pictures, as much more is allowed as those can change.
    """

    compared: int
    probabilities: float
    embedding: float
    different: tuple[int, ...]
    tolerance: float
    within: bool

    @property
    def agrees(self) -> bool:
        """Whether the file can be handed over."""
        return self.within and not self.different


@dataclass(frozen=True, slots=True)
class Said:
    """What is expected of one picture: probabilities [classes], and how exact they can be."""

    probabilities: Float32Array
    known: bool
    slack: float


class Reference(Protocol):
    """What an export is compared with."""

    def embed(self, pictures: UInt8Array) -> Float32Array: ...

    def decide(self, embeddings: Float32Array) -> list[Said]: ...


class Live:
    """The project itself."""

    def __init__(self, ask: Ask, facts: Facts) -> None:
        self._ask, self._facts = ask, facts
        self._codes = {item.id: code for code, item in enumerate(facts.classes)}

    def embed(self, pictures: UInt8Array) -> Float32Array:
        """uint8 [n, size, size, 3] → float32 [n, d]."""
        blocks = np.split(pictures, range(_BLOCK, len(pictures), _BLOCK))
        return np.concatenate([self._embed(block) for block in blocks])

    def _embed(self, pictures: UInt8Array) -> Float32Array:
        """A few at once, so that a live answer never waits long."""

        def embed(project: Project) -> Float32Array:
            return project.backbone.embed(pictures)

        return self._ask(embed)

    def decide(self, embeddings: Float32Array) -> list[Said]:
        """What the project says."""
        found = []
        for prediction in self._ask(lambda project: project.decide(embeddings)):
            probabilities = np.array(
                [prediction.probabilities.get(item.name, 0) for item in self._facts.classes],
                np.float32,
            )
            codes = [self._codes[neighbor.class_id] for neighbor in prediction.neighbors]
            near = [neighbor.similarity for neighbor in prediction.neighbors]
            slack = _slack(self._facts, probabilities, codes, near)
            found.append(Said(probabilities, prediction.label is not None, slack))
        return found


class Retaught:
    """A head that was taught anew, with the network that it was taught by."""

    def __init__(self, taught: Taught, embed: Embed, facts: Facts) -> None:
        self._taught, self._facts = taught, facts
        self.embed = embed
        ids = {id_: code for code, id_ in enumerate(taught.lesson.labels)}
        pairs = zip(taught.lesson.keys, taught.lesson.class_ids, strict=True)
        self._codes = {key: ids[class_id] for key, class_id in pairs}

    def decide(self, embeddings: Float32Array) -> list[Said]:
        """What the head says."""
        threshold = self._taught.threshold()
        found = []
        for decision in self._taught.head.decide_many(embeddings):
            codes = [self._codes[key] for key in decision.keys.tolist()]
            near = decision.similarities.tolist()
            slack = _slack(self._facts, decision.probabilities, codes, near)
            known = threshold is None or decision.familiarity > threshold
            found.append(Said(decision.probabilities, known, slack))
        return found


def verify(
    exported: Exported,
    ask: Ask,
    *,
    reference: Reference | None = None,
    most: int = MOST_COMPARED,
) -> Verification:
    """Run stored examples, spread evenly, through an export and through the live object.

    A file of lesser precision has a network of its own. Its reference is a head of the project's
    kind that is taught anew on what that network sees.

    Args:
        exported: the file.
        ask: puts questions to the project.
        reference: what it is compared with, if that is at hand.
        most: of so many examples, at most.

    Raises:
        ExportDiffersError: they cannot be compared: the classes or the backbone are others.
        InputError: the project has no examples.
    """
    facts = exported.facts
    _check_same_kind(exported, ask)
    lesson = ask(Project.lesson)
    if reference is None and facts.precision == "fp32":
        reference = Live(ask, facts)
    elif reference is None:
        anew = embedded_anew(ask, lesson, exported.embed, facts.size)
        reference = Retaught(teach(ask, anew), exported.embed, facts)
    by_class = sorted(lesson.keys, key=dict(zip(lesson.keys, lesson.class_ids, strict=True)).get)  # type: ignore[arg-type] # every key has a class
    keys = spread(by_class, most)
    pictures = squares(ask, keys, facts.size)
    answers = exported.run(pictures)
    embeddings = reference.embed(pictures)
    expected = reference.decide(embeddings)
    return _compare(exported, answers, keys, embeddings, expected)


def verify_alone(exported: Exported) -> Verification:
    """Check a file by what it carries: its graph, its form, and its probe.

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
    found = probe(exported)
    if found.probabilities.shape != expected.probabilities.shape:
        raise ExportError(f"{exported.path}: damaged: its probe is of another form.")
    differences = np.abs(found.probabilities - expected.probabilities)
    best = expected.probabilities.argmax(axis=1)
    rows = np.arange(len(best))
    behind = found.probabilities.max(axis=1) - found.probabilities[rows, best]
    tolerance = _PROBE_TOLERANCES[exported.facts.precision]
    same_edge = exported.known(found.similarity) == exported.known(expected.similarity)
    on_edge = _on_edge(exported.facts, found.similarity) | (tolerance > _PROBE_TOLERANCES["fp32"])
    wrong = (behind > 2 * tolerance) | ~(same_edge | on_edge)
    return Verification(
        compared=len(rows),
        probabilities=float(differences.max()),
        embedding=float(np.abs(found.embedding - expected.embedding).max()),
        different=tuple(np.flatnonzero(wrong).tolist()),
        tolerance=tolerance,
        within=bool((differences <= tolerance).all()),
    )


def probe(exported: Exported) -> Probe:
    """What a file says of pictures that anybody can make again."""
    answers = exported.run(probe_pictures(exported.facts.size))
    return Probe(answers.probabilities, answers.similarity, answers.embedding[:, :_PROBE_NUMBERS])


def probe_pictures(size: int) -> UInt8Array:
    """A slope, a chessboard and rings, made of whole numbers: uint8 [3, size, size, 3]."""
    y, x = np.mgrid[:size, :size]
    last = max(size - 1, 1)
    slope = np.stack([x * 255 // last, y * 255 // last, (x + y) * 255 // (2 * last)], axis=-1)
    board = (x // _CELL + y // _CELL) % 2
    board = np.stack([40 + 180 * board, 200 - 150 * board, 90 + 60 * board], axis=-1)
    rings = ((2 * x - last) ** 2 + (2 * y - last) ** 2) // (2 * size)
    rings = np.stack([rings % 256, (rings * 2) % 256, 255 - rings % 256], axis=-1)
    return np.stack([slope, board, rings]).astype(np.uint8)


def _check_same_kind(exported: Exported, ask: Ask) -> None:
    facts = exported.facts
    classes, fingerprint, name = ask(
        lambda project: (project.classes(), project.backbone.fingerprint, project.backbone.name)
    )
    here = [(item.id, item.name) for item in classes]
    there = [(item.id, item.name) for item in facts.classes]
    if here != there:
        names, own = (
            ", ".join(repr(item.name) for item in some) or "none"
            for some in (facts.classes, classes)
        )
        raise ExportDiffersError(
            f"{exported.path}: has other classes ({names}) than the project ({own})."
        )
    if facts.precision == "fp32" and facts.fingerprint != fingerprint:
        raise ExportDiffersError(
            f"{exported.path}: sees with {facts.backbone}, and the project with {name}, "
            "or with another version of it."
        )


def _compare(
    exported: Exported,
    answers: Answers,
    keys: Sequence[int],
    embeddings: Float32Array,
    expected: Sequence[Said],
) -> Verification:
    tolerance = TOLERANCES[exported.facts.precision]
    known = exported.known(answers.similarity)
    on_edge = _on_edge(exported.facts, answers.similarity)
    largest, within, different = 0.0, True, []
    for place, (key, said) in enumerate(zip(keys, expected, strict=True)):
        found = answers.probabilities[place]
        difference = float(np.abs(found - said.probabilities).max())
        largest = max(largest, difference)
        # NaN is within nothing.
        within = within and difference <= tolerance + said.slack
        behind = said.probabilities.max() - said.probabilities[found.argmax()]
        drawn = behind <= _DRAW + 2 * said.slack
        same = bool(known[place]) == said.known or bool(on_edge[place])
        if not same or (said.known and not drawn):
            different.append(key)
    return Verification(
        compared=len(keys),
        probabilities=largest,
        embedding=float(np.abs(answers.embedding - embeddings).max()),
        different=tuple(different),
        tolerance=tolerance,
        within=within,
    )


def _on_edge(facts: Facts, similarity: Float32Array) -> npt.NDArray[np.bool_]:
    """Where a similarity is too near to the threshold to tell on which side it is."""
    if facts.threshold is None:
        return np.zeros(len(similarity), np.bool_)
    return np.asarray(np.abs(similarity - facts.threshold) <= _EDGE)


def _slack(
    facts: Facts, probabilities: Float32Array, codes: Sequence[int], similarities: Sequence[float]
) -> float:
    """How much a probability hangs on the last digits of the neighbours' similarities."""
    if facts.head != "knn" or facts.parameters.get("weights") != "distance":
        return 0.0
    distances = np.maximum(1 - np.asarray(similarities), _SMALLEST_DISTANCE)
    votes = np.ones(len(distances))
    if facts.parameters.get("balanced"):
        votes = 1 / np.sqrt(np.maximum(np.asarray(facts.examples)[list(codes)], 1))
    shares = votes / distances / (votes / distances).sum()
    member = np.asarray(codes)[:, None] == np.arange(len(probabilities))
    change = np.abs(member - probabilities) * (shares * _NOISE / distances)[:, None]
    return float(change.sum(axis=0).max())
