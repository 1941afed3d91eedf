"""Few-shot accuracy on any folder per class: python -m benchmarks.accuracy --data FOLDER."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import publish, table
from classify_anything import load_backbone
from classify_anything.evaluation import (
    AUTOMATIC,
    HEADS,
    Lesson,
    best_head,
    calibration_error,
)
from classify_anything.heads import KNeighborsHead
from classify_anything.images import to_square

COUNTS = (1, 3, 5, 10, 20)
POOLINGS = {
    "fold": "efficientnet-lite0",
    "fold in int8": "efficientnet-lite0@int8",
    "mean": "efficientnet-lite0/mean",
    "grid": "efficientnet-lite0/grid",
}
WELL_KNOWN = "MobileNetV1, k-NN votes"
TAUGHT = 20
_TRUE_ACCEPTS = 0.95


def embed_all(files: list[Path], backbone: str) -> np.ndarray:
    """float32 [n, d]."""
    network = load_backbone(backbone).for_workers()
    return np.concatenate([network.embed(to_square(file, network.size)[None]) for file in files])


def draws(
    codes: np.ndarray, count: int, times: int, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places of random examples, ``count`` a class, and of all the rest."""
    random = np.random.default_rng([seed, count])
    for _ in range(times):
        shuffled = [random.permutation(np.flatnonzero(codes == c)) for c in np.unique(codes)]
        shown = np.concatenate([places[:count] for places in shuffled])
        yield shown, np.setdiff1d(np.arange(len(codes)), shown)


def taught(name: str, vectors: np.ndarray, codes: np.ndarray) -> Any:
    """A head that has learnt these; "auto" is the one that evaluates best."""
    numbers = range(len(codes))
    labels = {int(code): str(code) for code in np.unique(codes)}
    lesson = Lesson(vectors, codes.tolist(), numbers, numbers, labels)
    if name == AUTOMATIC:
        name = best_head(lesson)[0] if len(codes) > len(labels) else "ridge"
    if name == WELL_KNOWN:
        return KNeighborsHead(3).partial_fit(vectors, codes.tolist())
    return lesson.taught(name)


def few_shot(
    sets: dict[tuple[str, str], np.ndarray], codes: np.ndarray, times: int
) -> list[dict[str, Any]]:
    """Accuracy and calibration error of each head at each number of examples."""
    rows = []
    for (head, pooling), vectors in sets.items():
        for count in COUNTS:
            accuracies, errors = [], []
            for shown, rest in draws(codes, count, times):
                found = taught(head, vectors[shown], codes[shown]).predict_proba(vectors[rest])
                accuracies.append(float((found.argmax(axis=1) == codes[rest]).mean()))
                errors.append(calibration_error(found, codes[rest]))
            half = 1.96 * float(np.std(accuracies, ddof=1)) / np.sqrt(times)
            rows.append(
                {
                    "head": head,
                    "pooling": pooling,
                    "examples": count,
                    "accuracy": float(np.mean(accuracies)),
                    "interval": half,
                    "calibration_error": float(np.mean(errors)),
                }
            )
    return rows


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """How often something known scores higher than something unknown."""
    order = np.searchsorted(np.sort(unknown), known, "left")
    ties = np.searchsorted(np.sort(unknown), known, "right") - order
    return float((order + ties / 2).mean() / len(unknown))


def margins(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of each head with the usual pooling, by how much it is better than the well-known pipeline at
    the number of examples where that is least; below 0 it is worse there.
    """
    usual = {row["examples"]: row["accuracy"] for row in rows if row["head"] == WELL_KNOWN}
    own = [row for row in rows if row["pooling"] == "fold"]
    return {
        head: min(row["accuracy"] - usual[row["examples"]] for row in own if row["head"] == head)
        for head in dict.fromkeys(row["head"] for row in own)
        if usual
    }


def none_of_these(
    vectors: np.ndarray, codes: np.ndarray, others: np.ndarray, heads: list[str], times: int
) -> list[dict[str, Any]]:
    """Half of the classes are taught, 20 examples each; then the other half is shown.

    False accepts are counted where 95 % of what is taught is accepted. "Missed" is the share of
    what is taught that the project itself would not know with the slider at 5 %: its threshold
    comes from the examples alone, one recording each.
    """
    random = np.random.default_rng(0)
    classes = np.unique(codes)
    found: dict[str, list[tuple[float, ...]]] = {head: [] for head in heads}
    for _ in range(times):
        known = random.permutation(classes)[: len(classes) // 2]
        there = np.flatnonzero(np.isin(codes, known))
        shown, rest = next(draws(codes[there], TAUGHT, 1, seed=int(random.integers(2**31))))
        for head in heads:
            learnt = taught(head, vectors[there[shown]], codes[there[shown]])
            inside = familiarity(learnt, vectors[there[rest]])
            bar = np.quantile(inside, 1 - _TRUE_ACCEPTS)
            own = np.sort(learnt.held_out().familiarities)
            row = [float((np.searchsorted(own, inside) / len(own) < 1 - _TRUE_ACCEPTS).mean())]
            for shapes in (vectors[~np.isin(codes, known)], others):
                outside = familiarity(learnt, shapes)
                accepted = float((outside >= bar).mean()) if len(outside) else np.nan
                row += [auroc(inside, outside) if len(outside) else np.nan, accepted]
            found[head].append(tuple(row))
    names = ("missed", "auroc", "false_accepts", "auroc_far", "false_accepts_far")
    return [
        {"head": head, **dict(zip(names, map(float, np.mean(rows, axis=0)), strict=True))}
        for head, rows in found.items()
    ]


def familiarity(head: Any, rows: np.ndarray) -> np.ndarray:
    """[n], as the head tells it of each row."""
    return np.array([head.decide(row).familiarity for row in rows])


def few_shot_table(rows: list[dict[str, Any]], sets: list[tuple[str, str]]) -> str:
    """Accuracy in percent, and the calibration error where the goals name it."""
    cells = {(row["head"], row["pooling"], row["examples"]): row for row in rows}
    lines = []
    for head, pooling in sets:
        own = {count: cells[head, pooling, count] for count in COUNTS}
        shares = [
            f"{100 * row['accuracy']:.1f} ± {100 * row['interval']:.1f}" for row in own.values()
        ]
        errors = [f"{own[count]['calibration_error']:.3f}" for count in COUNTS[-2:]]
        lines.append((f"{head}, {pooling}", *shares, *errors))
    return table(("examples a class", *map(str, COUNTS), "ECE at 10", "at 20"), lines)


def none_table(rows: list[dict[str, Any]]) -> str:
    """How well what was not taught is told from what was."""
    names = ("missed", "auroc", "false_accepts", "auroc_far", "false_accepts_far")
    head = (
        "none of these",
        "missed at 5 %",
        "AUROC",
        "false accepts",
        "AUROC, other scenes",
        "false accepts",
    )
    return table(head, [(row["head"], *(f"{row[name]:.3f}" for name in names)) for row in rows])


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with a folder per class")
    parser.add_argument("--others", type=Path, help="pictures that have nothing to do with it")
    parser.add_argument("--mobilenet", type=Path, help="a .tflite embedding extractor")
    parser.add_argument("--draws", type=int, default=20)
    given = parser.parse_args()
    files = sorted(path for path in given.data.glob("*/*") if path.is_file())
    names = sorted({path.parent.name for path in files})
    codes = np.array([names.index(path.parent.name) for path in files])
    vectors = {pooling: embed_all(files, name) for pooling, name in POOLINGS.items()}
    sets: dict[tuple[str, str], np.ndarray] = {}
    if given.mobilenet:
        sets[WELL_KNOWN, "mean"] = embed_all(files, str(given.mobilenet))
    sets[AUTOMATIC, "fold"] = vectors["fold"]
    sets |= {(head, pooling): vectors[pooling] for pooling in POOLINGS for head in HEADS}
    rows = few_shot(sets, codes, given.draws)
    far = sorted(given.others.rglob("*.jpg")) if given.others else []
    others = embed_all(far, POOLINGS["fold"]) if far else np.empty((0, 1280), np.float32)
    heads = [AUTOMATIC, *HEADS]
    unknown = none_of_these(vectors["fold"], codes, others, heads, given.draws)
    least = margins(rows)
    text = few_shot_table(rows, list(sets))
    if least:
        told = ", ".join(f"{head} {100 * margin:+.1f}" for head, margin in least.items())
        text += f"\n\nPoints over the well-known pipeline, where it comes nearest: {told}."
    text += "\n\n" + none_table(unknown)
    publish("accuracy", {"few_shot": rows, "margins": least, "none_of_these": unknown}, text)


if __name__ == "__main__":
    main()
