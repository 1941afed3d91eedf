"""Writes a project as one ONNX file, and hands it over only if it decides as the project does."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import onnx

from classify_anything import settings
from classify_anything._version import __version__
from classify_anything.backbones import Backbone
from classify_anything.backbones.catalogue import BY_NAME
from classify_anything.errors import ExportDiffersError, InputError
from classify_anything.evaluation import Lesson
from classify_anything.exported import load_export
from classify_anything.formats import new_file
from classify_anything.formats.onnx_file import put_together, to_bytes
from classify_anything.formats.onnx_metadata import Facts, Precision, write_facts
from classify_anything.heads.frozen import Frozen
from classify_anything.project import Ask, Project
from classify_anything.reduction import Reduced, reduced
from classify_anything.types import Class, Progress
from classify_anything.verifying import Retaught, Verification, probe, verify, verify_alone

_MOST_COMPARED = 100
"""Of so many examples; ``verify`` takes more."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """A project at one moment, as far as it goes into a file."""

    name: str
    backbone: Backbone
    classes: tuple[Class, ...]
    lesson: Lesson
    head: Frozen
    strictness: float
    threshold: float | None


def write_onnx(
    ask: Ask,
    path: Path,
    *,
    overwrite: bool = False,
    precision: Precision = "fp32",
    any_size: bool = False,
    progress: Callable[[Progress], object] = lambda _: None,
) -> tuple[str, ...]:
    """Write a project as one ONNX file: pictures in, probabilities out. Gives notes, in words.

    Args:
        ask: puts questions to the project.
        path: the file, which appears only when it is whole and has been checked.
        overwrite: whether a file at ``path`` is replaced.
        precision: of the network. With "fp16" and "int8" the head is taught anew on what the
            smaller network sees, and the file says what accuracy that costs.
        any_size: whether the file takes pictures of any size, and cuts and scales them itself.
        progress: is told what is being done.

    Raises:
        InputError: fewer than two classes have examples.
        SettingError: the head or the backbone cannot be exported.
        OutputError: the file cannot be written, or something is there already.
        ExportDiffersError: the file does not decide as the project does; it is not written.
    """
    with new_file(path, overwrite=overwrite) as file, tempfile.TemporaryDirectory() as folder:
        progress(Progress(0, None, "Looking at what is learnt"))
        moment = ask(_moment)
        graph = onnx.load_from_string(moment.backbone.graph())
        facts, head, reference = _facts(moment, precision, any_size=any_size), moment.head, None
        small = None
        if precision != "fp32":
            progress(Progress(0, None, "Making the network smaller, and teaching it anew"))
            small = reduced(ask, moment.backbone, moment.lesson, precision, Path(folder))
            graph, head = small.graph, small.taught.freeze()
            facts = replace(
                facts,
                fingerprint=small.backbone.fingerprint,
                parameters=head.parameters,
                threshold=small.taught.threshold(),
                accuracy=small.accuracy,
            )
            reference = Retaught(small.taught, small.backbone.embed, facts)
        model = put_together(graph, head, write_facts(facts), any_size=any_size)
        _write(file, model)
        progress(Progress(0, None, "Checking that it decides as the project does"))
        exported = load_export(file.name)
        found = verify(exported, ask, reference=reference, most=_MOST_COMPARED)
        if not found.agrees:
            raise ExportDiffersError(
                f"{path}: is not written, since it would not decide as the project does: of "
                f"{found.compared} examples {len(found.different)} would get another label, and "
                f"probabilities would differ by up to {found.probabilities:.2g}."
            )
        onnx.helper.set_model_props(model, write_facts(facts, probe(exported)))
        _write(file, model)
        verify_alone(load_export(file.name))
        return _notes(facts, found, small)


def _moment(project: Project) -> _Moment:
    lesson = project.lesson()
    if len(set(lesson.class_ids)) < 2:
        raise InputError("There is nothing to tell apart yet: add examples of two classes.")
    return _Moment(
        name=project.path.stem,
        backbone=project.backbone,
        classes=tuple(project.classes()),
        lesson=lesson,
        head=project.freeze(),
        strictness=project.settings.strictness,
        threshold=project.threshold(),
    )


def _facts(moment: _Moment, precision: Precision, *, any_size: bool) -> Facts:
    counts = Counter(moment.lesson.class_ids)
    return Facts(
        project=moment.name,
        classes=moment.classes,
        examples=tuple(counts[item.id] for item in moment.classes),
        head=moment.head.name,
        parameters=moment.head.parameters,
        strictness=moment.strictness,
        threshold=moment.threshold,
        smoothing=settings.USUAL_SMOOTHING_MS,
        backbone=moment.backbone.name,
        fingerprint=moment.backbone.fingerprint,
        license=_license(moment.backbone.name),
        size=moment.backbone.size,
        any_size=any_size,
        precision=precision,
        accuracy=None,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )


def _license(backbone: str) -> str:
    """The licence of a backbone's weights; "" where nobody has told it."""
    known = BY_NAME.get(backbone.partition("/")[0])
    return known.license if known else ""


def _notes(facts: Facts, found: Verification, small: Reduced | None) -> tuple[str, ...]:
    notes = [
        (
            f"Checked on {found.compared} examples: the same labels; probabilities differ by "
            f"{found.probabilities:.1g} at most."
        )
    ]
    if small is not None:
        notes.append(f"{facts.precision}: {small.note}")
    return tuple(notes)


def _write(file: BinaryIO, model: onnx.ModelProto) -> None:
    """Write the whole file, in place of what was in it."""
    file.seek(0)
    file.truncate()
    file.write(to_bytes(model))
    file.flush()
