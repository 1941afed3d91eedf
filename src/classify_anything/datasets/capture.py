"""Capture images from a camera, a stream, a video, or a growing folder."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classify_anything.datasets.files import files_below
from classify_anything.datasets.video import Frames, opencv, read_pictures, to_rgb
from classify_anything.errors import ImageError
from classify_anything.images import ENDINGS, ImageInput
from classify_anything.types import UInt8Array

_PAUSE = 0.2
"""Seconds between two polls of a folder."""

_PAUSE_FACTOR = 4
"""Pause for this many times what a poll took: 10,000 images take a core 0.2 s."""

_ADDRESS = re.compile(r"(rtsps?|rtmp|https?|udp)://", re.IGNORECASE)

Stamp = tuple[int, int]
"""Modification time in nanoseconds, and size in bytes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An image to predict.

    Attributes:
        image: a path, or uint8 [h, w, 3] RGB.
        file: the path, for an image of a folder.
        at: seconds from the start, for a frame of a video.
    """

    image: ImageInput
    file: Path | None = None
    at: float | None = None


def watch(source: str, *, rate: float, existing: bool = False) -> Generator[Frame]:
    """Yield the images of a source as they arrive.

    Args:
        source: the number of a camera, the address of a stream, a video file, or a folder, whose
            new images are yielded once they are completely written.
        rate: maximum frames per second. Cameras and streams always yield the newest frame.
        existing: whether to also yield the images already in a folder.

    Raises:
        ImageError: the source cannot be opened, or a stream has ended.
        MissingExtraError: OpenCV is not installed; folders do not require it.
        SettingError: the rate is invalid.
    """
    frames = Frames(rate)
    if source.isdecimal():
        yield from _live(int(source), f"camera {source}", rate)
    elif _ADDRESS.match(source):
        yield from _live(source, source, rate)
    elif Path(source).is_dir():
        yield from _folder(Path(source), existing=existing)
    else:
        for at, picture in read_pictures(Path(source), frames):
            yield Frame(picture, at=at)


def images_below(folder: Path) -> Iterator[Path]:
    """Return the image files of a folder and its sub-folders by extension, in order."""
    return (path for path in files_below(folder) if path.name.lower().endswith(ENDINGS))


# --- folders


class FolderWatcher:
    """Find new images in a folder and its sub-folders, each once, when completely written.

    An image is complete when its time and size are the same at two polls. An overwritten image
    counts as new.

    Not with watchfiles: systems report no changes on network drives, limit how many folders are
    watched, and report a file before it is complete, so that it would be polled all the same.

    Args:
        folder: the folder.
        existing: whether images already there count as new.
    """

    def __init__(self, folder: Path, *, existing: bool = False) -> None:
        self._folder = folder
        self._reported: dict[Path, Stamp] = {} if existing else dict(self._stamps())
        self._last: dict[Path, Stamp] = {}

    def poll(self) -> list[Path]:
        """List the folder, and return complete new images, oldest first.

        Raises:
            ImageError: the folder no longer exists.
        """
        if not self._folder.is_dir():
            raise ImageError(f"{self._folder}: the folder no longer exists.")
        now = dict(self._stamps())
        complete = [
            path
            for path, stamp in now.items()
            if stamp == self._last.get(path) and stamp != self._reported.get(path)
        ]
        self._last = now
        self._reported = {path: stamp for path, stamp in self._reported.items() if path in now}
        self._reported |= {path: now[path] for path in complete}
        return sorted(complete, key=lambda path: (now[path], path))

    def _stamps(self) -> Iterator[tuple[Path, Stamp]]:
        for path in images_below(self._folder):
            try:
                status = path.stat()
            except OSError:  # deleted meanwhile
                continue
            yield path, (status.st_mtime_ns, status.st_size)


def _folder(folder: Path, *, existing: bool) -> Iterator[Frame]:
    growing = FolderWatcher(folder, existing=existing)
    while True:
        began = time.monotonic()
        complete = growing.poll()
        pause = max(_PAUSE, _PAUSE_FACTOR * (time.monotonic() - began))
        yield from (Frame(path, file=path) for path in complete)
        time.sleep(pause)


# --- cameras and streams


class LatestFrame:
    """Keep only the newest frame of a live source.

    A thread reads continuously, so that no frame waits in a queue of the camera or the network.

    Args:
        open_capture: returns an object with OpenCV's ``read``; called on the thread.
        name: of the source, for messages.
    """

    def __init__(self, open_capture: Callable[[], Any], name: str) -> None:
        self._open_capture = open_capture
        self._name = name
        self._changed = threading.Condition()
        self._frame: Any = None
        self._error: Exception | None = None
        self._closed = False
        # A daemon, because opening an unresponsive address cannot be stopped.
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def next(self) -> UInt8Array:
        """Wait for the next frame, uint8 [h, w, 3] RGB.

        Raises:
            ImageError: the source could not be opened, or has ended.
            MissingExtraError: OpenCV is not installed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._error is not None)
            if self._frame is None:
                assert self._error is not None
                raise self._error
            frame, self._frame = self._frame, None
        return to_rgb(frame)

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        self._thread.join(timeout=1)

    def _read(self) -> None:
        try:
            capture = self._open_capture()
            try:
                while not self._closed:
                    read, frame = capture.read()
                    if not read:
                        raise ImageError(f"{self._name}: the stream has ended.")
                    self._put(frame)
            finally:
                capture.release()
        except Exception as error:  # noqa: BLE001 - ``next`` raises it
            with self._changed:
                self._error = error
                self._changed.notify()

    def _put(self, frame: Any) -> None:
        with self._changed:
            self._frame = frame
            self._changed.notify()


def _live(source: int | str, name: str, rate: float) -> Generator[Frame]:
    newest = LatestFrame(lambda: _open(source, name), name)
    try:
        due = 0.0
        while True:
            time.sleep(max(0.0, due - time.monotonic()))
            picture = newest.next()
            due = time.monotonic() + 1 / rate
            yield Frame(picture)
    finally:
        newest.close()


def _open(source: int | str, name: str) -> Any:
    cv2 = opencv()
    capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        raise ImageError(f"{name}: cannot be opened.")
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture
