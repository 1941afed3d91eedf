"""``serve``: open a project's page in the browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from classify_anything import settings
from classify_anything.cli.options import BackboneName, ProviderName, option, use_provider
from classify_anything.cli.output import LateBar, show_notice
from classify_anything.server.address import Address, PortTakenError, listen


def serve(
    context: typer.Context,
    project: Annotated[
        Path | None,
        typer.Argument(metavar="PROJECT", envvar=settings.PROJECT.env, help=settings.PROJECT.help),
    ] = None,
    host: Annotated[str, option(settings.HOST)] = settings.DEFAULT_HOST,
    port: Annotated[int | None, option(settings.PORT)] = None,
    open_browser: Annotated[bool, option(settings.OPEN)] = True,
    backbone: BackboneName = None,
    provider: ProviderName = None,
    token: Annotated[str | None, option(settings.TOKEN)] = None,
    export: Annotated[Path | None, option(settings.EXPORT, metavar="FILE")] = None,
) -> None:
    """Open a project's page in the browser.

    The page shows the camera and five class buttons. Hold a button while you show something: each
    frame becomes an example. From the first example on, the page predicts what the camera shows.
    Everything stays on this machine, in one project file.
    """
    from classify_anything.server.serve import serve as serve_project  # noqa: PLC0415 - takes 0.5 s
    from classify_anything.server.serve import serve_export  # noqa: PLC0415

    if export is not None:
        _check_alone(context, export)
    project = settings.default_project() if project is None else project
    address = _listen(host, settings.DEFAULT_PORT if port is None else port, token)

    bar = LateBar("Embedding")

    def on_ready(notice: str = "") -> None:
        bar.close()
        typer.echo(f"Classify Anything is running at {address.url}")
        what = f"Project: {project}" if export is None else f"Export: {export}"
        typer.echo(f"{what}   (press Ctrl+C to stop)")
        show_notice(notice)

    if export is not None:
        serve_export(export, address, on_ready=on_ready, open_browser=open_browser)
        return
    use_provider(provider)
    with bar:
        serve_project(
            project,
            address,
            backbone=backbone,
            on_ready=on_ready,
            open_browser=open_browser,
            progress=bar,
        )


def _check_alone(context: typer.Context, export: Path) -> None:
    """Reject --export together with a project or a backbone on the command line.

    Those from the environment are ignored.
    """
    for name in ("project", "backbone"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"Use either --export {export} or a {name}, not both.")


def _listen(host: str, port: int, token: str | None) -> Address:
    """Open the socket; if its port is taken, offer the next free port on a terminal."""
    try:
        return listen(host, port, token)
    except PortTakenError as error:
        if error.free is None or not sys.stdin.isatty():
            raise
        question = f"Port {error.port} is taken by another program. Use {error.free}?"
        if not typer.confirm(question, default=True):
            raise
        return listen(host, error.free, token)
