"""How long networks take: by threads, by precision, and by the number of images in a call.

All variants take turns in one run, so that a change in the machine's speed meets all of them::

    .venv/bin/python -m benchmarks.backbones [NAME|FILE ...] [--provider cuda]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.report import percentiles, publish, table
from classify_anything.backbones import Backbone, load_backbone
from classify_anything.errors import ClassifyAnythingError

DEFAULT = "efficientnet-lite0"
PRECISIONS = ("", "@int8", "@fp16")
BATCHES = (1, 4, 8, 32)
_WARM_UP = 5


def pictures(count: int, size: int) -> np.ndarray:
    """uint8 [count, size, size, 3]; what they show changes no time."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call, in each round one of each."""
    for call in calls.values():
        for _ in range(_WARM_UP):
            call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def opened(names: list[str], threads: list[int], provider: str) -> dict[str, Backbone]:
    """Each network in each precision on each number of threads, as far as there is such a thing."""
    found = {}
    for name in names:
        for precision in PRECISIONS:
            for count in threads:
                try:
                    backbone = load_backbone(f"{name}{precision}", count, provider)
                except ClassifyAnythingError as error:
                    print(f"{name}{precision} is left out: {error}")
                    break
                found[_title(Path(name).name + precision, count)] = backbone
    return found


def _title(name: str, threads: int) -> str:
    return f"{name}, {threads} thread{'s' * (threads > 1)}"


def alone(backbones: dict[str, Backbone], rounds: int) -> dict[str, dict[str, float]]:
    """Measure one image per call."""
    images = {size: pictures(1, size) for size in {one.size for one in backbones.values()}}
    calls = {name: lambda one=one: one.embed(images[one.size]) for name, one in backbones.items()}
    return {name: percentiles(times) for name, times in in_turns(calls, rounds).items()}


def together(backbone: Backbone, rounds: int) -> dict[str, dict[str, float]]:
    """Measure several images per call, in milliseconds per image."""
    many = pictures(max(BATCHES), backbone.size)
    run = backbone._run  # noqa: SLF001 - ``embed`` cuts many images into the batches it likes
    calls = {str(size): lambda size=size: run(many[:size]) for size in BATCHES}
    return {
        size: percentiles(np.asarray(times) / int(size))
        for size, times in in_turns(calls, rounds).items()
    }


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of the catalogue, or files; the default is first")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--provider", default="cpu")
    given = parser.parse_args()
    threads = sorted({1, min(os.cpu_count() or 1, 4)})
    backbones = opened([DEFAULT, *given.names], threads, given.provider)
    single = alone(backbones, given.rounds)
    usual = _title(DEFAULT, threads[-1])
    batches = together(backbones[usual], max(given.rounds // 4, 5))
    rows = [
        (name, one["p50"], one["p95"], f"{one['p50'] / single[usual]['p50']:.2f}")
        for name, one in single.items()
    ]
    text = table(("one image", "p50 ms", "p95 ms", "of the default's"), rows)
    text += "\n\n" + table(
        (f"{usual}: images a call", "p50 ms an image"),
        [(size, one["p50"]) for size, one in batches.items()],
    )
    results = {"provider": given.provider, "one_image": single, "images_a_call": batches}
    publish("backbones", results, text)


if __name__ == "__main__":
    main()
