"""``export``: write a project's examples or its model to a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from classify_anything import settings
from classify_anything.cli.options import BackboneName, ProjectFile, open_classifier, option
from classify_anything.cli.output import print_line, progress_bar

ExportFormat = Literal["zip", "folder", "onnx", "web", "tfjs-knn"]
Precision = Literal["fp32", "fp16", "int8"]
_FORMS: dict[str, ExportFormat] = {".zip": "zip", ".onnx": "onnx", ".json": "tfjs-knn"}


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File or folder to write.")],
    project: ProjectFile = None,
    form: Annotated[ExportFormat | None, option(settings.FORMAT)] = None,
    precision: Annotated[Precision, option(settings.PRECISION)] = "fp32",
    any_size: Annotated[bool, option(settings.ANY_SIZE)] = False,
    smoothing: Annotated[
        int,
        option(
            settings.SMOOTHING,
            metavar="MS",
            min=0,
            max=settings.MOST_SMOOTHING_MS,
            show_default=False,
        ),
    ] = settings.USUAL_SMOOTHING_MS,
    read_only: Annotated[bool, option(settings.READ_ONLY)] = False,
    embed: Annotated[bool, option(settings.EMBED)] = False,
    force: Annotated[bool, option(settings.FORCE)] = False,
    backbone: BackboneName = None,
) -> None:
    """Export a project's examples or its model.

    A zip or a folder contains the examples, and `classify-anything import` restores the project
    from it. An ONNX file or a web page predicts without this program; both are compared with the
    project first.
    """
    from classify_anything.export.write import (  # noqa: PLC0415 - 0.3 s
        Options,
        check_options,
        has_head,
        write_export,
    )
    from classify_anything.project.snapshot import take_snapshot  # noqa: PLC0415

    form = form or _FORMS.get(file.suffix.lower(), "folder")
    chosen = Options(
        precision=precision,
        any_size=any_size,
        smoothing=smoothing,
        read_only=read_only,
        embed=embed,
    )
    check_options(form, chosen)
    with (
        open_classifier(project, backbone) as clf,
        progress_bar("Exporting") as show,
        take_snapshot(clf.project, settle=has_head(form)) as snapshot,
    ):
        options = replace(chosen, overwrite=force, progress=show)
        written = write_export(snapshot, file, form, options)
        count = len(snapshot.examples)
    what = "a model trained on " if form in ("onnx", "web") else ""
    print_line(f"Exported {what}{count} examples to {file}.")
    for note in written.notes:
        print_line(note)
