"""Write what the heads decide, for the page's own heads and the exported graphs to agree with.

Run ``python -m tests.golden`` after a head was changed on purpose.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from classify_anything.backbones.views import TABLE, VIEWS, make_views, wanted_views
from classify_anything.export.formats.probe import probe_picture
from classify_anything.heads import Decision, KNeighborsHead
from classify_anything.heads.embedding_matrix import unit_rows
from classify_anything.heads.fitting import Fit
from classify_anything.heads.metric import Metric

PATH = Path(__file__).parent.parent / "web" / "src" / "lib" / "browser" / "golden" / "head.json"
VIEWS_PATH = PATH.with_name("views.json")

_EDGE = 1e-4
LARGE_COUNT, LARGE_DIMENSION, LARGE_CLASSES, BURST = 32_768, 256, 8, 4

LARGE_QUERIES = np.array([0, 7, 1234, 20_003, 32_767])

Numbers = np.ndarray


@dataclass(frozen=True)
class Example:
    id: int
    class_id: int
    recording_id: int
    vector: list[float]


@dataclass(frozen=True)
class Step:
    """Examples that come and go, then questions."""

    add: Sequence[Example] = ()
    remove: Sequence[int] = ()
    queries: Sequence[list[float]] = ()


@dataclass(frozen=True)
class Case:
    name: str
    head: KNeighborsHead
    classes: Sequence[int]
    steps: Sequence[Step]
    views: Mapping[int, Numbers] = field(default_factory=dict)


def cases() -> list[Case]:
    """All of them but the large one."""
    rng = np.random.default_rng(11)
    few = {1: 6, 2: 6, 3: 6}
    unequal = {1: 12, 2: 3, 3: 1}
    votes = examples(rng, unequal)
    same = rounded(rng.normal(size=8))
    return [
        adaptive("one example a class", {1: 1, 2: 1, 3: 1}, rng),
        adaptive("recordings", few, rng),
        adaptive("recordings and views", few, rng, viewed=True),
        adaptive("unequal classes, with views", unequal, rng, viewed=True),
        adaptive("more examples than numbers in each", {1: 20, 2: 9, 3: 15}, rng, dimension=8),
        adaptive("examples come and go", few, rng, changes=True),
        adaptive("examples come and go, with views", few, rng, viewed=True, changes=True),
        Case(
            "adaptive: identical examples in all classes",
            KNeighborsHead(),
            [1, 2, 3, 4],
            [Step([Example(n, n % 4 + 1, n, same) for n in range(8)], queries=[same])],
        ),
        Case(
            "adaptive: the same example twice, and a class without any",
            KNeighborsHead(),
            [1, 2, 9],
            [Step([*twice(votes[:4], 1), *votes[12:14]], queries=queries(rng, votes))],
        ),
        *(
            Case(
                f"cosine: {weights}{', balanced' if balanced else ''}",
                KNeighborsHead(k, "cosine", weights, balanced=balanced),
                [3, 1, 2],
                [
                    Step(votes, queries=queries(rng, votes)),
                    Step(examples(rng, {2: 4}, first=50), [2, 3], queries(rng, votes)),
                ],
            )
            for weights, balanced, k in _VOTES
        ),
        Case(
            "cosine: ties",
            KNeighborsHead(3, "cosine"),
            [2, 1, 3],
            [Step(ties(votes), queries=[votes[0].vector, votes[5].vector])],
        ),
    ]


def golden_views() -> dict[str, str]:
    """The views of a small picture, base64 of uint8 [8, 12, 12, 3], by what chooses their rows."""
    square = probe_picture(12)
    chosen = [f"{first:02x}" for first in range(len(TABLE) // VIEWS)]
    return {sha256: b64encode(make_views(square, sha256).tobytes()).decode() for sha256 in chosen}


_VOTES: list[tuple[Literal["uniform", "distance"], bool, int]] = [
    ("uniform", False, 3),
    ("uniform", True, 5),
    ("distance", False, 1),
    ("distance", True, 5),
]


def adaptive(
    name: str,
    sizes: Mapping[int, int],
    rng: np.random.Generator,
    *,
    viewed: bool = False,
    changes: bool = False,
    dimension: int = 12,
) -> Case:
    known = examples(rng, sizes, dimension=dimension)
    steps = [Step(known, queries=queries(rng, known))]
    if changes:
        more = examples(rng, {2: 5, 4: 3}, first=50, dimension=dimension)
        steps.append(Step(more, queries=queries(rng, [*known, *more])))
        gone = [one.id for one in known if one.class_id == 1][1:]
        steps.append(Step(remove=gone, queries=queries(rng, [*known, *more])))
        back = [replace(one, class_id=3) for one in known if one.id in gone[:2]]
        steps.append(Step(back, [50], queries=queries(rng, known)))
    views = {}
    if viewed:
        views = {
            one.id: np.asarray(one.vector) + rng.normal(scale=0.1, size=(VIEWS, dimension))
            for one in known[::2]
        }
    classes = [*sizes, 4] if changes else list(sizes)
    return Case(f"adaptive: {name}", KNeighborsHead(), classes, steps, views)


def examples(
    rng: np.random.Generator, sizes: Mapping[int, int], first: int = 1, dimension: int = 12
) -> list[Example]:
    """In recordings of up to three; each class varies most in the same few directions."""
    noise = np.where(np.arange(dimension) < 3, 0.6, 0.2)
    found: list[Example] = []
    for class_id, size in sizes.items():
        middle = np.random.default_rng(class_id).normal(size=dimension) + 0.5
        for place in range(size):
            id_ = first + len(found)
            recording = 100 * class_id + place // 3 + first
            vector = rounded(middle + noise * rng.normal(size=dimension))
            found.append(Example(id_, class_id, recording, vector))
    return found


def queries(rng: np.random.Generator, known: Sequence[Example]) -> list[list[float]]:
    """Near examples, between two of them, one of them, and like nothing."""
    vectors = np.array([one.vector for one in known])
    near = vectors[:: len(vectors) // 3 + 1] + rng.normal(scale=0.2, size=vectors.shape[1])
    between = vectors[:3] + vectors[-3:]
    like_nothing = rng.normal(size=vectors.shape[1])
    return [rounded(one) for one in [*near, *between, vectors[0], like_nothing]]


def twice(known: Sequence[Example], recording_id: int) -> list[Example]:
    copies = [replace(one, id=one.id + 30, recording_id=recording_id) for one in known]
    return [*known, *copies]


def ties(known: Sequence[Example]) -> list[Example]:
    """The same vectors in each class, the youngest in the class that comes first."""
    return [
        replace(one, id=one.id + shift, class_id=class_id)
        for shift, class_id in ((0, 1), (20, 3), (40, 2))
        for one in known[:6]
    ]


def rounded(vector: Numbers) -> list[float]:
    return [float(value) for value in np.round(vector, 4)]


def play(case: Case) -> Iterator[tuple[Step, KNeighborsHead]]:
    """Each step, and the head after it.

    The page cannot fit a temperature: it scales that of the export as recordings come and go. So
    does this, after the first step.
    """
    head = case.head
    usual = 0.0
    for number, step in enumerate(case.steps):
        head.remove([*step.remove, *(one.id for one in step.add if one.id in head)])
        head.partial_fit(
            [one.vector for one in step.add] or np.empty((0, 1)),
            [one.class_id for one in step.add],
            [one.id for one in step.add],
            list(case.classes),
            [one.recording_id for one in step.add],
        )
        sample = head.sample()
        wanted = wanted_views(sample.codes.tolist(), sample.keys.tolist(), sample.groups.tolist())
        head.remove_views(set(head.views) - set(wanted))
        head.add_views({key: case.views[key] for key in wanted if key in case.views})
        if head.metric == "adaptive":
            sample = head.sample()
            fit = sample.fit()
            pairs = np.unique(np.stack([sample.codes, sample.groups]), axis=1)
            recordings = pairs.shape[1] / len(np.unique(sample.codes))
            if number == 0:
                usual = fit.temperature * recordings**0.5
            head.adopt(replace(fit, temperature=usual / recordings**0.5))
        yield step, head


def told(case: Case) -> dict[str, Any]:
    """A case with all that the page needs to replay it."""
    steps = []
    shipped: dict[str, Any] = {}
    for step, head in play(case):
        if not shipped:
            shipped = _shipped(case, head)
        decisions = head.decide_many(step.queries)
        steps.append(
            {
                "add": {
                    "ids": [one.id for one in step.add],
                    "class_ids": [one.class_id for one in step.add],
                    "recording_ids": [one.recording_id for one in step.add],
                    "vectors": [one.vector for one in step.add],
                },
                "remove": list(step.remove),
                "queries": step.queries,
                "decisions": [_decision(one, shipped["reference_scores"]) for one in decisions],
            }
        )
    return {"name": case.name, "classes": case.classes, **shipped, "steps": steps}


def _shipped(case: Case, head: KNeighborsHead) -> dict[str, Any]:
    """The parameters of a head in an export."""
    frozen = head.freeze()
    lengths = []
    if head.metric == "adaptive" and case.steps:
        units = unit_rows([one.vector for one in case.steps[0].add])
        lengths = _plain(Metric(**frozen.arrays).lengths(units))
    return {
        "head": {
            "name": frozen.name,
            "n_neighbors": head.n_neighbors,
            "weights": head.weights,
            "balanced": head.balanced,
            "temperature": frozen.parameters.get("temperature", 1.0),
        },
        "centre": _plain(frozen.arrays.get("centre", [])),
        "directions": _plain(frozen.arrays.get("directions", [])),
        "gains": _plain(frozen.arrays.get("gains", [])),
        "lengths": lengths,
        "viewed": list(case.views),
        "views": _plain([unit_rows(one).astype(np.float16) for one in case.views.values()]),
        "reference_scores": _plain(head.references()),
    }


def _decision(decision: Decision, reference_scores: Sequence[float]) -> dict[str, Any]:
    below = float(np.searchsorted(np.asarray(reference_scores, np.float32), decision.typicality))
    on_edge = (
        reference_scores
        and np.abs(np.subtract(reference_scores, decision.typicality)).min() < _EDGE
    )
    return {
        "probabilities": _plain(decision.probabilities),
        "typicality": _plain(decision.typicality),
        # Rounding decides how many are below one that is equal.
        "share": None if on_edge else below / len(reference_scores) if reference_scores else 1.0,
        "neighbors": decision.keys.tolist(),
        "similarities": _plain(decision.similarities),
    }


def _plain(numbers: Any) -> Any:
    """Plain numbers as a file holds them."""
    flat = [float(f"{value:.8g}") for value in np.asarray(numbers, np.float64).ravel()]
    return flat if np.ndim(numbers) else flat[0]


def large_head() -> KNeighborsHead:
    """A head above the threshold of the sketch, which finds candidates instead of comparing all."""
    numbers = np.arange(LARGE_COUNT)
    head = KNeighborsHead()
    codes = numbers // BURST % LARGE_CLASSES
    head.partial_fit(large_vectors(numbers), codes.tolist(), classes=range(LARGE_CLASSES))
    metric = Metric(
        centre=np.full(LARGE_DIMENSION, 0.01, np.float32),
        directions=np.eye(2, LARGE_DIMENSION, dtype=np.float32),
        gains=np.array([-0.5, -0.8], np.float32),
    )
    head.adopt(Fit(metric, 0.05, np.empty(0, np.float32)))
    return head


def large_vectors(numbers: Numbers) -> Numbers:
    """Examples by their numbers, [n] → [n, d]: in bursts whose members are much alike."""
    places = np.arange(LARGE_DIMENSION)
    bursts = numbers[:, None] // BURST
    middle = random_value(bursts % LARGE_CLASSES * LARGE_DIMENSION + places)
    own = random_value(10_000 + bursts * LARGE_DIMENSION + places)
    return (
        middle + own + 0.1 * random_value(20_000_000 + numbers[:, None] * LARGE_DIMENSION + places)
    )


def random_value(seeds: Numbers) -> Numbers:
    """Numbers in -0.5..0.5 that TypeScript computes in the same way from the same whole numbers."""
    value = seeds.astype(np.uint32) * np.uint32(2654435761)
    value = (value ^ (value >> np.uint32(15))) * np.uint32(2246822519)
    value = (value ^ (value >> np.uint32(13))) * np.uint32(3266489917)
    return (value ^ (value >> np.uint32(16))) / 2**32 - 0.5


def large_told(head: KNeighborsHead) -> dict[str, Any]:
    """The large case: only how to make it, and what is decided."""
    return {
        "count": LARGE_COUNT,
        "dimension": LARGE_DIMENSION,
        "classes": LARGE_CLASSES,
        "burst": BURST,
        **_shipped(Case("", head, [], []), head),
        "queries": LARGE_QUERIES.tolist(),
        "decisions": [_decision(one, []) for one in head.decide_many(large_queries())],
    }


def large_queries() -> Numbers:
    """Members of bursts that are not among the examples."""
    places = np.arange(LARGE_DIMENSION)
    change = random_value(40_000_000 + LARGE_QUERIES[:, None] * LARGE_DIMENSION + places)
    return large_vectors(LARGE_QUERIES) + 0.1 * change


def golden_cases() -> list[dict[str, Any]]:
    """All but the large one, as the file holds them."""
    return [told(case) for case in cases()]


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    whole = {"cases": golden_cases(), "large": large_told(large_head())}
    PATH.write_text(json.dumps(whole, separators=(",", ":")) + "\n")
    VIEWS_PATH.write_text(json.dumps(golden_views(), indent=0) + "\n")
