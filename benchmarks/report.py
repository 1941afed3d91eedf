"""What every benchmark does with its numbers: a table for people, JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from classify_anything import __version__

RESULTS = Path(__file__).parent.parent / "build" / "benchmarks"


def machine() -> dict[str, Any]:
    """The machine, as far as it matters for the numbers."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        model = next((value.strip() for key, _, value in lines if "model name" in key), model)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "classify_anything": __version__,
    }


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """p50, p95 and p99, rounded to hundredths."""
    points = np.percentile(list(values), [50, 95, 99])
    return dict(
        zip(("p50", "p95", "p99"), (round(float(point), 2) for point in points), strict=True)
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def publish(name: str, results: dict[str, Any], text: str) -> None:
    """Print the table and write everything, the machine too, to ``build/benchmarks/NAME.json``."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **results}, indent=2) + "\n")
    cpu = machine()
    print(f"{cpu['cores']} cores of {cpu['cpu']}, {cpu['system']}, Python {cpu['python']}\n")
    print(text)
    print(f"\nAlso in build/benchmarks/{path.name}.")
