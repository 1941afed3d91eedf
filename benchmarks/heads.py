"""Measure the heads' own time: python -m benchmarks.heads [--examples 1000]."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.report import percentiles, publish, table
from classify_anything.evaluation.evaluate import HEADS, TrainingSet, evaluate
from classify_anything.heads import KNeighborsHead
from classify_anything.server.translate import to_map, to_report

_DIMENSION = 1280
_CLASSES = 10
_FRAMES = 20
_VIEWS = 8
_VIEWED = 20
_MANY = 10_000
_FEW = 150
_ADDED = 550


def training_set(examples: int) -> TrainingSet:
    """Unit vectors around a direction a class, in recordings of twenty, with views of some."""
    random = np.random.default_rng(0)
    groups = np.arange(examples) // _FRAMES
    class_ids = groups % _CLASSES
    centres = random.standard_normal((_CLASSES, _DIMENSION))
    vectors = centres[class_ids] + 1.5 * random.standard_normal((examples, _DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors.astype(np.float32)
    views = {}
    for class_id in range(_CLASSES):
        for key in np.flatnonzero(class_ids == class_id)[:: _FRAMES // 4][:_VIEWED].tolist():
            noise = random.standard_normal((_VIEWS, _DIMENSION)) / np.sqrt(_DIMENSION)
            views[key] = vectors[key] + 0.5 * noise
    labels = {number: f"Class {number}" for number in range(_CLASSES)}
    return TrainingSet(vectors, class_ids.tolist(), range(examples), groups.tolist(), labels, views)


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes, once."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def taught(name: str, known: TrainingSet) -> KNeighborsHead:
    """Teach a head that leaves its fits to the caller, as the server's does."""
    head = HEADS[name]()
    assert isinstance(head, KNeighborsHead)
    known.fit(name, head)
    head.refits = False
    return head


def measure(name: str, known: TrainingSet) -> dict[str, Any]:
    """Times of one head, in milliseconds."""
    more = training_set(len(known.keys) + _ADDED)
    head = taught(name, known)
    metric = head.metric == "adaptive"
    first = milliseconds(lambda: head.decide(more.vectors[0]))
    decide = [milliseconds(lambda row=row: head.decide(row)) for row in more.vectors[-_FEW:]]
    fits = [milliseconds(lambda: head.sample().fit()) for _ in range(5 if metric else 0)]
    remove = []
    for place in range(_FEW):

        def forget(place: int = place) -> None:
            head.remove([place])
            head.decide(more.vectors[place])

        remove.append(milliseconds(forget))
    head = taught(name, known)
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
        "add": {**percentiles(add), "max": round(max(add), 2)},
        "remove": percentiles(remove),
        "fit": percentiles(fits)["p50"] if metric else None,
    }


def predict_many(names: list[str]) -> dict[str, float]:
    """The median time of a prediction among 10,000 examples, in turns, in milliseconds."""
    known = training_set(_MANY)
    heads = {name: taught(name, known) for name in names}
    queries = training_set(_MANY + _FEW).vectors[-_FEW:]
    times: dict[str, list[float]] = {name: [] for name in names}
    for row in queries:
        for name, head in heads.items():
            times[name].append(milliseconds(lambda head=head, row=row: head.decide(row)))
    return {name: percentiles(found[1:])["p50"] for name, found in times.items()}


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000)
    known = training_set(parser.parse_args().examples)
    with threadpool_limits(1, "blas"):  # as the server has it
        found = {name: measure(name, known) for name in HEADS}
        many = predict_many(list(HEADS))
        whole = {name: milliseconds(lambda name=name: evaluate(known, name)) for name in HEADS}
        apart = replace(known, groups=list(known.keys))
        lone = milliseconds(lambda: evaluate(apart, "adaptive"))
        judged = evaluate(known, "adaptive")
        page = milliseconds(lambda: (to_report(judged, known, 1), to_map(known)))
    rows = []
    for name, one in found.items():
        decide, add, remove = one["decide"], one["add"], one["remove"]
        cells = (decide["p50"], many[name], add["p50"], add["p95"], add["max"], remove["p50"])
        fit = "" if one["fit"] is None else f"{one['fit']:.0f}"
        rows.append((name, *cells, fit, f"{one['first']:.0f}", f"{whole[name]:.0f}"))
    head = (
        "ms",
        "predict",
        f"predict, {_MANY:,} examples",
        "add and predict",
        "p95",
        "max",
        "remove and predict",
        "fit",
        "first answer",
        "evaluate",
    )
    text = table(head, rows)
    text += (
        f"\n\nEvaluating the adaptive head with every example a recording of its own: {lone:.0f} "
        f"ms. Advice and map for the page: {page:.0f} ms more."
    )
    times = {"evaluation_ms": whole, "of_lone_examples_ms": lone, "advice_and_map_ms": page}
    publish("heads", {"heads": found, "of_many_ms": many, **times}, text)


if __name__ == "__main__":
    main()
