"""From a camera frame to the prediction on the page, in a real Chromium.

The page notes for each answered frame when the camera took it and when the answer stood on the
page, and where the time went between. Run it on a machine that does nothing else::

    make bench        (or: .venv/bin/python -m benchmarks.latency --seconds 20)
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright
from tests.browser.chromium import context, launched, write_clip
from tests.browser.pages import ProjectPage
from tests.photos import PHOTOS
from tests.server import start_server

from benchmarks.projects import write_project
from benchmarks.report import percentiles, publish, table

FRAMES = """async (seconds) => {
  const quality = () => document.querySelector("video").getVideoPlaybackQuality();
  performance.clearMeasures();
  const [begin, camera] = [performance.now(), quality().totalVideoFrames];
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  const elapsed = (performance.now() - begin) / 1000;
  const entries = performance.getEntriesByName("frame");
  const frames = entries.map(({ duration, detail }) => ({ total: duration, ...detail }));
  return { elapsed, frames, camera: quality().totalVideoFrames - camera };
}"""

PRESS = """async () => {
  const button = document.querySelector("[data-testid=hold]");
  const count = document.querySelector("[data-testid=class-count]").parentElement;
  const counted = new Promise((done) => {
    const observer = new MutationObserver(() => {
      observer.disconnect();
      done(performance.now());
    });
    observer.observe(count, { subtree: true, characterData: true, childList: true });
  });
  const pressed = performance.now();
  const pointer = { pointerId: 1, button: 0, bubbles: true };
  button.setPointerCapture = () => {};
  button.dispatchEvent(new PointerEvent("pointerdown", pointer));
  setTimeout(() => button.dispatchEvent(new PointerEvent("pointerup", pointer)), 50);
  const elapsed = (await counted) - pressed;
  await new Promise((done) => setTimeout(done, 250));
  return elapsed;
}"""

STAGES = {
    "wait for the page": lambda frame: frame["wait"],
    "encode": lambda frame: frame["encode"],
    "wire": lambda frame: frame["wire"],
    "queue": lambda frame: frame["timings"]["queue"],
    "decode": lambda frame: frame["timings"]["decode"],
    "backbone": lambda frame: frame["timings"]["backbone"],
    "head": lambda frame: frame["timings"]["head"],
    "show": lambda frame: frame["show"],
}


def measure(page: Page, seconds: float, presses: int) -> dict[str, Any]:
    """Watch the page for a while, then press a button many times."""
    seen = page.evaluate(FRAMES, seconds)
    frames = seen["frames"]
    return {
        "seconds": round(seen["elapsed"], 1),
        "camera_per_second": round(seen["camera"] / seen["elapsed"], 1),
        "predictions_per_second": round(len(frames) / seen["elapsed"], 1),
        "capture_to_shown_ms": percentiles(frame["total"] for frame in frames),
        "all_but_the_backbone_ms": percentiles(
            frame["total"] - frame["timings"]["backbone"] for frame in frames
        ),
        "stages_ms": {
            name: percentiles(of(frame) for frame in frames) for name, of in STAGES.items()
        },
        "press_to_counted_ms": percentiles(page.evaluate(PRESS) for _ in range(presses)),
    }


def while_teaching(page: ProjectPage, seconds: float) -> float:
    """Count the answers per second while a class button is held."""
    page.page.get_by_test_id("hold").first.hover()
    page.page.mouse.down()
    seen = page.page.evaluate(FRAMES, seconds)
    page.page.mouse.up()
    return round(len(seen["frames"]) / seen["elapsed"], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--presses", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = write_clip(Path(folder) / "clip.mjpeg", list(PHOTOS), 2)
        project = write_project(Path(folder) / "project.db", options.examples)
        with (
            start_server(project) as server,
            sync_playwright() as playwright,
            launched(playwright, clip) as browser,
        ):
            page = ProjectPage(context(browser), f"{server.url}?measure")
            page.wait_until_live()
            page.page.wait_for_timeout(3000)
            results = measure(page.page, options.seconds, options.presses)
            results["teaching_per_second"] = while_teaching(page, options.seconds)
            memory = psutil.Process(server.process.pid).memory_info().rss / 2**20
    results |= {"examples": options.examples, "server_memory_mb": round(memory)}
    names = ("capture_to_shown_ms", "all_but_the_backbone_ms", "press_to_counted_ms")
    rows = [(name.removesuffix("_ms").replace("_", " "), results[name]) for name in names]
    rows[1:1] = [(f"· {name}", value) for name, value in results["stages_ms"].items()]
    text = table(("ms", "p50", "p95", "p99"), [(name, *value.values()) for name, value in rows])
    text += (
        f"\n\n{results['predictions_per_second']} predictions/s of a camera that gave "
        f"{results['camera_per_second']} frames/s, {results['teaching_per_second']} while "
        f"teaching; {options.examples} examples; "
        f"the server held {results['server_memory_mb']} MB."
    )
    publish("latency", results, text)


if __name__ == "__main__":
    main()
