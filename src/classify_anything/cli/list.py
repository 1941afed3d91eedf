"""``classes`` and ``examples``: list the contents of a project."""

from __future__ import annotations

from typing import Annotated

from classify_anything import settings
from classify_anything.cli.options import (
    AsJson,
    BackboneName,
    ProjectFile,
    open_classifier,
    option,
)
from classify_anything.cli.output import print_json, print_table


def classes(
    project: ProjectFile = None, as_json: AsJson = False, backbone: BackboneName = None
) -> None:
    """List the classes of a project, oldest first."""
    with open_classifier(project, backbone) as clf:
        rows = [
            (item.id, item.name, item.color, clf.project.count(item.id)) for item in clf.classes()
        ]
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
    """List the examples of a project, newest first."""
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
