"""Exports through the command line, and visits to the exported page::

.venv/bin/python -m benchmarks.web_export

A visit is to a static host on this machine, in Chromium without a GPU. Bytes are counted as hosts
send them: texts gzipped, and gzipped files unchanged. The second visit is in a restarted
browser, with the cache of the first one.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright
from tests.browser.chromium import camera_flags, find_chromium, write_clip
from tests.static_host import ISOLATING, StaticHost, hosted

from benchmarks.projects import write_project
from benchmarks.report import publish, table

EXAMPLES = (200, 1000)
PRECISIONS = ("fp32", "int8")
TEXTS = {"", ".html", ".js", ".mjs", ".css", ".svg", ".webmanifest"}
"""Hosts gzip them by themselves."""

MB = 1e6
QUIET_S = 1.0

ANSWERED = "() => performance.getEntriesByName('frame').length > 0"
FIRST = """() => {
  const { startTime, duration } = performance.getEntriesByName("frame")[0];
  return (startTime + duration) / 1000;
}"""
"""Seconds from the start of the navigation until the first answer stood in the page."""
OFFLINE = "() => navigator.serviceWorker.ready.then(() => true)"


def export(project: Path, target: Path, form: str, precision: str = "fp32") -> float:
    """Export through the command line; gives the seconds it took."""
    command = [sys.executable, "-m", "classify_anything", "export", str(target)]
    options = ["--format", form, "--precision", precision, "--force", "-p", str(project)]
    begin = time.perf_counter()
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def opened(playwright: Playwright, profile: Path, clip: Path) -> BrowserContext:
    return playwright.chromium.launch_persistent_context(
        profile, executable_path=find_chromium(), args=camera_flags(clip)
    )


def seconds_to_answer(page: Page, host: StaticHost) -> float:
    """Open the page; gives the time to its first answer, once it has fetched all it wants."""
    page.goto(f"{host.url}?measure")
    page.wait_for_function(ANSWERED, timeout=60_000)
    page.evaluate(OFFLINE)
    seen = -1
    while seen != len(host.sent):
        seen = len(host.sent)
        page.wait_for_timeout(1000 * QUIET_S)
    seconds: float = page.evaluate(FIRST)
    return seconds


def sent(host: StaticHost, folder: Path) -> dict[str, int]:
    """What went over the wire since it was asked last, by path."""
    found: dict[str, int] = {}
    for path, size in host.sent:
        file = folder / path.partition("?")[0].lstrip("/")
        file = file / "index.html" if file.is_dir() else file
        is_text = file.suffix in TEXTS
        packed = len(gzip.compress(file.read_bytes())) if is_text else size
        found[path] = found.get(path, 0) + packed
    host.sent.clear()
    return found


def visit(playwright: Playwright, folder: Path, work: Path, clip: Path) -> dict[str, Any]:
    """A first visit and a second one."""
    profile = work / f"profile {folder.name}"
    with hosted(folder, ISOLATING) as host:
        results = {}
        for name in ("first", "second"):
            browser = opened(playwright, profile, clip)
            seconds = seconds_to_answer(browser.new_page(), host)
            browser.close()
            bytes_ = sent(host, folder)
            results[name] = {
                "bytes": sum(bytes_.values()),
                "files": bytes_,
                "first_prediction_s": round(seconds, 2),
            }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="exports that are timed, of each form")
    options = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    results: dict[str, Any] = {"export_s": {}, "visits": {}}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        work = Path(name)
        clip = write_clip(work / "clip.mjpeg", ["coffee"], 1)
        projects = {count: write_project(work / f"{count}.db", count) for count in EXAMPLES}
        most = max(EXAMPLES)
        for form, target in (("web", work / "page"), ("onnx", work / "desk.onnx")):
            times = [export(projects[most], target, form) for _ in range(options.runs)]
            results["export_s"][form] = [round(one, 2) for one in times]
            rows.append(
                (
                    f"export of {most:,} examples, {form}",
                    "≤ 5 s",
                    f"{statistics.median(times):.1f} s ({min(times):.1f} to {max(times):.1f})",
                )
            )
        for precision, asked in zip(PRECISIONS, ("≤ 25 MB", "≤ 9 MB"), strict=True):
            for count, project in projects.items():
                folder = work / f"{precision} {count}"
                export(project, folder, "web", precision)
                seen = visit(playwright, folder, work, clip)
                results["visits"][folder.name] = seen
                first, second = seen["first"], seen["second"]
                what = f"{precision}, {count:,} examples"
                again = ", ".join(second["files"]) or "nothing"
                rows += [
                    (f"first visit, {what}", asked, f"{first['bytes'] / MB:.1f} MB"),
                    (f"second visit, {what}", "nothing", f"{second['bytes']} bytes ({again})"),
                    (
                        f"first prediction from the cache, {what}",
                        "≤ 3 s",
                        f"{second['first_prediction_s']} s",
                    ),
                ]
    publish("web_export", results, table(("", "asked", "measured"), rows))


if __name__ == "__main__":
    main()
