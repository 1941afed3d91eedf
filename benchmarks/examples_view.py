"""The Examples view with many examples: the first pictures, and how it scrolls.

    .venv/bin/python -m benchmarks.examples_view [--examples 10000]

In a real Chromium, with the tests' tiny backbone and the camera running.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from tests.browser.chromium import context, launched, write_clip
from tests.browser.pages import ProjectPage
from tests.photos import PHOTOS
from tests.server import start_server
from tests.tiny import write_backbone

from benchmarks.projects import write_project
from benchmarks.report import percentiles, publish, table

OPEN = """async () => {
  const begin = performance.now();
  const until = (ready) => new Promise((done) => {
    const look = () => (ready() ? done(performance.now() - begin) : requestAnimationFrame(look));
    look();
  });
  const seen = () =>
    [...document.querySelectorAll("[role=option] img")].filter(
      (image) => image.getBoundingClientRect().top < innerHeight,
    );
  const shown = (image) => image.complete && image.naturalWidth > 0;
  location.hash = "#/examples";
  const first = await until(() => seen().some(shown));
  const all = await until(() => seen().length > 0 && seen().every(shown));
  return { first, all, pictures: seen().length };
}"""

WATCH = """() => {
  window.frameTimes = [];
  window.eventDelays = [];
  let last = performance.now();
  const frame = (now) => {
    window.frameTimes.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => {
    for (const { processingStart, startTime } of list.getEntries())
      window.eventDelays.push(processingStart - startTime);
  }).observe({ type: "event", durationThreshold: 16, buffered: false });
}"""


def scroll(page: Page, seconds: float) -> dict[str, Any]:
    """Turn the wheel, and press a key now and then, for so long."""
    page.get_by_role("listbox", name="Examples").hover()
    page.evaluate(WATCH)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(20):
            page.mouse.wheel(0, 400)
            page.wait_for_timeout(16)
        page.keyboard.press("ArrowDown")
    frames, delays = page.evaluate("[window.frameTimes, window.eventDelays]")
    return {"frame_ms": percentiles(frames), "event_delay_ms": max(delays, default=0.0)}


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        backbone = write_backbone(folder / "tiny.onnx")
        project = write_project(folder / "many.db", given.examples, backbone)
        clip = write_clip(folder / "scenes.mjpeg", list(PHOTOS), 2)
        opened = []
        with (
            start_server(project, "--backbone", str(backbone)) as server,
            launched(playwright, clip) as browser,
        ):
            for _ in range(given.runs):
                page = ProjectPage(context(browser), server.url)
                page.wait_until_live()
                opened.append(page.page.evaluate(OPEN))
                scrolled = scroll(page.page, given.seconds) if len(opened) == given.runs else {}
                page.page.context.close()
    first, all_of = (statistics.median(run[what] for run in opened) for what in ("first", "all"))
    rows = [
        ("first picture", "≤ 500 ms", f"{first:.0f} ms"),
        (f"all {opened[0]['pictures']} in view", "", f"{all_of:.0f} ms"),
        ("scrolling: a frame, p50", "", f"{scrolled['frame_ms']['p50']:.1f} ms"),
        ("scrolling: a frame, p95", "", f"{scrolled['frame_ms']['p95']:.1f} ms"),
        ("an event waits at most", "", f"{scrolled['event_delay_ms']:.0f} ms"),
    ]
    head = (f"{given.examples} examples", "asked", "measured")
    publish("examples_view", {"opened": opened, **scrolled}, table(head, rows))


if __name__ == "__main__":
    main()
