"""A small model hub on this machine: it speaks the protocol, and misbehaves as told."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What it has, how it behaves, and what it was asked.

    Attributes:
        files: by repository and path, such as "someone/network/onnx/model.onnx".
        status: what every question is answered with, if not 0.
        silent: seconds that pass before an answer.
        breaks_off: after how many bytes each connection ends.
        sends: other bytes than those promised.
        kind: the media type of what it sends.
        knows_ranges: whether it can begin in the middle.
        tells_size: whether it tells how large files are.
        is_lfs: whether it tells files' sha256, as for large ones.
        asked: the method, the path and the range of each question.
    """

    files: dict[str, bytes]
    status: int = 0
    silent: float = 0
    breaks_off: int | None = None
    sends: bytes | None = None
    kind: str = "application/octet-stream"
    knows_ranges: bool = True
    tells_size: bool = True
    is_lfs: bool = True
    address: str = ""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)

    @property
    def ranges(self) -> list[str | None]:
        """Where each download began."""
        return [
            where for method, path, where in self.asked if (method, path[:5]) == ("GET", "/cdn/")
        ]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass

    def _answer(self) -> None:
        hub = self.hub
        hub.asked.append((self.command, self.path, self.headers["Range"]))
        time.sleep(hub.silent)
        if hub.status:
            self._plain(hub.status)
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path):
            self._resolve(f"{found[1]}/{found[3]}")
        elif self.path.startswith("/cdn/") and self.path[5:] in hub.files:
            self._file(hub.files[self.path[5:]] if hub.sends is None else hub.sends)
        else:
            self._plain(404)

    def _resolve(self, name: str) -> None:
        """Large files lie elsewhere, and the hub tells their size and checksum."""
        if name not in self.hub.files:
            self._plain(404, {"X-Error-Code": "EntryNotFound"})
            return
        data = self.hub.files[name]
        kind = hashlib.sha256 if self.hub.is_lfs else hashlib.sha1
        etag = f'"{kind(data).hexdigest()}"'
        size = {"X-Linked-Size": str(len(data))} if self.hub.tells_size else {}
        self._plain(
            302,
            {
                **size,
                # As with the real one, on a host of another name.
                "Location": f"{self.hub.address.replace('127.0.0.1', 'localhost')}/cdn/{name}",
                "X-Repo-Commit": COMMIT,
                "X-Linked-Etag": etag,
                "ETag": etag,
            },
        )

    def _file(self, data: bytes) -> None:
        where = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        start = int(where[1]) if where and self.hub.knows_ranges else 0
        if start >= len(data):
            self._plain(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", self.hub.kind)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        end = None if self.hub.breaks_off is None else start + self.hub.breaks_off
        self.wfile.write(data[start:end])

    def _plain(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()


@contextlib.contextmanager
def run_hub(files: dict[str, bytes]) -> Iterator[Hub]:
    """Run a hub with these files, at ``address``."""
    hub = Hub(files)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
