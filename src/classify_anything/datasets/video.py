"""The frames of a video, at a chosen rate."""

from __future__ import annotations

import importlib
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from classify_anything.errors import ImageError, MissingExtraError, SettingError
from classify_anything.images import MAX_PIXELS
from classify_anything.types import UInt8Array

ENDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
MAX_RATE = 1000.0

# FFmpeg goes by what is in a file: a playlist that is called a video would make it open others.
_BEGINNING = re.compile(
    rb".{4}(ftyp|moov|mdat|wide|free|skip)|RIFF.{4}AVI |\x1a\x45\xdf\xa3", re.DOTALL
)
_QUALITY = 95
_NEAR = 1e-3
"""Seconds; the times of frames are rounded."""

_LEAD = 5.0
"""Seconds that are read before the start: a jump need not land where it was asked to."""

_CUT_SHORT = 0.9
"""Of the length that is told; sound may be a little longer than the pictures."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Which frames of a video are taken.

    Attributes:
        rate: frames a second, at most 1000; a video with fewer gives each of its frames once.
        start: the first one, in seconds from the beginning.
        end: no frame from here on, in seconds from the beginning; None goes on to the last.

    Raises:
        SettingError: a value that cannot be.
    """

    rate: float = 5.0
    start: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.rate <= MAX_RATE:
            raise SettingError(
                f"Frames a second must be over 0 and at most {MAX_RATE:g}, not {self.rate:g}."
            )
        if not 0 <= self.start < math.inf:
            raise SettingError(f"A video begins at 0 seconds, not at {self.start:g}.")
        if self.end is not None and not self.start < self.end:
            raise SettingError(
                f"The end, {self.end:g} seconds, must come after the start, {self.start:g} seconds."
            )


def is_video(name: str) -> bool:
    """Whether a file's ending is that of a video."""
    return name.lower().endswith(ENDINGS)


def read_frames(path: Path, frames: Frames) -> Iterator[tuple[float, bytes]]:
    """The frames of a video as JPEGs of quality 95, with their times in seconds.

    The same file gives the same bytes each time. Errors are those of ``read_pictures``.
    """
    for time, picture in read_pictures(path, frames):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=_QUALITY)
        yield time, buffer.getvalue()


def read_pictures(path: Path, frames: Frames) -> Iterator[tuple[float, UInt8Array]]:
    """The frames of a video, upright, uint8 [h, w, 3] RGB, with their times in seconds.

    One frame is in memory at a time.

    Raises:
        ImageError: not a video, damaged, without frames, or, after its last frame, cut short.
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = opencv()
    _check_beginning(path)
    capture = _open(path, frames.start)
    try:
        due = frames.start
        last = None
        while capture.grab():
            last = max(0.0, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            if frames.end is not None and last >= frames.end - _NEAR:
                return
            if last < due - _NEAR:
                continue
            read, picture = capture.retrieve()
            if read:
                yield last, to_rgb(picture)
                taken = math.floor((last - frames.start) * frames.rate + _NEAR)
                due = frames.start + (taken + 1) / frames.rate
        _check_end(path, last, frames.start, _length(capture))
    finally:
        capture.release()


def opencv() -> Any:
    """Import OpenCV. Raises MissingExtraError."""
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise MissingExtraError(
            "Cameras and videos need OpenCV, which is not installed: "
            'pip install "classify-anything[camera]"'
        ) from error


def to_rgb(picture: Any) -> UInt8Array:
    """A frame as OpenCV gives it → uint8 [h, w, 3] RGB."""
    cv2 = opencv()
    rgb: UInt8Array = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return rgb


def _check_beginning(path: Path) -> None:
    try:
        with path.open("rb") as file:
            beginning = file.read(16)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror or error}.") from error
    if not beginning:
        raise ImageError(f"{path}: empty.")
    if not _BEGINNING.match(beginning):
        raise ImageError(f"{path}: not a video this program reads (AVI, Matroska, MOV, MP4, WebM).")


def _open(path: Path, start: float) -> Any:
    """A capture that begins at ``start`` seconds or before."""
    cv2 = opencv()
    capture = _capture(path)
    if start > _LEAD:
        capture.set(cv2.CAP_PROP_POS_MSEC, (start - _LEAD) * 1000)
        if not capture.grab() or capture.get(cv2.CAP_PROP_POS_MSEC) >= start * 1000:
            capture.release()
            capture = _capture(path)
    return capture


def _capture(path: Path) -> Any:
    cv2 = opencv()
    capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise ImageError(f"{path}: a video that is damaged or cut short, or has no pictures.")
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > MAX_PIXELS:
        capture.release()
        raise ImageError(
            f"{path}: {width:.0f}×{height:.0f} pixels; "
            f"at most {MAX_PIXELS // 10**6} million are read."
        )
    return capture


def _length(capture: Any) -> float:
    """Seconds, as the file tells; 0 where it does not."""
    cv2 = opencv()
    rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return count / rate if rate > 0 and count > 0 else 0.0


def _check_end(path: Path, last: float | None, start: float, length: float) -> None:
    if last is None:
        raise ImageError(f"{path}: a video without a frame that can be read.")
    if last + 1 < length * _CUT_SHORT:
        raise ImageError(f"{path}: cut short; it ends at {last:.1f} of {length:.1f} seconds.")
    if last < start - _NEAR:
        raise ImageError(f"{path}: ends at {last:.1f} seconds, before the start, {start:.1f}.")
