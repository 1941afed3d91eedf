"""The nearest of many examples: ways to find them, their time, and how many they find.

Examples are made: unit vectors of 1,280 numbers around a common mean, in 20 classes, recordings of
20 that are near copies, with variances that fall as those of photographs do. Queries are of
recordings that are not among the examples, which is harder than those of the live camera::

    .venv/bin/python -m benchmarks.neighbours --counts 1000 10000 100000
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.report import percentiles, publish, table
from classify_anything.heads import KNeighborsHead

try:
    from usearch.index import Index, search
except ImportError:  # then its rows are left out
    Index = search = None

DIMENSION, CLASSES, RECORDING, NEIGHBORS = 1280, 20, 20, 3
MOST_INDEXED = 10_000
"""An HNSW graph takes a millisecond or more an example: more would take many minutes."""
_BLOCK = 20_000

Found = Callable[[np.ndarray], np.ndarray]


def examples(count: int, seed: int) -> np.ndarray:
    """Unit vectors, float32 [count, 1280]; the classes are the same for every seed."""
    common, random = np.random.default_rng(7), np.random.default_rng(seed)
    scale = np.arange(1, DIMENSION + 1, dtype=np.float32) ** -0.5
    scale /= np.linalg.norm(scale)
    turn = np.linalg.qr(common.standard_normal((DIMENSION, DIMENSION)))[0].astype(np.float32)
    mean = common.standard_normal(DIMENSION).astype(np.float32)
    mean /= np.linalg.norm(mean)
    classes = common.standard_normal((CLASSES, DIMENSION)).astype(np.float32)
    made = np.empty((count, DIMENSION), np.float32)
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        number = -(-size // RECORDING)
        recordings = 0.6 * random.standard_normal((number, DIMENSION), np.float32)
        recordings += 0.5 * classes[random.integers(0, CLASSES, number)]
        frames = 0.25 * random.standard_normal((size, DIMENSION), np.float32)
        frames += recordings.repeat(RECORDING, axis=0)[:size]
        rows = 0.6 * (frames * scale) @ turn + mean
        made[start : start + size] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return made


def measure(find: Found, queries: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Milliseconds a query, and the share of the true neighbours that are found."""
    find(queries[0])
    times, hits = [], 0
    for query, wanted in zip(queries, true, strict=True):
        begin = time.perf_counter()
        found = find(query)
        times.append(1000 * (time.perf_counter() - begin))
        hits += int(np.isin(wanted, found).sum())
    return {**percentiles(times), "recall": round(hits / true.size, 4)}


def nearest(similarities: np.ndarray) -> np.ndarray:
    return np.argpartition(-similarities, NEIGHBORS)[:NEIGHBORS]


def library(vectors: np.ndarray) -> dict[str, tuple[Found, float | None]]:
    """The ways of usearch, and the milliseconds that an added example takes each."""
    if search is None:
        return {}
    peak = np.abs(vectors[:1000]).max()

    def small(rows: np.ndarray) -> np.ndarray:
        return np.clip(np.round(rows * (127 / peak)), -127, 127).astype(np.int8)

    ways: dict[str, tuple[Found, float | None]] = {}
    for name, kind in (("float16", lambda rows: rows.astype(np.float16)), ("int8", small)):
        kept = np.concatenate([kind(part) for part in np.array_split(vectors, 100)])
        ways[f"usearch exact, {name}"] = (
            lambda query, kept=kept, kind=kind: (
                search(kept, kind(query), NEIGHBORS, "ip", exact=True, threads=1).keys
            ),
            None,
        )
    if len(vectors) <= MOST_INDEXED:
        index = Index(ndim=DIMENSION, metric="ip", dtype="f16")
        begin = time.perf_counter()
        index.add(np.arange(len(vectors)), vectors, threads=1)
        spent = 1000 * (time.perf_counter() - begin) / len(vectors)
        ways["usearch HNSW, float16"] = (
            lambda query: index.search(query, NEIGHBORS, threads=1).keys,
            spent,
        )
    return ways


def library_results(
    vectors: np.ndarray, queries: np.ndarray, true: np.ndarray
) -> dict[str, dict[str, float]]:
    results = {}
    for name, (find, spent) in library(vectors).items():
        results[name] = measure(find, queries, true)
        if spent is not None:
            results[name]["add"] = round(spent, 3)
    return results


def compare(count: int, number: int) -> dict[str, dict[str, float]]:
    vectors, queries = examples(count, 1), examples(number * RECORDING, 2)[::RECORDING]
    true = np.stack([nearest(vectors @ query) for query in queries])
    results = {"exact, float32": measure(lambda q: nearest(vectors @ q), queries, true)}
    results |= library_results(vectors, queries, true)
    head = KNeighborsHead(weights="distance")
    labels = (np.arange(count) // RECORDING % CLASSES).tolist()
    for start in range(0, count, _BLOCK):  # all at once would need the memory three times
        head.partial_fit(vectors[start : start + _BLOCK], labels[start : start + _BLOCK])
    ours = measure(lambda query: head.decide(query).keys, queries, true)
    times = []
    for row in examples(200, 3):
        begin = time.perf_counter()
        head.partial_fit(row[None], [0])
        times.append(1000 * (time.perf_counter() - begin))
    ours |= {"add": percentiles(times)["p50"], "add_max": round(max(times), 2)}
    return results | {"our head, all of a decision": ours}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    with threadpool_limits(1):
        found = {count: compare(count, options.queries) for count in options.counts}
    rows = [
        (
            f"{count:,}",
            name,
            *(one[point] for point in ("p50", "p95", "recall")),
            *(one.get(point, "") for point in ("add", "add_max")),
        )
        for count, results in found.items()
        for name, one in results.items()
    ]
    head = ("examples", "", "query p50 ms", "p95 ms", "recall@3", "add ms", "at most")
    publish("neighbours", {"counts": found}, table(head, rows))


if __name__ == "__main__":
    main()
