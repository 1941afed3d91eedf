"""A frozen head as a part of an ONNX graph; ``heads/frozen.py`` tells how each decides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from classify_anything.formats.onnx_nodes import Nodes
from classify_anything.heads.frozen import Frozen

_TIE = 1e-6
"""Similarities that differ by less count as equal."""

_SMALLEST_DISTANCE = 1e-5
_FAMILIAR = 5
_NEVER = -1e30
"""The score of a class without examples; its probability comes out as 0."""


def head_nodes(head: Frozen, embedding: str, probabilities: str, similarity: str) -> Nodes:
    """The nodes from an embedding to a decision.

    Args:
        head: what it has learnt.
        embedding: the name of float32 [n, d]; it is made a unit vector first.
        probabilities: the name that float32 [n, classes] gets.
        similarity: the name that float32 [n], the familiarity, gets.
    """
    nodes = Nodes("head")
    unit = nodes.node("LpNormalization", embedding, axis=1, p=2)
    if head.name == "knn":
        _neighbors(nodes, head, unit, probabilities, similarity)
    elif head.name == "means":
        _means(nodes, head, unit, probabilities, similarity)
    else:
        _ridge(nodes, head, unit, probabilities, similarity)
    return nodes


def _neighbors(nodes: Nodes, head: Frozen, unit: str, probabilities: str, similarity: str) -> None:
    rows = nodes.constant("rows", head.vectors)
    similarities = nodes.node("Gemm", unit, rows, transB=1)
    chosen = _nearest(nodes, similarities, int(head.parameters["n_neighbors"]))
    codes = nodes.constant("codes", head.codes, np.int64)
    votes = nodes.constant("votes", head.arrays["votes"][head.codes])
    weights = nodes.node("Gather", votes, chosen)
    if head.parameters["weights"] == "distance":
        near = nodes.node("GatherElements", similarities, chosen, axis=1)
        distances = nodes.node("Sub", nodes.constant("one", 1), near)
        smallest = nodes.constant("smallest", _SMALLEST_DISTANCE)
        weights = nodes.node("Div", weights, nodes.node("Max", distances, smallest))
    classes = nodes.constant("classes", np.arange(len(head.taught)), np.int64)
    their_codes = nodes.node("Unsqueeze", nodes.node("Gather", codes, chosen), nodes.indices(2))
    member = nodes.node("Cast", nodes.node("Equal", their_codes, classes), to=TensorProto.FLOAT)
    weighed = nodes.node("Mul", member, nodes.node("Unsqueeze", weights, nodes.indices(2)))
    given = nodes.sum(weighed, 1, keep=False)
    nodes.node("Div", given, nodes.sum(given, 1), output=probabilities)
    best = nodes.node("ArgMax", probabilities, axis=1)
    mine = nodes.node("Equal", codes, best)
    _familiarity(nodes, head, unit, (rows, similarities, mine), similarity)


def _nearest(nodes: Nodes, similarities: str, count: int) -> str:
    """The rows of the highest similarities, int64 [n, count]; of equal ones the first row."""
    tie = nodes.constant("tie", _TIE)
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


def _familiarity(
    nodes: Nodes, head: Frozen, unit: str, known: tuple[str, str, str], output: str
) -> None:
    """The mean cosine, seen from the examples' mean, to the class's most similar examples."""
    rows, similarities, mine = known
    count = min(_FAMILIAR, len(head.codes))
    others = nodes.constant("others", -2)
    highest, places = nodes.top(nodes.node("Where", mine, similarities, others), count)
    there = nodes.node("Greater", highest, nodes.constant("unlike", -1.5))
    there = nodes.node("Cast", there, to=TensorProto.FLOAT)
    mean = nodes.constant("mean", head.arrays["mean"])
    near = nodes.node("Sub", nodes.node("Gather", rows, places), mean)
    this = nodes.node("Unsqueeze", nodes.node("Sub", unit, mean), nodes.indices(2))
    products = nodes.node("MatMul", near, this)
    lengths = nodes.node("Mul", nodes.length(near, 2), nodes.length(this, 1))
    smallest = nodes.constant("smallest", _SMALLEST_DISTANCE)
    cosines = nodes.node("Div", products, nodes.node("Max", lengths, smallest))
    cosines = nodes.node("Squeeze", cosines, nodes.indices(2))
    total = nodes.sum(nodes.node("Mul", cosines, there), 1, keep=False)
    nodes.node("Div", total, nodes.sum(there, 1, keep=False), output=output)


def _means(nodes: Nodes, head: Frozen, unit: str, probabilities: str, similarity: str) -> None:
    this = nodes.node("Sub", unit, nodes.constant("centre", head.arrays["centre"]))
    direction = nodes.node("LpNormalization", this, axis=1, p=2)
    means = nodes.constant("means", head.arrays["means"])
    unlike = nodes.constant("unlike", _where_untaught(head))
    scores = nodes.node("Gemm", direction, means, unlike, transB=1)
    _softmax(nodes, head, scores, probabilities)
    best, _ = nodes.top(scores, 1)
    nodes.node("Squeeze", best, nodes.indices(1), output=similarity)


def _ridge(nodes: Nodes, head: Frozen, unit: str, probabilities: str, similarity: str) -> None:
    linear = nodes.constant("linear", head.arrays["linear"])
    offsets = nodes.constant("offsets", head.arrays["offsets"])
    scores = nodes.node("Gemm", unit, linear, offsets, transB=1)
    unlike = nodes.constant("unlike", _where_untaught(head))
    possible = nodes.node("Add", scores, unlike)
    _softmax(nodes, head, possible, probabilities)
    root = nodes.constant("root", _root(head.vectors, float(head.parameters["penalty"])))
    explained = nodes.node("Gemm", unit, root, transB=1)
    explained = nodes.sum(nodes.node("Mul", explained, explained), 1, keep=False)
    variance = nodes.node("Sub", nodes.constant("one", 1), explained)
    found = nodes.node("Mul", variance, nodes.constant("minus_three", -3))
    if head.taught.sum() > 1:
        shares = nodes.node("Div", scores, nodes.constant("heights", head.arrays["heights"]))
        highest, _ = nodes.top(nodes.node("Add", shares, unlike), 2)
        signs = nodes.constant("two_leads", [2, -2])
        lead = nodes.sum(nodes.node("Mul", highest, signs), 1, keep=False)
        found = nodes.node("Add", found, lead)
    nodes.node("Identity", found, output=similarity)


def _root(vectors: npt.NDArray[np.float32], penalty: float) -> npt.NDArray[np.float32]:
    """R [r, d], with r the lesser of n and d, such that |R u|² is k · inverse · k.

    The inverse is (vectors · vectorsᵀ + penalty)⁻¹ and k is vectors · u. Float32 products with the
    inverse itself would lose four digits, since its entries are large and cancel out.
    """
    rows = vectors.astype(np.float64)
    n, d = rows.shape
    gram = rows @ rows.T if n <= d else rows.T @ rows
    values, turned = np.linalg.eigh(gram)
    values = np.maximum(values, 0)
    directions = turned.T @ rows if n <= d else turned.T * np.sqrt(values)[:, None]
    return np.asarray(directions / np.sqrt(values + penalty)[:, None], np.float32)


def _softmax(nodes: Nodes, head: Frozen, scores: str, output: str) -> None:
    temperature = nodes.constant("temperature", float(head.parameters["temperature"]))
    nodes.node("Softmax", nodes.node("Div", scores, temperature), axis=1, output=output)


def _where_untaught(head: Frozen) -> npt.NDArray[np.float32]:
    return np.where(head.taught, 0, _NEVER).astype(np.float32)
