"""``classes``, ``examples`` and ``export``: what is in a project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from classify_anything import settings
from classify_anything.cli.options import (
    AsJson,
    BackboneName,
    ProjectFile,
    open_classifier,
    option,
)
from classify_anything.cli.output import print_json, print_line, print_table, progress_bar

ExportFormat = Literal["zip", "folder", "onnx", "web", "tfjs-knn"]
Precision = Literal["fp32", "fp16", "int8"]
_FORMS: dict[str, ExportFormat] = {".zip": "zip", ".onnx": "onnx", ".json": "tfjs-knn"}


def classes(
    project: ProjectFile = None, as_json: AsJson = False, backbone: BackboneName = None
) -> None:
    """List the classes of a project, in the order they were added."""
    with open_classifier(project, backbone) as clf:
        rows = [(item.id, item.name, item.color, clf.count(item.id)) for item in clf.classes()]
    names = ("id", "name", "color", "examples")
    if not as_json:
        print_table(names, rows)
        return
    for row in rows:
        print_json(dict(zip(names, row, strict=True)))


def examples(
    project: ProjectFile = None,
    label: Annotated[str | None, option(settings.CLASS, metavar="NAME")] = None,
    source: Annotated[str | None, option(settings.SOURCE)] = None,
    as_json: AsJson = False,
    backbone: BackboneName = None,
) -> None:
    """List the examples of a project, the newest first."""
    with open_classifier(project, backbone) as clf:
        found = clf.examples(label, source=source)
    if as_json:
        for example in found:
            print_json(
                {
                    "id": example.id,
                    "label": example.label,
                    "recording": example.recording_id,
                    "width": example.width,
                    "height": example.height,
                    "source": example.source,
                    "time": example.created_at.isoformat(),
                    "sha256": example.sha256,
                }
            )
        return
    print_table(
        ("id", "label", "recording", "size", "source", "time", "sha256"),
        (
            (
                example.id,
                example.label,
                example.recording_id,
                f"{example.width}×{example.height}",
                example.source,
                example.created_at.isoformat(timespec="seconds"),
                example.sha256,
            )
            for example in found
        ),
    )


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file or folder to write.")],
    project: ProjectFile = None,
    form: Annotated[ExportFormat | None, option(settings.FORMAT)] = None,
    precision: Annotated[Precision, option(settings.PRECISION)] = "fp32",
    any_size: Annotated[bool, option(settings.ANY_SIZE)] = False,
    smoothing: Annotated[
        int,
        option(settings.SMOOTHING, metavar="MS", min=0, max=settings.MOST_SMOOTHING_MS),
    ] = settings.USUAL_SMOOTHING_MS,
    frozen: Annotated[bool, option(settings.FROZEN)] = False,
    embed: Annotated[bool, option(settings.EMBED)] = False,
    force: Annotated[bool, option(settings.FORCE)] = False,
    backbone: BackboneName = None,
) -> None:
    """Take a project elsewhere: its examples, or what it has learnt.

    A zip or a folder has the examples, and `classify-anything import` makes the same project again
    of it. An ONNX file or a web page predicts without this program; both are compared with the
    project first.
    """
    from classify_anything.export.write import Options, check_options, write_export  # noqa: PLC0415 - 0.3 s

    form = form or _FORMS.get(file.suffix.lower(), "folder")
    chosen = Options(
        precision=precision, any_size=any_size, smoothing=smoothing, frozen=frozen, embed=embed
    )
    check_options(form, chosen)
    with open_classifier(project, backbone) as clf, progress_bar("Exporting") as show:
        written = write_export(
            lambda ask: ask(clf),
            file,
            form,
            replace(chosen, overwrite=force, progress=show),
        )
        count = len(clf)
    if form in ("onnx", "web"):
        print_line(f"What {count} examples have taught is in {file}")
    else:
        print_line(f"{count} examples are in {file}")
    for note in written.notes:
        print_line(note)
