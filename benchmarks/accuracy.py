"""Measure few-shot accuracy on any folder per class.

    python -m benchmarks.accuracy --data FOLDER [FOLDER ...]
    python -m benchmarks.accuracy --data FOLDER --bursts

With ``--bursts`` an example is not one picture but a recording of it: frames that drift smoothly in
position, size and brightness. The questions are other pictures, as they are.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.report import publish, table
from classify_anything import Backbone, KNeighborsHead, load_backbone
from classify_anything.backbones.views import make_views, wanted_views
from classify_anything.evaluation.evaluate import TrainingSet, calibration_error
from classify_anything.images import to_square

COUNTS = (1, 3, 5, 10, 20)
RECORDINGS = (1, 2, 3)
FRAMES = 12
CLASSIC = "MobileNetV1, votes"
VOTES = "cosine votes"
PLAIN = "adaptive without views"
ADAPTIVE = "adaptive"
_LEAST_ASKED = 5
_TRUE_ACCEPTS = 0.95
_DRIFT = 0.06
"""How far a frame may lie from the first, as a share of the side."""
_ZOOM = 0.08
_BRIGHTNESS = 0.1
_PADDING = 0.12


@dataclass
class Pictures:
    """A folder per class, and what networks make of it.

    Attributes:
        files, codes: [n].
        own: of the default backbone.
        others: the well-known one, or None.
        vectors: float32 [n, d] by network.
        views: float32 [8, d] by the place of a picture.
    """

    files: list[Path]
    codes: np.ndarray
    own: Backbone
    others: Backbone | None
    vectors: dict[str, np.ndarray] = field(default_factory=dict)
    views: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def heads(self) -> list[str]:
        """What can be compared."""
        return [*([CLASSIC] if self.others else []), VOTES, PLAIN, ADAPTIVE]

    @property
    def smallest(self) -> int:
        """The number of pictures of the smallest class."""
        return int(np.bincount(self.codes).min())

    def embed(self) -> None:
        """Embed all pictures, and their views."""
        self.vectors["own"] = embed_all(self.files, self.own)
        if self.others:
            self.vectors["others"] = embed_all(self.files, self.others)
        for place, file in enumerate(self.files):
            square = to_square(file, self.own.size)
            self.views[place] = self.own.embed(make_views(square, digest(file)))

    def seen(self, head: str) -> np.ndarray:
        """The embeddings that a head compares, float32 [n, d]."""
        return self.vectors["others" if head == CLASSIC else "own"]


def read(folder: Path, backbone: str, mobilenet: Path | None) -> Pictures:
    """List a folder with a folder per class."""
    files = sorted(path for path in folder.glob("*/*") if path.is_file())
    names = sorted({path.parent.name for path in files})
    codes = np.array([names.index(path.parent.name) for path in files])
    others = load_backbone(str(mobilenet)).for_workers() if mobilenet else None
    return Pictures(files, codes, load_backbone(backbone).for_workers(), others)


def digest(file: Path) -> str:
    """The checksum that chooses the views of a picture."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def embed_all(files: list[Path], network: Backbone) -> np.ndarray:
    """float32 [n, d]."""
    found = [network.embed(to_square(file, network.size)[None]) for file in files]
    return np.concatenate(found) if found else np.empty((0, network.dimension), np.float32)


def draws(
    codes: np.ndarray, count: int, times: int, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the places of random examples, ``count`` a class, and of all the rest."""
    random = np.random.default_rng([seed, count])
    for _ in range(times):
        shuffled = [random.permutation(np.flatnonzero(codes == c)) for c in np.unique(codes)]
        shown = np.concatenate([places[:count] for places in shuffled])
        yield shown, np.setdiff1d(np.arange(len(codes)), shown)


def taught(
    name: str,
    vectors: np.ndarray,
    codes: np.ndarray,
    views: Mapping[int, np.ndarray] | None = None,
    groups: np.ndarray | None = None,
) -> KNeighborsHead:
    """Teach a head embeddings [n, d]; views by place, recordings [n] (default: one each)."""
    head = KNeighborsHead(metric="cosine" if name in (CLASSIC, VOTES) else "adaptive")
    keys = range(len(codes))
    recordings = list(keys) if groups is None else groups.tolist()
    labels = {int(code): str(code) for code in np.unique(codes)}
    known = dict(views or {}) if name == ADAPTIVE else {}
    wanted = wanted_views(codes.tolist(), keys, recordings)
    known = {key: known[key] for key in wanted if key in known}
    TrainingSet(vectors, codes.tolist(), keys, recordings, labels, known).fit(name, head)
    head.refit()
    return head


def few_shot(data: Pictures, times: int) -> list[dict[str, Any]]:
    """Measure each head at each number of examples."""
    counts = [count for count in COUNTS if count + _LEAST_ASKED <= data.smallest]
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for count in counts:
        for shown, rest in draws(data.codes, count, times):
            views = {place: data.views[row] for place, row in enumerate(shown.tolist())}
            for head in data.heads:
                vectors = data.seen(head)
                learnt = taught(head, vectors[shown], data.codes[shown], views)
                result = judge(learnt, vectors[rest], data.codes[rest])
                found.setdefault((head, count), []).append(result)
    return summarize(data.heads, counts, found)


def judge(head: KNeighborsHead, vectors: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """The accuracy and the calibration error on embeddings [n, d]."""
    found = head.predict_proba(vectors)
    return float((found.argmax(axis=1) == codes).mean()), calibration_error(found, codes)


def summarize(
    heads: list[str],
    counts: list[int],
    found: dict[tuple[str, int], list[tuple[float, float]]],
) -> list[dict[str, Any]]:
    """Average over draws."""
    rows = []
    for head in heads:
        for count in counts:
            accuracies, errors = np.array(found[head, count]).T
            half = 1.96 * float(np.std(accuracies, ddof=1)) / np.sqrt(len(accuracies))
            rows.append(
                {
                    "head": head,
                    "examples": count,
                    "accuracy": float(accuracies.mean()),
                    "interval": half,
                    "calibration_error": float(errors.mean()),
                }
            )
    return rows


def burst(square: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    """Make a recording of a picture: frames [s, s, 3], each a little different from the last."""
    size = len(square)
    margin = round(_PADDING * size)
    padded = Image.fromarray(np.pad(square, ((margin, margin), (margin, margin), (0, 0)), "edge"))
    # x, y, zoom and brightness: half a wave each, from another phase.
    phases = random.uniform(0, 2 * np.pi, 4) + np.linspace(0, np.pi, FRAMES)[:, None]
    x, y, zoom, light = (np.sin(phases) * (_DRIFT, _DRIFT, _ZOOM, _BRIGHTNESS)).T
    frames = []
    for number in range(FRAMES):
        side = size * (1 + zoom[number])
        left = margin + size * x[number] + (size - side) / 2
        top = margin + size * y[number] + (size - side) / 2
        box = (left, top, left + side, top + side)
        frame = padded.resize((size, size), Image.Resampling.BILINEAR, box=box)
        pixels = np.asarray(frame, np.float32) * (1 + light[number])
        frames.append(pixels.clip(0, 255).astype(np.uint8))
    return frames


def bursts(data: Pictures, times: int) -> list[dict[str, Any]]:
    """Measure each head at each number of recordings."""
    kept: dict[int, tuple[np.ndarray, np.ndarray | None, dict[int, np.ndarray]]] = {}

    def recorded(row: int) -> tuple[np.ndarray, np.ndarray | None, dict[int, np.ndarray]]:
        """The frames of a picture as both networks embed them, and the views of some frames."""
        if row not in kept:
            square = to_square(data.files[row], data.own.size)
            frames = burst(square, np.random.default_rng(row))
            own = np.concatenate([data.own.embed(frame[None]) for frame in frames])
            others = None
            if data.others:
                small = [to_square(frame, data.others.size) for frame in frames]
                others = np.concatenate([data.others.embed(frame[None]) for frame in small])
            wanted = wanted_views([0] * FRAMES, range(FRAMES), [0] * FRAMES)
            views = {
                place: data.own.embed(
                    make_views(frames[place], hashlib.sha256(frames[place].tobytes()).hexdigest())
                )
                for place in wanted
            }
            kept[row] = own, others, views
        return kept[row]

    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for most, rest in draws(data.codes, max(RECORDINGS), times):
        for count in RECORDINGS:
            shown = most.reshape(-1, max(RECORDINGS))[:, :count].ravel()
            codes, groups = np.repeat(data.codes[shown], FRAMES), np.repeat(shown, FRAMES)
            made = [recorded(row) for row in shown.tolist()]
            views = {
                number * FRAMES + place: vectors
                for number, (_, _, some) in enumerate(made)
                for place, vectors in some.items()
            }
            for head in data.heads:
                frames = [others if head == CLASSIC else own for own, others, _ in made]
                vectors = np.concatenate([some for some in frames if some is not None])
                learnt = taught(head, vectors, codes, views, groups)
                result = judge(learnt, data.seen(head)[rest], data.codes[rest])
                found.setdefault((head, count), []).append(result)
    return summarize(data.heads, list(RECORDINGS), found)


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """How often something known scores higher than something unknown."""
    order = np.searchsorted(np.sort(unknown), known, "left")
    ties = np.searchsorted(np.sort(unknown), known, "right") - order
    return float((order + ties / 2).mean() / len(unknown))


def margins(rows: list[dict[str, Any]]) -> dict[str, float]:
    """By how much each head exceeds the classic at the number of examples where it does least."""
    usual = {row["examples"]: row["accuracy"] for row in rows if row["head"] == CLASSIC}
    if not usual:
        return {}
    return {
        head: min(row["accuracy"] - usual[row["examples"]] for row in rows if row["head"] == head)
        for head in dict.fromkeys(row["head"] for row in rows)
        if head != CLASSIC
    }


def none_of_these(data: Pictures, others: np.ndarray, times: int) -> list[dict[str, Any]]:
    """Teach half of the classes, up to 20 examples each; then show the other half.

    False accepts are counted where 95 % of what is taught is accepted. "Missed" is the share of
    what is taught that the project itself would not know with the slider at 5 %: its threshold
    comes from the examples alone, one recording each.
    """
    random = np.random.default_rng(0)
    codes, vectors = data.codes, data.vectors["own"]
    classes = np.unique(codes)
    count = min(max(COUNTS), data.smallest - _LEAST_ASKED)
    heads = [head for head in data.heads if head != CLASSIC]
    found: dict[str, list[tuple[float, ...]]] = {head: [] for head in heads}
    for _ in range(times):
        known = random.permutation(classes)[: len(classes) // 2]
        there = np.flatnonzero(np.isin(codes, known))
        shown, rest = next(draws(codes[there], count, 1, seed=int(random.integers(2**31))))
        shown, rest = there[shown], there[rest]
        views = {place: data.views[row] for place, row in enumerate(shown.tolist())}
        for head in heads:
            learnt = taught(head, vectors[shown], codes[shown], views)
            inside = typicality(learnt, vectors[rest])
            bar = np.quantile(inside, 1 - _TRUE_ACCEPTS)
            own = learnt.references()
            row = [float((np.searchsorted(own, inside) / len(own) < 1 - _TRUE_ACCEPTS).mean())]
            for shapes in (vectors[~np.isin(codes, known)], others):
                outside = typicality(learnt, shapes) if len(shapes) else shapes
                accepted = float((outside >= bar).mean()) if len(outside) else np.nan
                row += [auroc(inside, outside) if len(outside) else np.nan, accepted]
            found[head].append(tuple(row))
    names = ("missed", "auroc", "false_accepts", "auroc_far", "false_accepts_far")
    return [
        {"head": head, **dict(zip(names, map(float, np.mean(rows, axis=0)), strict=True))}
        for head, rows in found.items()
    ]


def typicality(head: KNeighborsHead, rows: np.ndarray) -> np.ndarray:
    """Typicality of each row, [n]."""
    return np.array([decision.typicality for decision in head.decide_many(rows)])


def few_shot_table(name: str, rows: list[dict[str, Any]], unit: str) -> str:
    """Accuracy in percent, and the calibration error."""
    counts = list(dict.fromkeys(row["examples"] for row in rows))
    cells = {(row["head"], row["examples"]): row for row in rows}
    lines = []
    for head in dict.fromkeys(row["head"] for row in rows):
        own = [cells[head, count] for count in counts]
        shares = [f"{100 * row['accuracy']:.1f} ± {100 * row['interval']:.1f}" for row in own]
        errors = [f"{row['calibration_error']:.3f}" for row in own[-3:]]
        lines.append((head, *shares, *errors))
    errors = [f"ECE at {count}" for count in counts[-3:]]
    return table((f"{name}: {unit} a class", *map(str, counts), *errors), lines)


def none_table(name: str, rows: list[dict[str, Any]]) -> str:
    """Table of how well the heads reject unknown pictures."""
    names = ("missed", "auroc", "false_accepts", "auroc_far", "false_accepts_far")
    head = (
        f"{name}: none of these",
        "missed at 5 %",
        "AUROC",
        "false accepts",
        "AUROC, other scenes",
        "false accepts",
    )
    return table(head, [(row["head"], *(f"{row[name]:.3f}" for name in names)) for row in rows])


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="folders with a folder per class"
    )
    parser.add_argument("--others", type=Path, help="pictures that have nothing to do with them")
    parser.add_argument("--mobilenet", type=Path, help="a .tflite embedding extractor")
    parser.add_argument("--backbone", default="efficientnet-lite0", help="for our heads")
    parser.add_argument("--bursts", action="store_true", help="teach recordings, not pictures")
    parser.add_argument("--draws", type=int, default=20)
    given = parser.parse_args()
    results: dict[str, Any] = {}
    texts = []
    for folder in given.data:
        data = read(folder, given.backbone, given.mobilenet)
        if given.bursts:
            data.vectors["own"] = embed_all(data.files, data.own)
            if data.others:
                data.vectors["others"] = embed_all(data.files, data.others)
            rows = bursts(data, given.draws)
            results[folder.name] = {"bursts": rows}
            texts.append(few_shot_table(folder.name, rows, "recordings"))
            continue
        data.embed()
        rows = few_shot(data, given.draws)
        far = sorted(given.others.rglob("*.jpg")) if given.others else []
        unknown = none_of_these(data, embed_all(far, data.own), given.draws)
        least = margins(rows)
        results[folder.name] = {"few_shot": rows, "margins": least, "none_of_these": unknown}
        texts.append(few_shot_table(folder.name, rows, "examples"))
        if least:
            told = ", ".join(f"{head} {100 * margin:+.1f}" for head, margin in least.items())
            texts.append(f"Points above the classic, where the lead is smallest: {told}.")
        texts.append(none_table(folder.name, unknown))
    publish("accuracy_bursts" if given.bursts else "accuracy", results, "\n\n".join(texts))


if __name__ == "__main__":
    main()
