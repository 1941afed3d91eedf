"""``watch``: predict live images, one line each."""

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
            help="Camera number (0 is the first), video file, address (rtsp://…, http://…), or "
            "folder that receives images.",
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
    """Predict the images of a camera, video or folder, one by one.

    Each prediction is one line of JSON. A camera or a stream provides its newest frame, a video
    every frame, and a folder each new image once it is completely written. Changes to the project
    take effect at once.
    """
    from classify_anything.datasets.capture import watch as watch_source  # noqa: PLC0415 - takes 0.2 s

    command = None if on_change is None else _Command(on_change)
    with (
        contextlib.suppress(KeyboardInterrupt),
        open_classifier(project, backbone, provider) as clf,
        contextlib.closing(watch_source(source, rate=fps, existing=existing)) as frames,
        Interrupts(signal.SIGTERM) as interrupts,
    ):
        label = None
        while True:
            with interrupts.allowed():
                frame = next(frames, None)
            if frame is None:
                break
            try:
                prediction = clf.predict(frame.image)
            except ImageError as error:
                show_error(error)
                print_json({**_origin(source, frame), **error_object(error)})
                continue
            changed, label = prediction.label != label, prediction.label
            if changed or not changes_only:
                print_json(
                    {
                        **_origin(source, frame),
                        "label": prediction.label,
                        "probability": prediction.probability,
                    }
                )
            if changed and command:
                command.run(prediction)


def _origin(source: str, frame: Frame) -> dict[str, Any]:
    """Return the time and the source of a line."""
    origin: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "source": source,
    }
    if frame.file is not None:
        origin["file"] = str(frame.file)
    if frame.at is not None:
        origin["frame_time"] = round(frame.at, 3)
    return origin


class _Command:
    """A command to run when the label changes; the next image waits until the command exits.

    Args:
        text: split as in a shell, but run without one.
    """

    def __init__(self, text: str) -> None:
        try:
            self._words = shlex.split(text)
        except ValueError as error:
            raise typer.BadParameter(f"--on-change {text!r}: {error}.") from error
        if not self._words or shutil.which(self._words[0]) is None:
            raise typer.BadParameter(f"--on-change {text!r}: command not found.")

    def run(self, prediction: Prediction) -> None:
        """Run it with the label as its last argument, empty if there is none."""
        label = prediction.label or ""
        variables = {
            settings.LABEL_VARIABLE: label,
            settings.PROBABILITY_VARIABLE: str(prediction.probability),
        }
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command
                [*self._words, label],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,  # standard output is for predictions
                env={**os.environ, **variables},
            )
        except OSError as error:
            show_error(f"{shlex.join(self._words)}: {error.strerror or error}.")
            return
        if done.returncode != 0:
            show_error(f"{shlex.join(self._words)}: exited with code {done.returncode}.")
