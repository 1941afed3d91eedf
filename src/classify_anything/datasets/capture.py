"""Pictures as they come: from a camera, a stream, a video, or a folder that grows."""

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
"""When a file was changed, in nanoseconds, and its size in bytes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture to be predicted.

    Attributes:
        image: a path, or uint8 [h, w, 3] RGB.
        file: the path of the image, of a folder.
        at: seconds from the beginning, of a video.
    """

    image: ImageInput
    file: Path | None = None
    at: float | None = None


def watch(source: str, *, rate: float, existing: bool = False) -> Generator[Frame]:
    """Pictures of a source, as they come.

    Args:
        source: the number of a camera; the address of a stream; a video file, of which each frame
            is given; or a folder, of which each new image is given once it is written.
        rate: frames a second, at most. Of a camera or a stream it is always the newest frame.
        existing: whether the images that a folder has already are given too.

    Raises:
        ImageError: the source cannot be opened, or a stream has ended.
        MissingExtraError: OpenCV, which folders do not need, is not installed.
        SettingError: the rate cannot be.
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
    """The image files of a folder and its sub-folders, by their endings, in order."""
    return (path for path in files_below(folder) if path.name.lower().endswith(ENDINGS))


# --- folders


class FolderWatcher:
    """Finds the images that are new in a folder, each once, when it is completely written.

    It is when time and size were the same at two polls. One that is written anew counts as new.

    Not with watchfiles: systems report no changes on network drives, limit how many folders are
    watched, and report a file before it is complete, so that it would be polled all the same.

    Args:
        folder: it, or a sub-folder, is where images come.
        existing: whether those that are there already are new.
    """

    def __init__(self, folder: Path, *, existing: bool = False) -> None:
        self._folder = folder
        self._given: dict[Path, Stamp] = {} if existing else dict(self._stamps())
        self._seen: dict[Path, Stamp] = {}

    def poll(self) -> list[Path]:
        """Look once; gives what is complete and new, the oldest first.

        Raises:
            ImageError: the folder is no longer there.
        """
        if not self._folder.is_dir():
            raise ImageError(f"{self._folder}: the folder is no longer there.")
        now = dict(self._stamps())
        complete = [
            path
            for path, stamp in now.items()
            if stamp == self._seen.get(path) and stamp != self._given.get(path)
        ]
        self._seen = now
        self._given = {path: stamp for path, stamp in self._given.items() if path in now}
        self._given |= {path: now[path] for path in complete}
        return sorted(complete, key=lambda path: (now[path], path))

    def _stamps(self) -> Iterator[tuple[Path, Stamp]]:
        for path in images_below(self._folder):
            try:
                status = path.stat()
            except OSError:  # it has gone again
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
    """Keeps only the newest frame of a source that does not wait.

    A thread reads all the time, so that no frame waits in a queue of the camera or of the network.

    Args:
        open_capture: gives what has ``read``, as OpenCV's captures do; called on the thread.
        name: of the source, for messages.
    """

    def __init__(self, open_capture: Callable[[], Any], name: str) -> None:
        self._open_capture = open_capture
        self._name = name
        self._changed = threading.Condition()
        self._frame: Any = None
        self._error: Exception | None = None
        self._closed = False
        # A daemon: opening an address that does not answer cannot be stopped.
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def next(self) -> UInt8Array:
        """Wait for a frame that was not given yet, uint8 [h, w, 3] RGB.

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
        """End the reading."""
        self._closed = True
        self._thread.join(timeout=1)

    def _read(self) -> None:
        try:
            capture = self._open_capture()
            try:
                while not self._closed:
                    read, frame = capture.read()
                    if not read:
                        raise ImageError(f"{self._name}: no more pictures come.")
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
