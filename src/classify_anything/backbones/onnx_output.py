"""Select one output of a graph."""

from __future__ import annotations

import onnx
from onnx.utils import Extractor


def with_output(graph: bytes, output: str) -> bytes:
    """Return the part of a graph from ``image`` to an output, renamed to ``embedding``."""
    model = Extractor(onnx.load_from_string(graph)).extract_model(["image"], [output])
    for node in model.graph.node:
        node.output[:] = ["embedding" if name == output else name for name in node.output]
    model.graph.output[0].name = "embedding"
    kept: bytes = model.SerializeToString(deterministic=True)
    return kept
