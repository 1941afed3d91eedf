"""The page's heads and the exported graphs decide as the Python heads do; see ``golden.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify_anything.export.formats.onnx_graph import head_alone
from classify_anything.export.formats.onnx_session import Head
from classify_anything.heads import KNeighborsHead
from tests import golden

FILE: dict[str, Any] = json.loads(golden.PATH.read_text())
CLOSE = 1e-5

STALE = "web/src/lib/browser/golden/head.json is stale. Run: python -m tests.golden"
ANY_SIGN = "directions"
"""Their signs, and their order among equals, depend on the processor; decisions do not."""


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        keys = expected.keys() - {ANY_SIGN}
        return found.keys() == expected.keys() and all(
            same(found[key], expected[key]) for key in keys
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float):
        return bool(found == pytest.approx(expected, abs=CLOSE))
    return bool(found == expected)


@pytest.fixture(scope="module")
def large() -> KNeighborsHead:
    return golden.large_head()


def test_the_file_is_what_the_heads_decide_now(large: KNeighborsHead) -> None:
    now = json.loads(json.dumps(golden.golden_cases()))
    stale = [new["name"] for new, old in zip(now, FILE["cases"], strict=True) if not same(new, old)]
    assert stale == [], STALE
    assert same(json.loads(json.dumps(golden.large_told(large))), FILE["large"]), STALE


def compare(head: KNeighborsHead, queries: Any, decisions: list[dict[str, Any]]) -> None:
    graph = Head(Path("head.onnx"), head_alone(head.freeze()).SerializeToString())
    answers = graph.decide(np.asarray(queries, np.float32))
    expected = [one["probabilities"] for one in decisions]
    np.testing.assert_allclose(answers.probabilities, expected, atol=1e-4)
    expected = [one["typicality"] for one in decisions]
    np.testing.assert_allclose(answers.similarity, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("case", "told"),
    list(zip(golden.cases(), FILE["cases"], strict=True)),
    ids=[told["name"] for told in FILE["cases"]],
)
def test_an_exported_graph_decides_as_the_file_says(
    case: golden.Case, told: dict[str, Any]
) -> None:
    for (_, head), step in zip(golden.play(case), told["steps"], strict=True):
        compare(head, step["queries"], step["decisions"])


def test_an_exported_graph_compares_all_where_python_compares_candidates(
    large: KNeighborsHead,
) -> None:
    compare(large, golden.large_queries(), FILE["large"]["decisions"])
