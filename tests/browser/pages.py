"""Helpers for the page's user actions."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.chromium import mean_color, picture_of

SEES = """([colors, wanted]) => {
  const video = document.querySelector("video");
  if (!video || video.readyState < 2) return false;
  const canvas = new OffscreenCanvas(32, 24);
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 32, 24);
  const pixels = context.getImageData(0, 0, 32, 24).data;
  const mean = [0, 0, 0];
  for (let i = 0; i < pixels.length; i += 4)
    for (let c = 0; c < 3; c++) mean[c] += pixels[i + c] / (pixels.length / 4);
  const distance = (color) => color.reduce((sum, v, c) => sum + (v - mean[c]) ** 2, 0);
  const nearest = colors.map(distance).indexOf(Math.min(...colors.map(distance)));
  return wanted < 0 ? nearest + 1 : nearest === wanted;
}"""

MEAN = """image => {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.drawImage(image, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


ADDED = re.compile(r"([0-9]+) examples? added")


class ProjectPage:
    """A page in a real browser, which records all errors."""

    def __init__(self, browser_context: BrowserContext, url: str) -> None:
        self.page: Page = browser_context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", self._request)
        self.url = url
        self.page.goto(url)

    def _console(self, message: Any) -> None:
        expected = ("WebSocket", "ERR_CONNECTION_RE", "status of 400", "status of 409")
        if message.type in ("error", "warning") and not any(x in message.text for x in expected):
            self.faults.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.url.split("?")[0], "blob:", "data:")):
            self.faults.append(f"a request to {request.url}")

    def resize(self, width: int, height: int) -> None:
        """Resize the page and wait for its layout."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    @property
    def label(self) -> Locator:
        return self.page.get_by_test_id("answer-label")

    def card(self, name: str) -> Locator:
        return self.page.get_by_role("article", name=name, exact=True)

    def count(self, name: str) -> int:
        return int(self.card(name).get_by_test_id("class-count").inner_text())

    def hold_button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=f"Hold to add to {name}", exact=True)

    def wait_until_live(self) -> None:
        """Wait until frames are answered."""
        expect(self.page.get_by_test_id("rate")).to_contain_text("/s", timeout=30_000)

    def click(self, name: str) -> None:
        """Press briefly, and wait until the example is counted."""
        before = self.count(name)
        self.hold_button(name).click()
        expect(self.card(name).get_by_test_id("class-count")).to_have_text(str(before + 1))

    def hold(self, name: str, seconds: float) -> None:
        """Hold a class button with the mouse; wait until all examples are counted."""
        before = self.count(name)
        self.dismiss()
        self.hold_button(name).hover()
        self.page.mouse.down()
        self.page.wait_for_timeout(1000 * seconds)
        self.page.mouse.up()
        self.wait_until_added(name, before)

    def wait_until_added(self, name: str, before: int = 0) -> int:
        """Wait until all examples of a press are counted; return the count."""
        toast = self.toast(ADDED)
        expect(toast).to_be_visible()
        told = ADDED.match(toast.inner_text())
        assert told is not None
        count = before + int(told[1])
        expect(self.card(name).get_by_test_id("class-count")).to_have_text(str(count))
        return count

    def dismiss(self) -> None:
        """Close the toast of an earlier press."""
        self.page.evaluate(
            "document.querySelectorAll('[data-testid=toast] .close').forEach((one) => one.click())"
        )
        expect(self.page.get_by_test_id("toast")).to_have_count(0)

    def menu(self, name: str, item: str) -> None:
        self.page.get_by_role("button", name=f"More for {name}", exact=True).click()
        self.page.get_by_role("button", name=item, exact=True).click()

    def open_examples(self) -> Locator:
        """Open the Examples view; return the visible examples."""
        self.page.get_by_role("link", name="Examples", exact=True).click()
        return self.page.get_by_role("listbox", name="Examples").get_by_role("option")

    def pick_files(self, item: str, *paths: Path) -> None:
        """Pick files from the menu "Add pictures"."""
        self.page.get_by_role("button", name="Add pictures", exact=True).click()
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name=item).click()
        chooser.value.set_files(paths[0] if len(paths) == 1 else list(paths))

    def drag(self, target: Locator, *paths: Path) -> Callable[[], None]:
        """Drag files over the page; return a function that drops them."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        assert box is not None
        session = self.page.context.new_cdp_session(self.page)
        event = {
            "x": box["x"] + box["width"] / 2,
            "y": box["y"] + min(box["height"] / 2, 40),
            "data": {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1},
        }
        for kind in ("dragEnter", "dragOver"):
            session.send("Input.dispatchDragEvent", {"type": kind, **event})

        def fall() -> None:
            session.send("Input.dispatchDragEvent", {"type": "drop", **event})

        return fall

    def drop(self, target: Locator, *paths: Path) -> None:
        """Drop files on the page."""
        self.drag(target, *paths)()

    def color(self, picture: Locator) -> list[int]:
        """Return the mean RGB colour of a shown picture."""
        picture.evaluate("image => image.decode()")
        mean: list[int] = picture.evaluate(MEAN)
        return mean

    def toast(self, text: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_test_id("toast").filter(has_text=text)

    def wait_for_scene(self, scenes: Sequence[str | bytes], wanted: str | bytes) -> None:
        """Wait until the camera starts to show a scene of its clip."""
        colors = [mean_color(picture_of(scene)).tolist() for scene in scenes]
        index = scenes.index(wanted)
        deadline = time.monotonic() + 60
        seen = [self.page.evaluate(SEES, [colors, index])]
        while not (seen[-1] and not all(seen)) and time.monotonic() < deadline:
            self.page.wait_for_timeout(30)
            seen = [*seen[-50:], self.page.evaluate(SEES, [colors, index])]
        assert seen[-1], f"the camera never showed scene {index}"


def renewed(page: ProjectPage) -> None:
    """Load the host's current version of the page."""
    page.page.evaluate("""async () => {
      const { serviceWorker } = navigator;
      const taken = new Promise((resolve) =>
        serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
      await (await serviceWorker.ready).update();
      await taken;
    }""")
    page.page.reload()
    page.wait_until_live()


def taken_home(page: ProjectPage, file: Path) -> Path:
    """Download the page's zip of added pictures."""
    page.page.get_by_role("link", name="Export", exact=True).click()
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Create").click()
    download.value.save_as(file)
    page.page.get_by_role("link", name="Live", exact=True).click()
    return file
