"""Heads: what decides, by comparing an embedding with the examples."""

from classify_anything.heads.neighbors import KNeighborsHead
from classify_anything.heads.protocol import Decision, Head, HeldOut
from classify_anything.heads.rows import unit_rows

__all__ = [
    "Decision",
    "Head",
    "HeldOut",
    "KNeighborsHead",
    "unit_rows",
]
