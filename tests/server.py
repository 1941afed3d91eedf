"""A real server over real sockets: in a thread of this process, or in a process of its own."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from classify_anything import load_export
from classify_anything.server.address import Address, listen
from classify_anything.server.backend import Backend
from classify_anything.server.read_only import ReadOnlyBackend
from classify_anything.server.serve import make_server, open_project


@dataclass
class RunningServer:
    """A server that answers at ``url``, and a client for it."""

    url: str
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url.split("?")[0], timeout=30)

    @property
    def port(self) -> int:
        return self.http.base_url.port or 0

    @contextlib.contextmanager
    def socket(self, **options: Any) -> Iterator[Socket]:
        with connect(f"ws://127.0.0.1:{self.port}/ws", compression=None, **options) as connection:
            yield Socket(connection)


@dataclass
class Socket:
    """Speaks the frame protocol."""

    connection: ClientConnection

    def send(self, header: dict[str, Any], image: bytes) -> None:
        head = json.dumps(header).encode()
        self.connection.send(struct.pack("<I", len(head)) + head + image)

    def receive(self, kind: str) -> dict[str, Any]:
        """The next message of a type."""
        while True:
            message = json.loads(self.connection.recv(timeout=20))
            if message["type"] == kind:
                return message

    def predict(self, image: bytes, seq: int = 0) -> dict[str, Any]:
        self.send({"type": "predict", "seq": seq}, image)
        return self.receive("answer")

    def add(self, class_id: int, image: bytes, key: str, recording: str = "r") -> dict[str, Any]:
        header = {"type": "add", "seq": 0, "class_id": class_id, "recording": recording, "key": key}
        self.send(header, image)
        return self.receive("answer")


@dataclass
class ServerProcess(RunningServer):
    """A server that can be sent signals."""

    process: subprocess.Popen[str]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@contextlib.contextmanager
def run_server(
    project: Path,
    backbone: Path | str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
) -> Iterator[RunningServer]:
    """Serve a project in a thread of this process."""
    address = listen(host, port, token)
    name = None if backbone is None else str(backbone)
    with address.socket, contextlib.closing(open_project(project, name)) as live:
        yield from _running(live, address)


@contextlib.contextmanager
def run_export(export: Path) -> Iterator[RunningServer]:
    """Serve an export in a thread of this process."""
    address = listen("127.0.0.1", 0)
    with address.socket, contextlib.closing(ReadOnlyBackend(load_export(export))) as frozen:
        yield from _running(frozen, address)


def _running(served: Backend, address: Address) -> Iterator[RunningServer]:
    ready = threading.Event()
    server = make_server(served, address, ready.set)
    thread = threading.Thread(target=server.run, args=([address.socket],))
    thread.start()
    try:
        assert ready.wait(20)
        running = RunningServer(address.url)
        with running.http:
            yield running
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def start_server(project: Path, *options: str | Path, port: int = 0) -> Iterator[ServerProcess]:
    """Start ``classify-anything``, wait for the address it prints, and end it afterwards."""
    command = [sys.executable, "-m", "classify_anything", "--no-open", "--port", str(port)]
    process = subprocess.Popen(
        [*command, *map(str, options), str(project)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stdout.read()
        running = ServerProcess(found.group(), process)
        with running.http:
            yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(20)
        process.stdout.close()
