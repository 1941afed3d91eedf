"""Convert a head to nodes of an ONNX graph; ``heads/parameters.py`` defines how it decides."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from classify_anything.export.formats.onnx_nodes import Nodes
from classify_anything.heads.metric import SMALLEST_LENGTH, Metric
from classify_anything.heads.neighbors import SMALLEST_DISTANCE, TIE, TYPICAL_NEIGHBORS
from classify_anything.heads.parameters import HeadParameters

_NEVER = -1e30
"""The score of a class without examples, which makes its probability 0."""


def head_nodes(head: HeadParameters, embedding: str, probabilities: str, similarity: str) -> Nodes:
    """Return the nodes from an embedding to a decision.

    Args:
        head: the parameters of the head.
        embedding: the name of the input, float32 [n, d] of any length.
        probabilities: the name for the output float32 [n, classes].
        similarity: the name for the output float32 [n], the typicality.
    """
    nodes = Nodes("head")
    unit = nodes.node("LpNormalization", embedding, axis=1, p=2)
    decide = _adaptive if head.name == "adaptive" else _votes
    decide(nodes, head, unit, probabilities, similarity)
    return nodes


def _adaptive(
    nodes: Nodes, head: HeadParameters, unit: str, probabilities: str, similarity: str
) -> None:
    arrays, count = head.arrays, int(head.parameters["n_neighbors"])
    metric = Metric(arrays["centre"], arrays["directions"], arrays["gains"])
    query = nodes.node("Sub", unit, nodes.constant("centre", metric.centre))
    if len(metric.directions):
        # Two thin products: the full matrix would add 6.5 MB at 1,280 dimensions.
        directions = nodes.constant("directions", metric.directions)
        parts = nodes.node("Gemm", query, directions, transB=1)
        parts = nodes.node("Mul", parts, nodes.constant("gains", metric.gains))
        query = nodes.node("Add", query, nodes.node("MatMul", parts, directions))
    smallest = nodes.constant("smallest", SMALLEST_LENGTH)
    query = nodes.node("Div", query, nodes.node("Max", nodes.length(query, 1), smallest))
    rows = nodes.constant("rows", metric.apply(head.vectors))
    similarities = nodes.node("Gemm", query, rows, transB=1)
    # The rows of each class, padded with the index of an additional row.
    sizes = np.bincount(head.codes, minlength=len(head.taught))
    places = np.full((len(sizes), int(sizes.max())), len(head.codes))
    for code, size in enumerate(sizes):
        places[code, :size] = np.flatnonzero(head.codes == code)
    padded = nodes.node("Pad", similarities, nodes.indices(0, 0, 0, 1), nodes.constant("low", -2))
    by_class = nodes.node("Gather", padded, nodes.constant("places", places, np.int64), axis=1)
    best, _ = nodes.top(by_class, min(count, places.shape[1]), axis=2)
    there = nodes.node("Greater", best, nodes.constant("unlike", -1.5))
    there = nodes.node("Cast", there, to=TensorProto.FLOAT)
    total = nodes.sum(nodes.node("Mul", best, there), 2, keep=False)
    numbers = nodes.constant("numbers", np.clip(sizes, 1, count))
    untaught = nodes.constant("untaught", np.where(head.taught, 0, _NEVER))
    scores = nodes.node("Add", nodes.node("Div", total, numbers), untaught)
    temperature = nodes.constant("temperature", float(head.parameters["temperature"]))
    nodes.node("Softmax", nodes.node("Div", scores, temperature), axis=1, output=probabilities)
    highest, _ = nodes.top(scores, 1)
    nodes.node("Squeeze", highest, nodes.indices(1), output=similarity)


def _votes(
    nodes: Nodes, head: HeadParameters, unit: str, probabilities: str, similarity: str
) -> None:
    rows = nodes.constant("rows", head.vectors)
    similarities = nodes.node("Gemm", unit, rows, transB=1)
    chosen = _nearest(nodes, similarities, int(head.parameters["n_neighbors"]))
    codes = nodes.constant("codes", head.codes, np.int64)
    votes = nodes.constant("votes", head.arrays["votes"][head.codes])
    weights = nodes.node("Gather", votes, chosen)
    if head.parameters["weights"] == "distance":
        near = nodes.node("GatherElements", similarities, chosen, axis=1)
        distances = nodes.node("Sub", nodes.constant("one", 1), near)
        smallest = nodes.constant("smallest", SMALLEST_DISTANCE)
        weights = nodes.node("Div", weights, nodes.node("Max", distances, smallest))
    classes = nodes.constant("classes", np.arange(len(head.taught)), np.int64)
    their_codes = nodes.node("Unsqueeze", nodes.node("Gather", codes, chosen), nodes.indices(2))
    member = nodes.node("Cast", nodes.node("Equal", their_codes, classes), to=TensorProto.FLOAT)
    weighed = nodes.node("Mul", member, nodes.node("Unsqueeze", weights, nodes.indices(2)))
    totals = nodes.sum(weighed, 1, keep=False)
    nodes.node("Div", totals, nodes.sum(totals, 1), output=probabilities)
    best = nodes.node("ArgMax", probabilities, axis=1)
    mine = nodes.node("Equal", codes, best)
    _typicality(nodes, head, unit, (rows, similarities, mine), similarity)


def _nearest(nodes: Nodes, similarities: str, count: int) -> str:
    """Return the rows with the highest similarities, int64 [n, count]; the first of equal ones."""
    tie = nodes.constant("tie", TIE)
    highest, _ = nodes.top(similarities, count)
    last = nodes.node("Gather", highest, nodes.indices(count - 1), axis=1)
    near = nodes.node("GreaterOrEqual", similarities, nodes.node("Sub", last, tie))
    if count > 1:
        # A row's rank is the number of clear gaps above it.
        higher = nodes.node("Gather", highest, nodes.indices(*range(count - 1)), axis=1)
        lower = nodes.node("Gather", highest, nodes.indices(*range(1, count)), axis=1)
        gaps = nodes.node("Greater", nodes.node("Sub", higher, lower), tie)
        axis = nodes.indices(1)
        each = nodes.node("Unsqueeze", similarities, nodes.indices(2))
        below = nodes.node("LessOrEqual", each, nodes.node("Unsqueeze", lower, axis))
        counted = nodes.node("And", below, nodes.node("Unsqueeze", gaps, axis))
        rank = nodes.sum(nodes.node("Cast", counted, to=TensorProto.FLOAT), 2, keep=False)
        order = nodes.node("Neg", rank)
    else:
        order = nodes.constant("first", 0)
    far = nodes.constant("far", -1 - count)
    _, chosen = nodes.top(nodes.node("Where", near, order, far), count)
    return chosen


def _typicality(
    nodes: Nodes, head: HeadParameters, unit: str, known: tuple[str, str, str], output: str
) -> None:
    """Add the mean cosine, from the examples' mean, to the class's most similar examples."""
    rows, similarities, mine = known
    count = min(TYPICAL_NEIGHBORS, len(head.codes))
    others = nodes.constant("others", -2)
    highest, places = nodes.top(nodes.node("Where", mine, similarities, others), count)
    there = nodes.node("Greater", highest, nodes.constant("unlike", -1.5))
    there = nodes.node("Cast", there, to=TensorProto.FLOAT)
    mean = nodes.constant("mean", head.arrays["mean"])
    near = nodes.node("Sub", nodes.node("Gather", rows, places), mean)
    this = nodes.node("Unsqueeze", nodes.node("Sub", unit, mean), nodes.indices(2))
    products = nodes.node("MatMul", near, this)
    lengths = nodes.node("Mul", nodes.length(near, 2), nodes.length(this, 1))
    smallest = nodes.constant("smallest", SMALLEST_DISTANCE)
    cosines = nodes.node("Div", products, nodes.node("Max", lengths, smallest))
    cosines = nodes.node("Squeeze", cosines, nodes.indices(2))
    total = nodes.sum(nodes.node("Mul", cosines, there), 1, keep=False)
    nodes.node("Div", total, nodes.sum(there, 1, keep=False), output=output)
