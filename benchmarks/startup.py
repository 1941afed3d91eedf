"""From the start of the process to the page, and to the first prediction::

.venv/bin/python -m benchmarks.startup
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from tests.photos import encoded, photo

from benchmarks.projects import write_project
from benchmarks.report import publish, table
from classify_anything.server.address import listen


def start_once(project: Path, image: bytes) -> tuple[float, float]:
    """Seconds from process start until the page answers, and until a prediction does."""
    address = listen("127.0.0.1", 0)
    address.socket.close()
    port = address.url.rstrip("/").rpartition(":")[2]
    command = [sys.executable, "-m", "classify_anything", "--no-open", "--port", port, str(project)]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=address.url, timeout=30) as http:
            while True:
                try:
                    http.get("/").raise_for_status()
                    break
                except httpx.ConnectError:
                    time.sleep(0.005)
            page = time.perf_counter() - begin
            http.post("/api/predict", content=image).raise_for_status()
            return page, time.perf_counter() - begin
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser(description="Process start → page → first prediction.")
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    image = encoded(photo("coffee"))
    results, rows = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for examples in (0, 1000, 10_000):
            project = write_project(Path(folder) / f"{examples}.db", examples)
            times = [start_once(project, image) for _ in range(runs)]
            for name, values in zip(("page", "prediction"), zip(*times, strict=True), strict=True):
                key = f"{name}_with_{examples}_examples_s"
                results[key] = {
                    "min": round(min(values), 2),
                    "median": round(statistics.median(values), 2),
                    "max": round(max(values), 2),
                }
                rows.append((f"{name}, {examples} examples", *results[key].values()))
    publish("startup", results, table(("s", "min", "median", "max"), rows))


if __name__ == "__main__":
    main()
