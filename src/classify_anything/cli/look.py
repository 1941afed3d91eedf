"""``classes``, ``examples`` and ``export``: what is in a project."""

from __future__ import annotations

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
from classify_anything.cli.output import print_json, print_line, print_table

Form = Literal["zip", "folder", "tfjs-knn"]
_FORMS: dict[str, Form] = {".zip": "zip", ".json": "tfjs-knn"}


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
    form: Annotated[Form | None, option(settings.FORMAT)] = None,
    force: Annotated[bool, option(settings.FORCE)] = False,
    backbone: BackboneName = None,
) -> None:
    """Write the examples of a project to a zip or a folder, or their embeddings to JSON.

    `classify-anything import` makes the same project again of a zip or folder.
    """
    form = form or _FORMS.get(file.suffix.lower(), "folder")
    with open_classifier(project, backbone) as clf:
        clf.export(file, form, overwrite=force)
        print_line(f"{len(clf)} examples are in {file}")
