"""A real Chromium whose camera plays a clip."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Playwright

from tests.photos import encoded, photo

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
RATE = 30

QUIET = (
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


def find_chromium() -> str:
    """Return the browser's path; ``tests/browser/install-chromium`` installs one."""
    for name in (os.environ.get("CHROMIUM", ""), *NAMES, MAC):
        if name and (path := shutil.which(name)):
            return path
    raise FileNotFoundError("Chromium is not installed: run tests/browser/install-chromium.")


def camera_flags(clip: Path | None, permission: bool = True, cameras: int = 0) -> list[str]:
    """Return flags that make a clip the camera, or else add ``cameras`` with a test pattern."""
    flags = list(QUIET)
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    if permission:
        flags.append("--use-fake-ui-for-media-stream")
    if clip is not None:
        flags += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={clip}"]
    elif cameras:
        flags.append(f"--use-fake-device-for-media-stream=device-count={cameras}")
    return flags


@contextlib.contextmanager
def launched(
    playwright: Playwright, clip: Path | None, *, permission: bool = True, cameras: int = 0
) -> Iterator[Browser]:
    """Launch a new headless Chromium."""
    browser = playwright.chromium.launch(
        executable_path=find_chromium(), args=camera_flags(clip, permission, cameras)
    )
    try:
        yield browser
    finally:
        browser.close()


def context(browser: Browser, width: int = 1280, height: int = 800) -> BrowserContext:
    made = browser.new_context(viewport={"width": width, "height": height})
    made.set_default_timeout(20_000)
    return made


def frame(name: str, size: tuple[int, int] = (640, 480)) -> bytes:
    """Return a photo as a camera frame: cropped to its aspect ratio, as JPEG."""
    image = Image.fromarray(photo(name))
    scale = max(size[0] / image.width, size[1] / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    left, top = (image.width - size[0]) // 2, (image.height - size[1]) // 2
    return encoded(image.crop((left, top, left + size[0], top + size[1])), quality=85)


def write_clip(path: Path, scenes: Sequence[str | bytes], seconds: float) -> Path:
    """Write a clip at 30 frames per second that shows photos (or JPEGs) in turn."""
    with path.open("wb") as file:
        for scene in scenes:
            file.write(picture_of(scene) * round(seconds * RATE))
    return path


def picture_of(scene: str | bytes) -> bytes:
    """Return a camera frame of a scene: a photo's name, or a JPEG."""
    return scene if isinstance(scene, bytes) else frame(scene)


def mean_color(image: bytes) -> np.ndarray:
    """Mean colour of an encoded image, float [3]."""
    with Image.open(io.BytesIO(image)) as opened:
        return np.asarray(opened.convert("RGB")).reshape(-1, 3).mean(axis=0)
