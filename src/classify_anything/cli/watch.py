"""``watch``: a line for each picture that comes."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from classify_anything import settings
from classify_anything.cli.interrupts import Interrupts
from classify_anything.cli.options import (
    BackboneName,
    ProjectFile,
    ProviderName,
    open_classifier,
    option,
)
from classify_anything.cli.output import error_object, print_json, show_error
from classify_anything.errors import ImageError

if TYPE_CHECKING:
    from classify_anything.datasets.capture import Frame
    from classify_anything.types import Prediction


def watch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="The number of a camera (0 is the first), a video file, an address (rtsp://…, "
            "http://…), or a folder to which images come.",
        ),
    ],
    project: ProjectFile = None,
    fps: Annotated[float, option(settings.WATCH_FPS)] = 5.0,
    existing: Annotated[bool, option(settings.EXISTING)] = False,
    changes_only: Annotated[bool, option(settings.CHANGES_ONLY)] = False,
    on_change: Annotated[str | None, option(settings.ON_CHANGE, metavar="COMMAND")] = None,
    backbone: BackboneName = None,
    provider: ProviderName = None,
) -> None:
    """Predict what a camera, a stream, a video or a folder shows, picture by picture.

    Each prediction is one line of JSON. Of a camera or a stream it is always the newest picture
    that is predicted; of a video, each; of a folder, each new image once, when it is completely
    written. What the project learns meanwhile counts at once.
    """
    from classify_anything.datasets.capture import watch as watch_source  # noqa: PLC0415 - takes 0.2 s

    command = None if on_change is None else _Command(on_change)
    with (
        contextlib.suppress(KeyboardInterrupt),
        open_classifier(project, backbone, provider) as clf,
        contextlib.closing(watch_source(source, rate=fps, existing=existing)) as sights,
        Interrupts(signal.SIGTERM) as interrupts,
    ):
        label = None
        while True:
            with interrupts.allowed():
                sight = next(sights, None)
            if sight is None:
                break
            try:
                prediction = clf.predict(sight.image)
            except ImageError as error:
                show_error(error)
                print_json({**_origin(source, sight), **error_object(error)})
                continue
            changed, label = prediction.label != label, prediction.label
            if changed or not changes_only:
                print_json(
                    {
                        **_origin(source, sight),
                        "label": prediction.label,
                        "probability": prediction.probability,
                    }
                )
            if changed and command:
                command.run(prediction)


def _origin(source: str, sight: Frame) -> dict[str, Any]:
    """When, and of what, a line tells."""
    origin: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "source": source,
    }
    if sight.file is not None:
        origin["file"] = str(sight.file)
    if sight.at is not None:
        origin["frame_time"] = round(sight.at, 3)
    return origin


class _Command:
    """A command to run when the label changes; the next picture waits until it has ended.

    Args:
        text: as in a shell, but no shell runs it.
    """

    def __init__(self, text: str) -> None:
        try:
            self._words = shlex.split(text)
        except ValueError as error:
            raise typer.BadParameter(f"--on-change {text!r}: {error}.") from error
        if not self._words or shutil.which(self._words[0]) is None:
            raise typer.BadParameter(f"--on-change {text!r}: there is no such command.")

    def run(self, prediction: Prediction) -> None:
        """Run it, with the label at its end, or an empty word for none."""
        label = prediction.label or ""
        told = {
            settings.LABEL_VARIABLE: label,
            settings.PROBABILITY_VARIABLE: str(prediction.probability),
        }
        try:
            done = subprocess.run(  # noqa: S603 - it is the user's own command
                [*self._words, label],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,  # the standard output is for the predictions
                env={**os.environ, **told},
            )
        except OSError as error:
            show_error(f"{shlex.join(self._words)}: {error.strerror or error}.")
            return
        if done.returncode != 0:
            show_error(f"{shlex.join(self._words)}: ended with code {done.returncode}.")
