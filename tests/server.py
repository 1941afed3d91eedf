"""A real server, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

_START_SECONDS = 30


@dataclass
class RunningServer:
    process: subprocess.Popen[str]
    url: str
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url.split("?")[0], timeout=30)

    @property
    def port(self) -> int:
        return self.http.base_url.port or 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)

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


@contextlib.contextmanager
def run_server(project: Path, *options: str, port: int = 0) -> Iterator[RunningServer]:
    """Start ``classify-anything``, wait for the address it prints, and end it afterwards."""
    command = [sys.executable, "-m", "classify_anything", "--no-open", "--port", str(port)]
    process = subprocess.Popen(
        [*command, *options, str(project)],
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
        running = RunningServer(process, found.group())
        try:
            yield running
        finally:
            running.http.close()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(20)
        process.stdout.close()
