"""What decides: a head compares an embedding with the examples."""

from classify_anything.heads.neighbors import KNeighborsHead
from classify_anything.heads.protocol import Decision, Head
from classify_anything.heads.rows import unit_rows

__all__ = ["Decision", "Head", "KNeighborsHead", "unit_rows"]
