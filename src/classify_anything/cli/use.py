"""``backbones use`` and ``compare``: a project looks with another network, or with several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from classify_anything.cli.options import AsJson, ProjectFile, ProviderName, open_classifier
from classify_anything.cli.output import print_json, print_line, print_table, progress_bar

if TYPE_CHECKING:
    from classify_anything.project.reembed import BackboneComparison

_COLUMNS = ("name", "right", "in 95 of 100 cases", "ms")


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
        clf.use_backbone(clf.backbone)
        print_line(f"{clf.path} looks with {clf.backbone.name}: {len(clf)} examples.")
        plain, precision = split_precision(name)
        if precision:
            told = "Fewer bits may cost accuracy. How much, on these examples, tells:"
            command = f"classify-anything backbones compare {plain} {name} -p {clf.path}"
            typer.echo(f"{told} {command}", err=True)


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
                print_json(_as_json(compared))
        else:
            print_table(_COLUMNS, map(_row, found.values()))


def _row(compared: BackboneComparison) -> tuple[str, ...]:
    evaluation = compared.evaluation
    low, high = evaluation.interval
    return (
        compared.name,
        f"{evaluation.accuracy:.1%}",
        f"{low:.1%} to {high:.1%}",
        f"{compared.milliseconds:.1f}",
    )


def _as_json(compared: BackboneComparison) -> dict[str, object]:
    evaluation = compared.evaluation
    return {
        "name": compared.name,
        "accuracy": evaluation.accuracy,
        "interval": evaluation.interval,
        "examples": len(evaluation.outcomes),
        "milliseconds": compared.milliseconds,
    }
