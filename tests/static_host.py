"""A static host, as simple as those that people put an exported page on."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ISOLATING = {
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""With these a host lets a page use several threads."""


class StaticHost:
    """Serves a folder on this machine, and remembers what was asked for."""

    def __init__(self, folder: Path, headers: Mapping[str, str] | None = None) -> None:
        self.sent: list[tuple[str, int]] = []
        host = self

        class Handler(SimpleHTTPRequestHandler):
            def end_headers(self) -> None:
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                super().end_headers()

            def copyfile(self, source, outputfile) -> None:
                data = source.read()
                host.sent.append((self.path, len(data)))
                outputfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        handler = functools.partial(Handler, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def hosted(folder: Path, headers: Mapping[str, str] | None = None) -> Iterator[StaticHost]:
    host = StaticHost(folder, headers)
    try:
        yield host
    finally:
        host.stop()
