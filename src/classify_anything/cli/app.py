"""Assemble all commands, prepare the process, and report errors."""

from __future__ import annotations

import difflib
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from classify_anything._version import __version__
from classify_anything.cli import output
from classify_anything.cli.backbones import backbones
from classify_anything.cli.evaluate import evaluate
from classify_anything.cli.export import export
from classify_anything.cli.import_ import import_
from classify_anything.cli.list import classes, examples
from classify_anything.cli.predict import predict
from classify_anything.cli.serve import serve
from classify_anything.cli.verify import verify
from classify_anything.cli.watch import watch
from classify_anything.errors import ClassifyAnythingError
from classify_anything.settings import QUIET_VARIABLE

_ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_LOG_LEVEL": "SILENT",
    QUIET_VARIABLE: "1",
}
_OWN_OPTIONS = ("--version", "--help")


class Commands(TyperGroup):
    """Treat a first word that is not a command as a project to serve."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, *_OWN_OPTIONS):
            if args:
                self._check_spelling(args[0])
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def _check_spelling(self, word: str) -> None:
        """Reject a word that nearly matches a command, instead of creating a project."""
        close = difflib.get_close_matches(word, self.commands, n=1, cutoff=0.75)
        if close and not Path(word).exists():
            raise typer.BadParameter(
                f"Unknown command or project {word!r}. Did you mean {close[0]!r}? "
                f"To create a project with that name, write ./{word}"
            )

    def invoke(self, ctx: Any) -> Any:
        with output.exit_on_broken_pipe():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    subcommand_metavar="[PROJECT] | COMMAND [ARGS]...",
    epilog="Examples: `classify-anything` opens your own project; "
    "`classify-anything desk.db` opens (or creates) the project in that file; "
    "`classify-anything predict -p desk.db photos/` predicts the class of every photo in a folder. "
    "`classify-anything serve --help` lists the options of the page.",
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"classify-anything {__version__}")
        raise typer.Exit


@app.callback()
def _begin(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Show an object to the camera, hold a button, and the page learns to recognise it.

    Without a command, serve a project: its page opens in the browser. The other commands work on a
    project whether or not its page is open.
    """


_COMMANDS: dict[str, Callable[..., None]] = {
    "serve": serve,
    "import": import_,
    "predict": predict,
    "classes": classes,
    "examples": examples,
    "evaluate": evaluate,
    "export": export,
    "verify": verify,
    "watch": watch,
}
for name, command in _COMMANDS.items():
    app.command(name)(command)
app.add_typer(backbones, name="backbones")


def _quiet_libraries() -> None:
    """Configure logging, warnings and the environment of this process."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: record.name != "root")  # hints from ONNX Runtime
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[handler])
    warnings.filterwarnings("ignore", module="PIL")  # damaged files are reported as errors
    for name in ("HF_ENDPOINT", "HF_HUB_DOWNLOAD_TIMEOUT"):
        if name in os.environ and not os.environ[name].strip():
            del os.environ[name]  # huggingface_hub would use the empty text
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def main() -> None:
    """Run the command line; report an error of this package in one line, with exit code 1."""
    _quiet_libraries()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names may not be valid in the terminal's encoding.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except ClassifyAnythingError as error:
        output.show_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
