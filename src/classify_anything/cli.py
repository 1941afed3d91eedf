"""The command line: a thin caller of the server and the classifier."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from classify_anything import settings
from classify_anything._version import __version__
from classify_anything.errors import ClassifyAnythingError
from classify_anything.server.address import Address, PortTakenError, listen

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"classify-anything {__version__}")
        raise typer.Exit


def _option(option: settings.Option) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(option.flag, envvar=option.env, help=option.help)
    return info


@app.command(
    epilog="Examples: `classify-anything` opens your own project; "
    "`classify-anything desk.db` opens (or begins) the project in that file."
)
def serve(
    project: Annotated[
        Path | None,
        typer.Argument(help="The project file. Without one: your own, in your data folder."),
    ] = None,
    host: Annotated[str, _option(settings.HOST)] = settings.DEFAULT_HOST,
    port: Annotated[int | None, _option(settings.PORT)] = None,
    open_browser: Annotated[bool, _option(settings.OPEN)] = True,
    backbone: Annotated[str | None, _option(settings.BACKBONE)] = None,
    token: Annotated[str | None, _option(settings.TOKEN)] = None,
    version: Annotated[  # noqa: ARG001 - typer calls its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Show the camera a thing, hold a button, and the page knows it.

    Opens a page in your browser with the camera and five class buttons. Hold a button while you
    show something: each frame becomes an example. From the first one on, the page says what the
    camera sees. Everything stays on this machine, and is kept in one project file.
    """
    from classify_anything.server.serve import serve as serve_project  # noqa: PLC0415 - takes 0.5 s

    project = settings.default_project() if project is None else project
    address = _listen(host, settings.DEFAULT_PORT if port is None else port, token)

    def on_ready() -> None:
        typer.echo(f"Classify Anything is at {address.url}")
        typer.echo(f"Project: {project}   (Ctrl+C ends it)")

    serve_project(project, address, backbone=backbone, on_ready=on_ready, open_browser=open_browser)


def _listen(host: str, port: int, token: str | None) -> Address:
    """Open the socket; if its port is taken, offer the next free one to a person."""
    try:
        return listen(host, port, token)
    except PortTakenError as error:
        if error.free is None or not sys.stdin.isatty():
            raise
        question = f"Port {error.port} is taken by another program. Use {error.free}?"
        if not typer.confirm(question, default=True):
            raise
        return listen(host, error.free, token)


def main() -> None:
    """Run the command line; an error of this package is one line, and exit code 1."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    try:
        app()
    except ClassifyAnythingError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
