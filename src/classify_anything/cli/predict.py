"""``predict``: predict the class of images."""

from __future__ import annotations

import csv
import glob
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from classify_anything.cli.output import (
    Columns,
    error_object,
    print_json,
    print_line,
    progress_bar,
    show_error,
    width,
)
from classify_anything.errors import DatasetError, ImageError

if TYPE_CHECKING:
    from classify_anything.classifier import Classifier
    from classify_anything.images import ImageInput
    from classify_anything.types import Prediction, Progress

Write = Callable[[str, "Prediction"], object]


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATHS",
            help="Images, folders, patterns such as 'photos/*.jpg', or - for standard input.",
        ),
    ],
    project: ProjectFile = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, option(settings.CSV)] = False,
    backbone: BackboneName = None,
    provider: ProviderName = None,
) -> None:
    """Predict the class of images.

    Results are printed in order, one line each, as soon as they are ready. An unreadable image does
    not stop the command.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv cannot be used together.")
    found = failed = False
    with (
        open_classifier(project, backbone, provider) as clf,
        # On a terminal, the results themselves show the progress.
        progress_bar("Predicting", shown=not sys.stdout.isatty()) as show,
    ):
        write = _json if as_json else _csv() if as_csv else _lines(clf)
        for name, result in _predict_all(clf, list(_images(paths)), show):
            found = True
            if not isinstance(result, ImageError):
                write(name, result)
                continue
            failed = True
            show_error(result)
            if as_json:
                print_json({"path": name, **error_object(result)})
    if not found:
        raise DatasetError(f"{', '.join(paths)}: no images found.")
    if failed:
        raise typer.Exit(1)


def _predict_all(
    clf: Classifier,
    named: list[tuple[str, ImageInput]],
    show: Callable[[Progress], None],
) -> Iterator[tuple[str, Prediction | ImageError]]:
    errors: deque[ImageError] = deque()
    answers = clf.predict_many(
        [image for _, image in named],
        on_error=lambda _, error: errors.append(error),
        progress=show,
    )
    for (name, _), prediction in zip(named, answers, strict=True):
        yield name, errors.popleft() if prediction is None else prediction


def _images(paths: list[str]) -> Iterator[tuple[str, ImageInput]]:
    """Yield each image with its name; a missing path counts as an image, to be reported."""
    from classify_anything.datasets.capture import images_below  # noqa: PLC0415 - takes 0.2 s
    from classify_anything.images import MAX_BYTES  # noqa: PLC0415 - takes 0.2 s

    for path in paths:
        if path == "-":
            yield path, sys.stdin.buffer.read(MAX_BYTES + 1)
            continue
        for match in [path] if Path(path).exists() else _matches(path) or [path]:
            files = images_below(Path(match)) if Path(match).is_dir() else [match]
            yield from ((str(file), file) for file in files)


def _matches(pattern: str) -> list[str]:
    """Return the files that match a pattern that the shell did not expand."""
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - not absolute in pathlib
    return sorted(match for match in found if Path(match).is_file())


def _json(name: str, prediction: Prediction) -> None:
    print_json(
        {
            "path": name,
            "label": prediction.label,
            "probability": prediction.probability,
            "probabilities": prediction.probabilities,
            "neighbors": [
                {
                    "example_id": neighbor.example_id,
                    "label": neighbor.label,
                    "similarity": neighbor.similarity,
                }
                for neighbor in prediction.neighbors
            ],
        }
    )


def _csv() -> Write:
    writer: Any = csv.writer(_Lines(), lineterminator="")
    writer.writerow(("path", "label", "probability"))
    return lambda name, prediction: writer.writerow(
        (name, prediction.label or "", prediction.probability)
    )


class _Lines:
    """A file for the csv module that prints each line."""

    def write(self, line: str) -> None:
        print_line(line)


def _lines(clf: Classifier) -> Write:
    widest = max(map(width, clf.project.labels.values()), default=0)
    columns = Columns(("label", "probability", "path"), (widest, len("100.0%"), 0))
    return lambda name, prediction: columns.print(
        prediction.label or "-", f"{prediction.probability:6.1%}", name
    )
