"""The heads' own time on 1,000 examples: python -m benchmarks.heads [--examples 1000]."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.report import percentiles, publish, table
from classify_anything.evaluation import HEADS, Lesson, best_head
from classify_anything.server.translate import to_map, to_report

_DIMENSION = 1280
_CLASSES = 10
_FRAMES = 20
_FEW = 150
_ADDED = 550
"""More than half as many again, so that ridge is solved anew once among them: that is the "max"."""


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
    decide = [milliseconds(lambda row=row: head.decide(row)) for row in more.vectors[-_FEW:]]
    remove = []
    for place in range(_FEW):

        def forget(place: int = place) -> None:
            head.remove([place])
            head.decide(more.vectors[place])

        remove.append(milliseconds(forget))
    head = known.taught(name)
    head.decide(more.vectors[0])
    add = []
    for place in range(len(known.keys), len(more.keys)):
        row, class_id, group = more.vectors[place], more.class_ids[place], more.groups[place]

        def learn(
            row: Any = row, place: int = place, of: int = class_id, group: int = group
        ) -> None:
            head.partial_fit(row[None], [of], keys=[place], groups=[group])
            head.decide(row)

        add.append(milliseconds(learn))
    return {
        "first": first,
        "decide": percentiles(decide),
        "add": {**percentiles(add[:_FEW]), "max": round(max(add), 2)},
        "remove": percentiles(remove),
    }


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000)
    known = lesson(parser.parse_args().examples)
    with threadpool_limits(1, "blas"):  # as the server has it
        found = {name: measure(name, known) for name in HEADS}
        whole = milliseconds(lambda: best_head(known))
        apart = replace(known, groups=list(known.keys))
        lone = milliseconds(lambda: best_head(apart))
        page = milliseconds(lambda: (to_report(known, "knn", 1, automatic=False), to_map(known)))
    rows = []
    for name, one in found.items():
        decide, add, remove = one["decide"], one["add"], one["remove"]
        cells = (decide["p50"], add["p50"], add["p95"], add["max"], remove["p50"])
        rows.append((name, *cells, f"{one['first']:.0f}"))
    head = ("ms", "predict", "add and predict", "p95", "max", "remove and predict", "first answer")
    text = table(head, rows)
    text += (
        f"\n\nThe evaluation of all heads: {whole:.0f} ms; with every example a recording of its "
        f"own: {lone:.0f} ms; as the page asks for it, with the map: {page:.0f} ms."
    )
    times = {"evaluation_ms": whole, "of_lone_examples_ms": lone, "with_map_ms": page}
    publish("heads", {"heads": found, **times}, text)


if __name__ == "__main__":
    main()
