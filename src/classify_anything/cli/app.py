"""All commands, and what they have in common: how they begin, and how they end."""

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
    """A first word that is no command is a project, and is served."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, *_OWN_OPTIONS):
            if args:
                self._check_spelling(args[0])
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def _check_spelling(self, word: str) -> None:
        """Begin no project under a name that is nearly that of a command."""
        close = difflib.get_close_matches(word, self.commands, n=1, cutoff=0.75)
        if close and not Path(word).exists():
            raise typer.BadParameter(
                f"No command or project {word!r}. Did you mean {close[0]!r}? "
                f"To begin a project of that name: ./{word}"
            )

    def invoke(self, ctx: Any) -> Any:
        with output.until_nobody_reads():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    subcommand_metavar="[PROJECT] | COMMAND [ARGS]...",
    epilog="Examples: `classify-anything` opens your own project; "
    "`classify-anything desk.db` opens (or begins) the project in that file; "
    "`classify-anything predict -p desk.db photos/` says what is on the photos in a folder. "
    "`classify-anything serve --help` tells the options of the page.",
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"classify-anything {__version__}")
        raise typer.Exit


@app.callback()
def _begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Show the camera a thing, hold a button, and the page knows it.

    Without a command, a project is served: its page opens in the browser. The other commands work
    on a project without the page, or while it is open.
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
    """Set up logging, warnings and the environment, which belong to this process."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: record.name != "root")  # hints of ONNX Runtime
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[handler])
    warnings.filterwarnings("ignore", module="PIL")  # only the image of a damaged file matters
    for name in ("HF_ENDPOINT", "HF_HUB_DOWNLOAD_TIMEOUT"):
        if name in os.environ and not os.environ[name].strip():
            del os.environ[name]  # huggingface_hub takes an empty one for a value
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def main() -> None:
    """Run the command line; an error of this package is one line, and exit code 1."""
    _quiet_libraries()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be text in the terminal's encoding.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except ClassifyAnythingError as error:
        output.show_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
