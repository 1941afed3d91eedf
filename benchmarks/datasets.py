"""Importing, predicting and opening many images: python -m benchmarks.datasets [--images 10000]."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from tests.photos import PHOTOS, photo

from benchmarks.projects import write_project
from benchmarks.report import publish, table
from classify_anything import Classifier, load_backbone
from classify_anything.images import to_square
from classify_anything.project.reembed import reembed

_SIZE = (640, 480)
_ROUNDS = 5
_PREDICTED = 500
_FEWER = 1000
OTHER = "efficientnet-lite0/mean"
"""Another pooling of the same network, so that it takes the same time."""

_OPEN = """
import sys, time
start = time.perf_counter()
from classify_anything import Classifier
with Classifier(sys.argv[1]) as clf:
    clf.predict(sys.argv[2])
    print(time.perf_counter() - start)
"""


def write_images(folder: Path, count: int) -> None:
    """JPEGs of random pieces of five photographs, a folder each."""
    random = np.random.default_rng(0)
    names = list(PHOTOS)
    sources = [Image.fromarray(photo(name)) for name in names]
    for number in range(count):
        source = sources[number % len(sources)]
        width = int(random.integers(120, min(source.width, source.height * 4 // 3)))
        height = width * 3 // 4
        left = int(random.integers(0, source.width - width + 1))
        top = int(random.integers(0, source.height - height + 1))
        piece = source.crop((left, top, left + width, top + height)).resize(_SIZE)
        target = folder / names[number % len(names)] / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        piece.save(target, quality=90)


def import_all(project: Path, folder: Path) -> dict[str, float]:
    """Run the command line; its rate, and the most memory it held."""
    command = [sys.executable, "-m", "classify_anything", "import", str(folder)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--project", str(project), "--json"], stdout=-1)
    most = max(_memory(process), default=0)
    seconds = time.perf_counter() - start
    assert process.stdout
    added = json.loads(process.stdout.read())["added"]
    return {"added": added, "seconds": seconds, "rate": added / seconds, "memory_mb": most / 2**20}


def _memory(process: subprocess.Popen[bytes]) -> Iterator[int]:
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        yield watched.memory_info().rss
        time.sleep(0.2)


def predict_ratio(project: Path, folder: Path) -> dict[str, Any]:
    """The rate of predict_many over a folder and the backbone's own, alternating."""
    files = sorted(folder.rglob("*.jpg"))[:_PREDICTED]
    rates: dict[str, list[float]] = {"predict": [], "backbone": []}
    with Classifier(project) as clf:
        squares = np.stack([to_square(file, clf.backbone.size) for file in files])
        for _ in range(_ROUNDS):
            start = time.perf_counter()
            clf.backbone.embed(squares)
            rates["backbone"].append(len(files) / (time.perf_counter() - start))
            start = time.perf_counter()
            for _prediction in clf.predict_many(files):
                pass
            rates["predict"].append(len(files) / (time.perf_counter() - start))
    ratios = [one / other for one, other in zip(rates["predict"], rates["backbone"], strict=True)]
    medians = {name: float(np.median(values)) for name, values in rates.items()}
    return {**medians, "ratio": float(np.median(ratios)), "ratios": ratios}


def reembed_ratio(project: Path, folder: Path) -> dict[str, float]:
    """The rate of re-embedding a project's images, and the new backbone's own."""
    files = sorted(folder.rglob("*.jpg"))[:_PREDICTED]
    other = load_backbone(OTHER)
    squares = np.stack([to_square(file, other.size) for file in files])

    def alone() -> float:
        start = time.perf_counter()
        other.embed(squares)
        return len(files) / (time.perf_counter() - start)

    before = alone()
    with Classifier(project) as clf:
        start = time.perf_counter()
        done = reembed(clf.project, other)
        rate = done / (time.perf_counter() - start)
        back = time.perf_counter()
        clf.project.use_backbone(other)
        clf.project.use_backbone(load_backbone())
        back = time.perf_counter() - back
    own = (before + alone()) / 2
    return {"images": done, "rate": rate, "backbone": own, "ratio": rate / own, "back_s": back}


def open_times(project: Path, picture: Path) -> list[float]:
    """Seconds from the first import of the package to the first prediction, in new processes."""
    return [
        float(subprocess.check_output([sys.executable, "-c", _OPEN, str(project), str(picture)]))
        for _ in range(_ROUNDS)
    ]


def _told(found: dict[str, Any]) -> str:
    return f"{found['ratio']:.2f} ({found['predict']:.0f}/s of {found['backbone']:.0f}/s)"


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    count = parser.parse_args().images
    with tempfile.TemporaryDirectory() as name:
        folder, project = Path(name, "images"), Path(name, "project.db")
        write_images(folder, count)
        imported = import_all(project, folder)
        again = import_all(project, folder)
        predicted = predict_ratio(project, folder)
        fewer = predict_ratio(write_project(Path(name, "fewer.db"), _FEWER), folder)
        opened = open_times(project, next(folder.rglob("*.jpg")))
        reembed = reembed_ratio(project, folder)
    rates = f"{reembed['rate']:.0f}/s of {reembed['backbone']:.0f}/s"
    rows = [
        (f"import of {count} JPEGs", "≥ 80/s", f"{imported['rate']:.0f}/s"),
        ("memory of it", "≤ 400 MB", f"{imported['memory_mb']:.0f} MB"),
        ("the same import again", "", f"{again['seconds']:.1f} s, {again['added']} added"),
        (f"predict with {_FEWER} examples / backbone", "≥ 0.85", _told(fewer)),
        (f"predict with {count} examples / backbone", "≥ 0.85", _told(predicted)),
        (f"open {count} examples and predict", "≤ 1 s", f"{np.median(opened):.2f} s"),
        (
            f"re-embed {reembed['images']} examples / backbone",
            "≥ 0.85",
            f"{reembed['ratio']:.2f} ({rates})",
        ),
        ("to that backbone and back afterwards", "", f"{reembed['back_s']:.1f} s"),
    ]
    results = {"import": imported, "again": again, "predict": predicted, "open_s": opened}
    results |= {"predict_fewer": fewer, "reembed": reembed}
    publish("datasets", results, table(("what", "goal", "measured"), rows))


if __name__ == "__main__":
    main()
