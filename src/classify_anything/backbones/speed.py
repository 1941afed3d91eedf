"""Measure the speed of backbones on this machine, and store it."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np

from classify_anything import settings
from classify_anything.backbones.backbone import Backbone
from classify_anything.backbones.files import kept_in, read_object, write_whole
from classify_anything.errors import DownloadError

_SECONDS = 1.0
_WARM_UP, _MIN_RUNS = 3, 5


def measure(backbone: Backbone) -> float:
    """Return the median milliseconds per image, one at a time on all threads, in about 1 s."""
    image = np.full((1, backbone.size, backbone.size, 3), 128, np.uint8)
    for _ in range(_WARM_UP):
        backbone.embed(image)
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(times) < _MIN_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        backbone.embed(image)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def remembered() -> dict[str, float]:
    """Return stored milliseconds by name."""
    found = read_object(_file())
    return {
        name: speed
        for name, speed in found.items()
        if isinstance(speed, float | int) and math.isfinite(speed)
    }


def remember(speeds: dict[str, float]) -> None:
    """Store milliseconds by name, if possible."""
    with contextlib.suppress(DownloadError), kept_in(_file().parent):
        write_whole(_file(), json.dumps({**remembered(), **speeds}))


def _file() -> Path:
    return settings.cache_folder() / "speeds.json"
