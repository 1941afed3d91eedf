"""What decides: a head compares an embedding with the examples."""

from classify_anything.heads.neighbors import KNeighborsHead
from classify_anything.heads.protocol import Decision, Head

__all__ = ["Decision", "Head", "KNeighborsHead"]
