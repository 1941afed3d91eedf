"""``backbones``: list, fetch, use and compare networks; ``backbones info`` is in ``layers.py``."""

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
_COMPARED = ("name", "right", "in 95 of 100 cases", "ms")


@backbones.callback(invoke_without_command=True)
def list_(
    ctx: typer.Context,
    measure: Annotated[bool, option(settings.MEASURE)] = False,
    as_json: AsJson = False,
) -> None:
    """List the networks that have a name, and what is known of them.

    Those that are not here are fetched with `classify-anything backbones pull NAME`.
    """
    if ctx.invoked_subcommand is not None:
        return
    from classify_anything.backbones import speed  # noqa: PLC0415 - takes 0.2 s

    found = _known()
    if measure:
        _measure(found)
    speeds = speed.remembered()
    if as_json:
        for one in found:
            print_json(_as_json(one, speeds.get(one.name)))
    else:
        for one in found:
            if one.top1 is not None and one.of.judged:
                typer.echo(f"* {one.name}: {one.of.judged}.", err=True)
        print_table(_COLUMNS, (_row(one, speeds.get(one.name)) for one in found))


@backbones.command("pull")
def pull_(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="One that `classify-anything backbones` lists.")
    ],
) -> None:
    """Bring a network to this machine, so that --backbone NAME can use it.

    Its licence is shown first. After an error or Ctrl+C the same command goes on where it ended.
    """
    from classify_anything.backbones.catalogue import BY_NAME  # noqa: PLC0415 - takes 0.2 s
    from classify_anything.backbones.descriptions import Hub  # noqa: PLC0415
    from classify_anything.backbones.fetch import pull  # noqa: PLC0415

    if name not in BY_NAME:
        raise BackboneError(f"No backbone named '{name}'. There is {', '.join(BY_NAME)}.")
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
class _Known:
    """One of the catalogue, or a variant of it that was made on this machine."""

    name: str
    of: Description
    here: bool
    path: Path
    dimension: int
    top1: float | None
    precision: str = "fp32"


def _known() -> list[_Known]:
    """The catalogue, with the variants of each after it."""
    from classify_anything.backbones.catalogue import CATALOGUE  # noqa: PLC0415 - takes 0.2 s
    from classify_anything.backbones.variants import made_variants  # noqa: PLC0415

    made = made_variants()
    found = []
    for one in CATALOGUE:
        found.append(_Known(one.name, one, one.is_here, one.path, one.dimension, one.top1))
        for variant in made:
            if variant.name in one.names:
                length = one.length(variant.name)
                name, path = variant.full_name, variant.path
                found.append(_Known(name, one, True, path, length, None, variant.precision))
    return found


def _measure(known: list[_Known]) -> None:
    from classify_anything.backbones import load_backbone, speed  # noqa: PLC0415 - takes 0.2 s

    for one in known:
        if one.here:
            try:
                speed.remember({one.name: speed.measure(load_backbone(one.name))})
            except ClassifyAnythingError as error:
                typer.echo(f"Left out: {error}", err=True)


def _row(one: _Known, milliseconds: float | None) -> tuple[str, ...]:
    return (
        one.name,
        "yes" if one.here else "no",
        "-" if milliseconds is None else f"{milliseconds:.1f}",
        "-" if one.top1 is None else f"{one.top1:.1f}{'*' if one.of.judged else ''}",
        str(one.of.form.size),
        str(one.dimension),
        f"{one.of.parameters:.1f}",
        f"{one.of.multiply_adds:.2f}",
        one.of.license,
    )


def _as_json(one: _Known, milliseconds: float | None) -> dict[str, object]:
    from classify_anything.backbones.descriptions import Hub  # noqa: PLC0415 - takes 0.2 s

    of = one.of
    hub = of.origin if isinstance(of.origin, Hub) else None
    return {
        "name": one.name,
        "precision": one.precision,
        "here": one.here,
        "path": str(one.path),
        "milliseconds": milliseconds,
        "top1": one.top1,
        "judged": of.judged,
        "size": of.form.size,
        "mean": of.form.mean,
        "std": of.form.std,
        "dimension": one.dimension,
        "parameters": of.parameters,
        "multiply_adds": of.multiply_adds,
        "license": of.license,
        "source": of.source,
        "repository": hub and hub.repository,
        "file": hub and hub.file,
        "revision": hub and hub.revision,
        "megabytes": hub and hub.megabytes,
        "sha256": hub and hub.sha256,
    }


@backbones.command("use")
def use(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As --backbone takes it: a name, or a file.")
    ],
    project: ProjectFile = None,
    provider: ProviderName = None,
) -> None:
    """Let a project look with another network from now on, wherever it is opened.

    All its pictures are embedded anew first. The embeddings of the former network stay, so going
    back takes no time. After Ctrl+C the same command goes on where it ended.
    """
    from classify_anything.backbones.variants import split_precision  # noqa: PLC0415 - takes 0.2 s

    with open_classifier(project, name, provider) as clf:
        clf.change_backbone(clf.backbone)
        print_line(f"{clf.path} looks with {clf.backbone.name}: {len(clf)} examples.")
        plain, precision = split_precision(name)
        if precision:
            told = "Fewer bits may cost accuracy. How much, on these examples, tells:"
            command = f"classify-anything backbones compare {plain} {name} -p {clf.path}"
            typer.echo(f"{told} {command}", err=True)


@backbones.command("compare")
def compare(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="As --backbone takes them: names, or files."),
    ],
    project: ProjectFile = None,
    as_json: AsJson = False,
    provider: ProviderName = None,
) -> None:
    """Tell how often a project would be right with several networks, and how fast each is.

    Each is judged on the project's own examples. The project
    stays with the network it has.
    """
    with open_classifier(project, None, provider) as clf:
        with progress_bar("Looking") as show:
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
