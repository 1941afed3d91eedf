"""``evaluate``: measure a project's accuracy, on its own examples or on other images."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classify_anything import settings
from classify_anything.cli.options import (
    AsJson,
    BackboneName,
    ProjectFile,
    ProviderName,
    open_classifier,
    option,
)
from classify_anything.cli.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from classify_anything.evaluation.evaluate import Evaluation


def evaluate(
    named: Annotated[
        Path | None, typer.Argument(metavar="PROJECT", help="Same as --project.")
    ] = None,
    project: ProjectFile = None,
    test: Annotated[Path | None, option(settings.TEST, metavar="FOLDER")] = None,
    head: Annotated[str | None, option(settings.HEAD)] = None,
    as_json: AsJson = False,
    backbone: BackboneName = None,
    provider: ProviderName = None,
) -> None:
    """Measure the accuracy of a project.

    Each example is predicted without its own recording. With --test, the images in that folder are
    predicted from all examples instead.
    """
    with open_classifier(named or project, backbone, provider) as clf:
        found = clf.evaluate(head) if test is None else clf.evaluate_on(test, head)
    if as_json:
        print_json(_as_json(found))
    else:
        _print(found)


def _as_json(found: Evaluation) -> dict[str, object]:
    return {
        "head": found.head,
        "accuracy": found.accuracy,
        "interval": found.interval,
        "per_class": [asdict(item) for item in found.per_class],
        "confusion": found.confusion,
        "labels": found.labels,
        "calibration_error": found.calibration_error,
    }


def _print(found: Evaluation) -> None:
    low, high = found.interval
    print_line(
        f"{100 * found.accuracy:.0f} % accuracy "
        f"(95 % confidence interval: {100 * low:.0f}–{100 * high:.0f} %), "
        f"{len(found.outcomes)} examples, head {found.head}"
    )
    if any(item.single_recording for item in found.per_class):
        typer.echo(
            "* All examples of this class are one recording, so its accuracy is overestimated.",
            err=True,
        )
    rows = []
    for item, row in zip(found.per_class, found.confusion, strict=True):
        if item.accuracy is None:
            continue
        mistakes = [
            f"{label} {count}"
            for label, count in zip(found.labels, row, strict=True)
            if count and label != item.label
        ]
        share = f"{item.accuracy:.0%}{'*' if item.single_recording else ''}"
        rows.append((share, item.examples, item.label, ", ".join(mistakes)))
    print_table(("accuracy", "examples", "label", "confused with"), rows)
