"""``import``: add examples from folders, zips, images and videos."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import classify_anything
from classify_anything import settings
from classify_anything.cli.interrupts import Interrupts
from classify_anything.cli.options import (
    AsJson,
    BackboneName,
    ProjectFile,
    ProviderName,
    open_classifier,
    option,
    seconds,
)
from classify_anything.cli.output import on_one_line, print_json, print_line, progress_bar

if TYPE_CHECKING:
    from classify_anything.classifier import Classifier
    from classify_anything.types import ImportReport, Progress


def import_(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATHS", help="Folders, zips, images and videos.")
    ],
    project: ProjectFile = None,
    label: Annotated[str | None, option(settings.LABEL, metavar="NAME")] = None,
    fps: Annotated[float, option(settings.FPS)] = 5.0,
    start: Annotated[
        float, option(settings.FROM, parser=seconds, metavar="TIME", show_default=False)
    ] = 0.0,
    end: Annotated[float | None, option(settings.TO, parser=seconds, metavar="TIME")] = None,
    as_json: AsJson = False,
    backbone: BackboneName = None,
    provider: ProviderName = None,
) -> None:
    """Add the images of folders, zips and videos as examples.

    The name of an image's folder is its class. Images already in their class are skipped. A missing
    project is created. After Ctrl+C, run the same command again to resume.
    """
    frames = classify_anything.Frames(fps, start, end)
    with open_classifier(project, backbone, provider, create=True) as clf:
        before = len(clf)
        try:
            with Interrupts() as interrupts, progress_bar("Importing") as show:

                def batch_is_written(progress: Progress) -> None:
                    with interrupts.allowed():
                        show(progress)

                report = clf.import_dataset(
                    paths, label=label, frames=frames, progress=batch_is_written
                )
        except KeyboardInterrupt:
            typer.echo(
                f"Stopped: {_count(len(clf) - before, 'example')} added. "
                "Run the same command again to resume.",
                err=True,
            )
            raise typer.Exit(130) from None
        _show(report, _classes(clf, report), as_json=as_json)
    if report.problems:
        raise typer.Exit(1)


def _show(report: ImportReport, classes: int, *, as_json: bool) -> None:
    for problem in report.problems:
        typer.echo(f"Skipped: {on_one_line(problem.message)}", err=True)
    if as_json:
        print_json(
            {
                "added": len(report.examples),
                "classes": classes,
                "known": report.known,
                "problems": [dataclasses.asdict(problem) for problem in report.problems],
            }
        )
        return
    added = _count(len(report.examples), "example")
    print_line(f"{added} added to {_count(classes, 'class')}, {report.known} already there.")


def _classes(clf: Classifier, report: ImportReport) -> int:
    """Count the classes that received examples."""
    index = clf.project.store.index()
    added = set(report.examples)
    rows = zip(index.ids, index.class_ids, strict=True)
    return len({class_id for example_id, class_id in rows if example_id in added})


def _count(number: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{number} {word if number == 1 else plural}"
