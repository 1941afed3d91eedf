"""``backbones``: list, download, use and compare backbones; ``layers.py`` has ``info``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classify_anything import settings
from classify_anything.cli.layers import info
from classify_anything.cli.options import (
    AsJson,
    ProjectFile,
    ProviderName,
    open_classifier,
    option,
)
from classify_anything.cli.output import print_json, print_line, print_table, progress_bar
from classify_anything.errors import BackboneError, ClassifyAnythingError

if TYPE_CHECKING:
    from classify_anything.backbones.descriptions import Description
    from classify_anything.project.reembed import BackboneComparison

backbones = typer.Typer(rich_markup_mode=None)
backbones.command("info")(info)

_COLUMNS = ("name", "here", "ms", "top-1", "size", "dim", "Mparams", "GMACs", "licence")
_COMPARED = ("name", "accuracy", "95 % interval", "ms")


@backbones.callback(invoke_without_command=True)
def list_(
    ctx: typer.Context,
    measure: Annotated[bool, option(settings.MEASURE)] = False,
    as_json: AsJson = False,
) -> None:
    """List the named backbones and their properties.

    Download a missing one with `classify-anything backbones pull NAME`.
    """
    if ctx.invoked_subcommand is not None:
        return
    from classify_anything.backbones import speed  # noqa: PLC0415 - takes 0.2 s

    listed = _listed()
    if measure:
        _measure(listed)
    speeds = speed.remembered()
    if as_json:
        for one in listed:
            print_json(_as_json(one, speeds.get(one.name)))
    else:
        for one in listed:
            if one.top1 is not None and one.description.judged:
                typer.echo(f"* {one.name}: measured {one.description.judged}.", err=True)
        print_table(_COLUMNS, (_row(one, speeds.get(one.name)) for one in listed))


@backbones.command("pull")
def pull_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Backbone name from the list.")],
) -> None:
    """Download a backbone, so that --backbone NAME can use it.

    The command shows its licence first. After an error or Ctrl+C, run the same command again to
    resume.
    """
    from classify_anything.backbones.catalogue import BY_NAME  # noqa: PLC0415 - takes 0.2 s
    from classify_anything.backbones.descriptions import Hub  # noqa: PLC0415
    from classify_anything.backbones.fetch import pull  # noqa: PLC0415

    if name not in BY_NAME:
        *names, last = BY_NAME
        raise BackboneError(f"Unknown backbone '{name}'. Choose {', '.join(names)} or {last}.")
    description = BY_NAME[name]
    if not description.is_here:
        size = ""
        if isinstance(description.origin, Hub):
            size = f", {description.origin.megabytes:g} MB of {description.origin.repository}"
        typer.echo(f"{name}: {description.source}{size}. Licence: {description.license}", err=True)
    with progress_bar(name, in_bytes=True) as show:
        path = pull(description, show)
    print_line(f"{name} is on this machine: {path}")


@dataclass(frozen=True, slots=True)
class _Listed:
    """A backbone of the catalogue, or a variant of one that was made on this machine."""

    name: str
    description: Description
    here: bool
    path: Path
    dimension: int
    top1: float | None
    precision: str = "fp32"


def _listed() -> list[_Listed]:
    """Return the catalogue, each backbone followed by its variants."""
    from classify_anything.backbones.catalogue import CATALOGUE  # noqa: PLC0415 - takes 0.2 s
    from classify_anything.backbones.variants import made_variants  # noqa: PLC0415

    made = made_variants()
    found = []
    for one in CATALOGUE:
        found.append(_Listed(one.name, one, one.is_here, one.path, one.dimension, one.top1))
        for variant in made:
            if variant.name in one.names:
                length = one.length(variant.name)
                name, path = variant.full_name, variant.path
                found.append(_Listed(name, one, True, path, length, None, variant.precision))
    return found


def _measure(listed: list[_Listed]) -> None:
    from classify_anything.backbones import load_backbone, speed  # noqa: PLC0415 - takes 0.2 s

    for one in listed:
        if one.here:
            try:
                speed.remember({one.name: speed.measure(load_backbone(one.name))})
            except ClassifyAnythingError as error:
                typer.echo(f"Skipped: {error}", err=True)


def _row(one: _Listed, milliseconds: float | None) -> tuple[str, ...]:
    return (
        one.name,
        "yes" if one.here else "no",
        "-" if milliseconds is None else f"{milliseconds:.1f}",
        "-" if one.top1 is None else f"{one.top1:.1f}{'*' if one.description.judged else ''}",
        str(one.description.form.size),
        str(one.dimension),
        f"{one.description.parameters:.1f}",
        f"{one.description.multiply_adds:.2f}",
        one.description.license,
    )


def _as_json(one: _Listed, milliseconds: float | None) -> dict[str, object]:
    from classify_anything.backbones.descriptions import Hub  # noqa: PLC0415 - takes 0.2 s

    description = one.description
    hub = description.origin if isinstance(description.origin, Hub) else None
    return {
        "name": one.name,
        "precision": one.precision,
        "here": one.here,
        "path": str(one.path),
        "milliseconds": milliseconds,
        "top1": one.top1,
        "judged": description.judged,
        "size": description.form.size,
        "mean": description.form.mean,
        "std": description.form.std,
        "dimension": one.dimension,
        "parameters": description.parameters,
        "multiply_adds": description.multiply_adds,
        "license": description.license,
        "source": description.source,
        "repository": hub and hub.repository,
        "file": hub and hub.file,
        "revision": hub and hub.revision,
        "megabytes": hub and hub.megabytes,
        "sha256": hub and hub.sha256,
    }


@backbones.command("use")
def use(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Backbone name, or path to an .onnx or .tflite file."),
    ],
    project: ProjectFile = None,
    provider: ProviderName = None,
) -> None:
    """Change the default backbone of a project.

    All its images are re-embedded first. The embeddings of the previous backbone are kept, so
    switching back takes no time. After Ctrl+C, run the same command again to resume.
    """
    from classify_anything.backbones.variants import split_precision  # noqa: PLC0415 - takes 0.2 s

    with open_classifier(project, name, provider) as clf:
        clf.change_backbone(clf.backbone)
        print_line(f"{clf.path} now uses {clf.backbone.name} ({len(clf)} examples).")
        plain, precision = split_precision(name)
        if precision:
            command = f"classify-anything backbones compare {plain} {name} -p {clf.path}"
            typer.echo(f"{precision} may reduce accuracy. Measure it with: {command}", err=True)


@backbones.command("compare")
def compare(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Backbone names, or paths to .onnx or .tflite files."),
    ],
    project: ProjectFile = None,
    as_json: AsJson = False,
    provider: ProviderName = None,
) -> None:
    """Compare the accuracy and speed of backbones on a project's own examples.

    The project keeps its backbone.
    """
    with open_classifier(project, None, provider) as clf:
        with progress_bar("Embedding") as show:
            found = clf.compare_backbones(names, progress=show)
        if as_json:
            for compared in found.values():
                print_json(_compared_json(compared))
        else:
            print_table(_COMPARED, map(_compared_row, found.values()))


def _compared_row(compared: BackboneComparison) -> tuple[str, ...]:
    evaluation = compared.evaluation
    low, high = evaluation.interval
    return (
        compared.name,
        f"{evaluation.accuracy:.1%}",
        f"{low:.1%} to {high:.1%}",
        f"{compared.milliseconds:.1f}",
    )


def _compared_json(compared: BackboneComparison) -> dict[str, object]:
    evaluation = compared.evaluation
    return {
        "name": compared.name,
        "accuracy": evaluation.accuracy,
        "interval": evaluation.interval,
        "examples": len(evaluation.outcomes),
        "milliseconds": compared.milliseconds,
    }
