"""``verify``: whether an exported file decides as its project does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classify_anything import settings
from classify_anything.cli.options import AsJson, BackboneName, open_classifier, option
from classify_anything.cli.output import print_json, print_line

if TYPE_CHECKING:
    from classify_anything.exported import Exported
    from classify_anything.verifying import Verification

_MOST_NAMED = 10


def verify(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="The exported ONNX file.")],
    project: Annotated[
        Path | None,
        typer.Argument(
            metavar="PROJECT",
            help="The project that it was made from. Without it, the file is checked by itself.",
        ),
    ] = None,
    most: Annotated[int, option(settings.MOST, min=1)] = 300,
    as_json: AsJson = False,
    backbone: BackboneName = None,
) -> None:
    """Check that an exported file decides as its project does.

    Examples of the project, spread evenly, go through both. Without a project, the file must be a
    valid graph that says of known pictures what it said when it was made. The exit code is 1 where
    they disagree.
    """
    from classify_anything.exported import load_export  # noqa: PLC0415 - takes 0.2 s
    from classify_anything.verifying import verify as compare  # noqa: PLC0415
    from classify_anything.verifying import verify_alone  # noqa: PLC0415

    exported = load_export(export)
    if project is None:
        found = verify_alone(exported)
    else:
        with open_classifier(project, backbone) as clf:
            found = compare(exported, lambda ask: ask(clf), most=most)
    if as_json:
        print_json(
            {
                "agrees": found.agrees,
                "compared": found.compared,
                "probabilities": found.probabilities,
                "embedding": found.embedding,
                "different": found.different,
                "tolerance": found.tolerance,
            }
        )
    else:
        _print(exported, found, alone=project is None)
    if not found.agrees:
        raise typer.Exit(1)


def _print(exported: Exported, found: Verification, *, alone: bool) -> None:
    what = "pictures of its own" if alone else "examples"
    print_line(f"{exported.path}: {found.compared} {what}, precision {exported.facts.precision}")
    print_line(
        f"probabilities differ by up to {found.probabilities:.2g} "
        f"({found.tolerance:g} is allowed), embeddings by up to {found.embedding:.2g}"
    )
    named = ", ".join(map(str, found.different[:_MOST_NAMED]))
    more = ", …" if len(found.different) > _MOST_NAMED else ""
    print_line(f"labels differ on {len(found.different)}" + (f": {named}{more}" if named else ""))
    print_line("It agrees." if found.agrees else "It does not agree: export the project again.")
