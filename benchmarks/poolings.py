"""Compare poolings of the last feature map, on pictures that are moved and scaled as well.

    .venv/bin/python -m benchmarks.poolings --data FOLDER

A head learns pictures as they are, and classifies others: as they are, moved by up to 15 % of their
side, and scaled to 0.7 to 1.35 of their size.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.accuracy import PLAIN, VOTES, draws, taught
from benchmarks.report import publish, table
from classify_anything import load_backbone
from classify_anything.images import to_square

POOLINGS = {
    "mean": "efficientnet-lite0/mean",
    "fold": "efficientnet-lite0",
    "grid": "efficientnet-lite0/grid",
}
HEADS = (VOTES, PLAIN)
COUNTS = (1, 5, 20)
_MOVED, _SCALED = 0.15, (0.7, 1.35)

Changed = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def moved(square: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Move a square; what comes into view is the nearest pixel."""
    size = len(square)
    most = round(_MOVED * size)
    padded = np.pad(square, ((most, most), (most, most), (0, 0)), "edge")
    top, left = random.integers(0, 2 * most + 1, 2)
    return padded[top : top + size, left : left + size]


def scaled(square: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Scale a square around its middle."""
    size = len(square)
    other = round(size * random.uniform(*_SCALED))
    image = np.asarray(Image.fromarray(square).resize((other, other), Image.Resampling.BILINEAR))
    if other < size:
        before = (size - other) // 2
        around = (before, size - other - before)
        return np.pad(image, (around, around, (0, 0)), "edge")
    start = (other - size) // 2
    return image[start : start + size, start : start + size]


WAYS: dict[str, Changed] = {
    "as they are": lambda square, _: square,
    "moved": moved,
    "scaled": scaled,
}


def accuracy(
    shown: np.ndarray, asked: np.ndarray, codes: np.ndarray, head: str, count: int, times: int
) -> float:
    """Accuracy in percent, on pictures that are not examples in any form."""
    right = []
    for examples, rest in draws(codes, count, times):
        learnt = taught(head, shown[examples], codes[examples])
        said = learnt.predict_proba(asked[rest]).argmax(axis=1)
        right.append(float((said == codes[rest]).mean()))
    return round(100 * float(np.mean(right)), 1)


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with a folder per class")
    parser.add_argument("--draws", type=int, default=20)
    given = parser.parse_args()
    files = sorted(path for path in given.data.glob("*/*") if path.is_file())
    names = sorted({path.parent.name for path in files})
    codes = np.array([names.index(path.parent.name) for path in files])
    rows = []
    for pooling, backbone in POOLINGS.items():
        network = load_backbone(backbone).for_workers()
        squares = [to_square(file, network.size) for file in files]
        shown = np.concatenate([network.embed(square[None]) for square in squares])
        for way, change in WAYS.items():
            random = np.random.default_rng(0)
            changed = [np.ascontiguousarray(change(square, random)) for square in squares]
            asked = np.concatenate([network.embed(square[None]) for square in changed])
            for head in HEADS:
                found = [
                    accuracy(shown, asked, codes, head, count, given.draws) for count in COUNTS
                ]
                rows.append((f"{head}, {pooling}", way, *found))
    rows.sort(key=lambda row: (list(WAYS).index(row[1]), row[0].split(",")[0]))
    head = ("head, pooling", "pictures", *(f"{count} a class" for count in COUNTS))
    publish("poolings", {"rows": rows}, table(head, rows))


if __name__ == "__main__":
    main()
