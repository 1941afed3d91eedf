"""A project: one SQLite file with the classes, the examples and a journal of changes."""

from classify_anything.store.labels import clean_label, same_label
from classify_anything.store.queries import COLORS, NewExample, Row
from classify_anything.store.store import Snapshot, Store

__all__ = ["COLORS", "NewExample", "Row", "Snapshot", "Store", "clean_label", "same_label"]
