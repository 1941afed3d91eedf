"""Classify embeddings: k-NN scores and votes (neighbors.py), the learnt metric (metric.py)."""

from classify_anything.heads.embedding_matrix import unit_rows
from classify_anything.heads.neighbors import KNeighborsHead
from classify_anything.heads.protocol import Decision, Head, HeldOut

__all__ = ["Decision", "Head", "HeldOut", "KNeighborsHead", "unit_rows"]
