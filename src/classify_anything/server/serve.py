"""Run the server until Ctrl+C."""

from __future__ import annotations

import contextlib
import socket
import threading
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvicorn
from threadpoolctl import threadpool_limits

from classify_anything.backbones.bulk import OnProgress
from classify_anything.export.onnx_model import load_export
from classify_anything.project.project import Project
from classify_anything.server.address import Address
from classify_anything.server.app import create_app
from classify_anything.server.backend import Backend
from classify_anything.server.project import LiveProject
from classify_anything.server.read_only import ReadOnlyBackend
from classify_anything.settings import STARTING_CLASSES
from classify_anything.types import Progress

_MAX_MESSAGE = 8 * 1024 * 1024


def serve(
    project: Path,
    address: Address,
    *,
    backbone: str | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
    open_browser: bool = False,
    progress: OnProgress | None = None,
) -> None:
    """Serve a project until Ctrl+C.

    Args:
        project: the project file.
        address: to listen on.
        backbone: a name or a file; by default the project's own.
        on_ready: called with the project's ``notice`` once the page answers.
        open_browser: whether to open the page.
        progress: called with the progress if all examples must be embedded first.

    Raises:
        StoreError, BackboneError: the project or the backbone cannot be opened.
    """
    with address.socket, contextlib.closing(open_project(project, backbone, progress)) as live:
        ready = partial(on_ready, live.state.notice)
        _run(make_server(live, address, ready, open_browser=open_browser), address)


def serve_export(
    export: Path,
    address: Address,
    *,
    on_ready: Callable[[], None] = lambda: None,
    open_browser: bool = False,
) -> None:
    """Serve an exported ONNX file until Ctrl+C, as ``serve`` does a project.

    Raises:
        ExportError: the file cannot be opened.
    """
    with address.socket, contextlib.closing(ReadOnlyBackend(load_export(export))) as read_only:
        _run(make_server(read_only, address, on_ready, open_browser=open_browser), address)


def open_project(
    project: Path, backbone: str | None = None, progress: OnProgress | None = None
) -> LiveProject:
    """Open a project to be served; arguments and errors as for ``serve``."""
    given_up = threading.Event()

    def report(reached: Progress) -> None:
        if given_up.is_set():
            raise KeyboardInterrupt
        if progress:
            progress(reached)

    def open_project() -> Project:
        # A vector-matrix product is faster on one thread than waking a second.
        threadpool_limits(1, "blas")
        opened = Project(project, backbone=backbone, progress=report)
        opened.add_starting_classes(STARTING_CLASSES)
        return opened

    return LiveProject(open_project, given_up.set)


def make_server(
    served: Backend,
    address: Address,
    on_ready: Callable[[], None],
    *,
    open_browser: bool = False,
) -> uvicorn.Server:
    """Return the server of a project or export; its ``run`` needs the socket of the address."""
    config = uvicorn.Config(
        create_app(served, address.token),
        log_level="warning",
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=_MAX_MESSAGE,
        ws_per_message_deflate=False,  # frames are JPEG; deflate costs 4 ms and saves nothing
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return _Server(config, on_ready, address.url if open_browser else None)


def _run(server: uvicorn.Server, address: Address) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[address.socket])


class _Server(uvicorn.Server):
    """Calls ``on_ready`` after startup."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], open_url: str | None
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._open_url = open_url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()
        if self._open_url:
            # A browser in the terminal returns only when closed.
            threading.Thread(target=webbrowser.open, args=(self._open_url,), daemon=True).start()
