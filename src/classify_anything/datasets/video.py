"""Extract frames from videos."""

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

# FFmpeg goes by the content of a file: a playlist named like a video would make it open others.
_BEGINNING = re.compile(
    rb".{4}(ftyp|moov|mdat|wide|free|skip)|RIFF.{4}AVI |\x1a\x45\xdf\xa3", re.DOTALL
)
_QUALITY = 95
_TOLERANCE = 1e-3
"""Seconds; the times of frames are rounded."""

_LEAD = 5.0
"""Seconds to seek before the start, since seeking is inexact."""

_MIN_LENGTH = 0.9
"""Minimum share of the declared length, since audio may be a little longer than the frames."""


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames to extract from a video.

    Attributes:
        rate: frames per second, at most 1000; a slower video yields each frame once.
        start: of the first frame, in seconds.
        end: exclusive, in seconds; None for the end of the video.

    Raises:
        SettingError: a value is invalid.
    """

    rate: float = 5.0
    start: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.rate <= MAX_RATE:
            raise SettingError(
                f"Frames per second must be over 0 and at most {MAX_RATE:g}, not {self.rate:g}."
            )
        if not 0 <= self.start < math.inf:
            raise SettingError(f"The start must be 0 seconds or later, not {self.start:g}.")
        if self.end is not None and not self.start < self.end:
            raise SettingError(
                f"The end ({self.end:g} s) must be after the start ({self.start:g} s)."
            )


def is_video(name: str) -> bool:
    """Return whether a file has the extension of a video."""
    return name.lower().endswith(ENDINGS)


def read_frames(path: Path, frames: Frames) -> Iterator[tuple[float, bytes]]:
    """Yield frames as JPEGs of quality 95, with their times in seconds.

    The bytes are the same each time. Raises as ``read_pictures``.
    """
    for time, picture in read_pictures(path, frames):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=_QUALITY)
        yield time, buffer.getvalue()


def read_pictures(path: Path, frames: Frames) -> Iterator[tuple[float, UInt8Array]]:
    """Yield frames, upright, uint8 [h, w, 3] RGB, with their times in seconds.

    One frame is in memory at a time.

    Raises:
        ImageError: not a video, damaged, without frames, or (after the last frame) truncated.
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
            if frames.end is not None and last >= frames.end - _TOLERANCE:
                return
            if last < due - _TOLERANCE:
                continue
            read, picture = capture.retrieve()
            if read:
                yield last, to_rgb(picture)
                count = math.floor((last - frames.start) * frames.rate + _TOLERANCE)
                due = frames.start + (count + 1) / frames.rate
        _check_end(path, last, frames.start, _length(capture))
    finally:
        capture.release()


def opencv() -> Any:
    """Import OpenCV. Raises MissingExtraError."""
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise MissingExtraError(
            'Cameras and videos require OpenCV: pip install "classify-anything[camera]"'
        ) from error


def to_rgb(picture: Any) -> UInt8Array:
    """Convert a frame of OpenCV to uint8 [h, w, 3] RGB."""
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
        raise ImageError(f"{path}: not a supported video (AVI, Matroska, MOV, MP4, WebM).")


def _open(path: Path, start: float) -> Any:
    """Open a capture at ``start`` seconds or earlier."""
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
        raise ImageError(f"{path}: the video is damaged, truncated or empty.")
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > MAX_PIXELS:
        capture.release()
        raise ImageError(
            f"{path}: {width:.0f}×{height:.0f} pixels exceed the limit of "
            f"{MAX_PIXELS // 10**6} megapixels."
        )
    return capture


def _length(capture: Any) -> float:
    """Return the declared length in seconds; 0 if unknown."""
    cv2 = opencv()
    rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return count / rate if rate > 0 and count > 0 else 0.0


def _check_end(path: Path, last: float | None, start: float, length: float) -> None:
    if last is None:
        raise ImageError(f"{path}: the video has no readable frame.")
    if last + 1 < length * _MIN_LENGTH:
        raise ImageError(f"{path}: truncated at {last:.1f} of {length:.1f} seconds.")
    if last < start - _TOLERANCE:
        raise ImageError(f"{path}: ends at {last:.1f} seconds, before the start ({start:.1f}).")
