"""The heads' own time on 1,000 examples: python -m benchmarks.heads [--examples 1000]."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.report import percentiles, publish, table
from classify_anything.evaluation import HEADS, Lesson, best_head, make_head

_DIMENSION = 1280
_CLASSES = 10
_FRAMES = 20
_ADDED = 150


def lesson(examples: int) -> Lesson:
    """Unit vectors around a direction a class, in recordings of twenty."""
    random = np.random.default_rng(0)
    groups = np.arange(examples) // _FRAMES
    class_ids = groups % _CLASSES
    centres = random.standard_normal((_CLASSES, _DIMENSION))
    vectors = centres[class_ids] + 1.5 * random.standard_normal((examples, _DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = {number: f"Class {number}" for number in range(_CLASSES)}
    keys = range(examples)
    return Lesson(vectors.astype(np.float32), class_ids.tolist(), keys, groups.tolist(), labels)


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes, once."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def measure(name: str, known: Lesson) -> dict[str, Any]:
    """The times of one head, in milliseconds."""
    more = lesson(len(known.keys) + _ADDED)
    head = known.taught(name)
    first = milliseconds(lambda: head.decide(more.vectors[0]))
    decide = [milliseconds(lambda row=row: head.decide(row)) for row in more.vectors[-_ADDED:]]
    add = []
    for place in range(len(known.keys), len(more.keys)):
        row, class_id, group = more.vectors[place], more.class_ids[place], more.groups[place]

        def learn(
            row: Any = row, place: int = place, of: int = class_id, group: int = group
        ) -> None:
            head.partial_fit(row[None], [of], keys=[place], groups=[group])
            head.decide(row)

        add.append(milliseconds(learn))
    return {"first": first, "decide": percentiles(decide), "add": percentiles(add)}


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000)
    known = lesson(parser.parse_args().examples)
    make_head("ridge")
    with threadpool_limits(1, "blas"):  # as the server has it
        found = {name: measure(name, known) for name in HEADS}
    whole = milliseconds(lambda: best_head(known))
    rows = []
    for name, one in found.items():
        decide, add = one["decide"], one["add"]
        rows.append((name, decide["p50"], add["p50"], add["p95"], f"{one['first']:.0f}"))
    text = table(("ms", "predict", "add and predict", "p95", "first answer"), rows)
    text += f"\n\nThe evaluation of all heads: {whole:.0f} ms."
    publish("heads", {"heads": found, "evaluation_ms": whole}, text)


if __name__ == "__main__":
    main()
