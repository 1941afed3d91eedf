"""``verify``: check that an export predicts like its project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classify_anything import settings
from classify_anything.cli.options import AsJson, BackboneName, open_classifier, option
from classify_anything.cli.output import print_json, print_line

if TYPE_CHECKING:
    from classify_anything.export.verify import Export, Verification

_MOST_NAMED = 10


def verify(
    export: Annotated[
        Path,
        typer.Argument(metavar="EXPORT", help="Exported ONNX file, or page as a folder or zip."),
    ],
    project: Annotated[
        Path | None,
        typer.Argument(
            metavar="PROJECT",
            help="Project the export was made from (default: check the export on its own).",
        ),
    ] = None,
    most: Annotated[int, option(settings.MOST, min=1, show_default=False)] = 300,
    as_json: AsJson = False,
    backbone: BackboneName = None,
) -> None:
    """Check that an export predicts like its project.

    Both predict images of the project, spread evenly, and blends of the embeddings of two examples.
    Without a project, the export must repeat the predictions for test images that were recorded
    when it was made. The exit code is 1 if they differ.
    """
    from classify_anything.export.onnx_model import load_export  # noqa: PLC0415 - takes 0.2 s
    from classify_anything.export.page_model import ExportedPage, is_page  # noqa: PLC0415
    from classify_anything.export.verify import verify as compare  # noqa: PLC0415
    from classify_anything.export.verify import verify_alone, verify_page_alone  # noqa: PLC0415
    from classify_anything.project.snapshot import take_snapshot  # noqa: PLC0415

    exported = ExportedPage(export) if is_page(export) else load_export(export)
    if project is not None:
        with (
            open_classifier(project, backbone) as clf,
            take_snapshot(clf.project) as snapshot,
        ):
            found = compare(exported, snapshot, most=most)
    elif isinstance(exported, ExportedPage):
        found = verify_page_alone(exported)
    else:
        found = verify_alone(exported)
    if as_json:
        print_json(
            {
                "agrees": found.agrees,
                "pictures": found.pictures,
                "blends": found.decided,
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


def _print(exported: Export, found: Verification, *, alone: bool) -> None:
    what = "test images" if alone else f"images and {found.decided} blends of two"
    print_line(f"{exported.path}: {found.pictures} {what}, precision {exported.metadata.precision}")
    excused = found.within and found.probabilities > found.tolerance
    print_line(
        f"probabilities differ by at most {found.probabilities:.2g} (limit {found.tolerance:g}"
        + (", higher where nearly equal images vote" if excused else "")
        + f"), embeddings by at most {found.embedding:.2g}"
    )
    named = ", ".join(map(str, found.different[:_MOST_NAMED]))
    more = ", …" if len(found.different) > _MOST_NAMED else ""
    print_line(f"labels differ on {len(found.different)}" + (f": {named}{more}" if named else ""))
    print_line("The predictions agree." if found.agrees else "Failed: export the project again.")
