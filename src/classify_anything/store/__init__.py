"""The project file in SQLite: classes, examples, and undo and redo (journal.py)."""

from classify_anything.store.labels import clean_label, same_label
from classify_anything.store.queries import COLORS
from classify_anything.store.reader import Reader
from classify_anything.store.store import Store
from classify_anything.store.values import Added, Index, NewExample, Row, Snapshot

__all__ = [
    "COLORS",
    "Added",
    "Index",
    "NewExample",
    "Reader",
    "Row",
    "Snapshot",
    "Store",
    "clean_label",
    "same_label",
]
