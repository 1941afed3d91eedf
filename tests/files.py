"""Folders, zips and videos to import, made of real pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.photos import plain


def colored(*rgb: int) -> bytes:
    """A PNG of one colour; other numbers, other bytes."""
    return plain(f"rgb{tuple(rgb)}")


def write_tree(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files by their paths below a folder."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a zip, with the names just as they are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def write_video(path: Path, frames: int = 30, rate: float = 10) -> Path:
    """Write a video whose frames grow brighter."""
    import cv2  # noqa: PLC0415 - most tests do without it

    kind = {".avi": "MJPG", ".mp4": "mp4v", ".webm": "VP80"}[path.suffix]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*kind), rate, (160, 120))
    assert video.isOpened()
    for number in range(frames):
        video.write(np.full((120, 160, 3), number * 255 // frames, np.uint8))
    video.release()
    return path
