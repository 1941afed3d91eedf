"""How much memory the server holds, by the number of examples, and if it grows while it answers.

.venv/bin/python -m benchmarks.memory [--counts 0 1000 10000] [--frames 3000]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import psutil
from tests.photos import encoded, photo
from tests.server import ServerProcess, start_server

from benchmarks.projects import write_project
from benchmarks.report import publish, table

_WARM_UP = 50


def megabytes(server: ServerProcess) -> float:
    """The private memory of the server: what would be free without it."""
    return psutil.Process(server.process.pid).memory_full_info().uss / 2**20


def measure(project: Path, frames: int) -> dict[str, float]:
    """Before the first frame, after the first few, and after many; adding one in twenty."""
    picture = encoded(photo("cat")[:224, :224])
    with start_server(project) as server, server.socket() as page:
        class_id = page.receive("state")["classes"][0]["id"]
        started = megabytes(server)
        for _ in range(_WARM_UP):
            page.predict(picture)
        answering = megabytes(server)
        for number in range(frames):
            if number % 20:
                page.predict(picture)
            else:
                page.add(class_id, picture, f"frame {number}")
        return {"started": started, "answering": answering, "after_frames": megabytes(server)}


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 1000, 10_000])
    parser.add_argument("--frames", type=int, default=3000)
    given = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in given.counts:
            project = write_project(Path(folder) / f"{count}.db", count)
            found[count] = measure(project, given.frames)
    rows = [
        (f"{count:,}", *(f"{one[name]:.0f}" for name in ("started", "answering", "after_frames")))
        for count, one in found.items()
    ]
    head = ("examples", "MB, started", "answering", f"after {given.frames} frames, 1 in 20 added")
    publish("memory", {"counts": found, "frames": given.frames}, table(head, rows))


if __name__ == "__main__":
    main()
