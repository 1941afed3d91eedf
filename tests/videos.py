"""Real videos, made for a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

RED, BLUE = (255, 0, 0), (0, 0, 255)


def write_video(
    path: Path,
    colors: Sequence[tuple[int, int, int]],
    *,
    rate: float = 10,
    codec: str = "MJPG",
    size: tuple[int, int] = (64, 48),
) -> Path:
    """A video with one plain frame of each colour; ``size`` is (width, height)."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), rate, size)
    assert writer.isOpened()
    for color in colors:
        writer.write(np.full((size[1], size[0], 3), color[::-1], np.uint8))
    writer.release()
    return path
