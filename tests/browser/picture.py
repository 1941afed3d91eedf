"""Take the README's screenshot::

.venv/bin/python -m tests.browser.picture
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.chromium import context, launched, write_clip
from tests.browser.exported import SCENES
from tests.browser.pages import ProjectPage
from tests.server import run_server

NAMES = ("Cat", "Coffee", "Rocket", "Astronaut", "Retina")
TARGET = Path(__file__).parent.parent.parent / "docs" / "page.webp"


def main() -> None:
    # The page shows the clip's path as the camera's name: let it look like one.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        clip = write_clip(Path("Webcam.mjpeg"), SCENES, 3)
        project = Path(folder) / "photos.db"
        with (
            run_server(project) as server,
            sync_playwright() as playwright,
            launched(playwright, clip) as browser,
        ):
            page = ProjectPage(context(browser), server.url)
            page.wait_until_live()
            for number, name in enumerate(NAMES, 1):
                server.http.patch(f"/api/classes/{number}", json={"name": name})
            for scene, name in zip(SCENES, NAMES, strict=True):
                page.wait_for_scene(SCENES, scene)
                page.hold(name, 1)
            page.page.wait_for_timeout(8000)
            page.wait_for_scene(SCENES, "cat")
            page.page.wait_for_timeout(1200)
            shot = Image.open(io.BytesIO(page.page.screenshot()))
            shot.save(TARGET, quality=90, method=6)


if __name__ == "__main__":
    main()
