"""Class names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from classify_anything.constants import CONSTANTS
from classify_anything.errors import LabelError

MAX_LENGTH: int = CONSTANTS["classes"]["longest_name"]
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Characters that fonts draw as blanks."""


def clean_label(name: str) -> str:
    """Normalise a class name: Unicode NFC, and single spaces between its words.

    Raises:
        LabelError: the name has no visible character, more than 100, or control characters.
    """
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not cleaned:
        raise LabelError("A class needs a name.")
    if len(cleaned) > MAX_LENGTH:
        raise LabelError(f"Class name exceeds {MAX_LENGTH} characters: it has {len(cleaned)}.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in cleaned):
        raise LabelError("A class name must not contain control characters.")
    if not any(map(_is_visible, cleaned)):
        raise LabelError("A class name needs a visible character.")
    return cleaned


def _is_visible(character: str) -> bool:
    """Return whether a character is a visible letter, number, punctuation or symbol."""
    return unicodedata.category(character)[0] in "LNPS" and character not in _BLANK


def same_label(one: str, other: str) -> bool:
    """Return whether two cleaned names are equal except for case."""
    return one.casefold() == other.casefold()


def free_label(taken: Iterable[str]) -> str:
    """Return the first "Class N" that is not taken."""
    used = {name.casefold() for name in taken}
    number = 1
    while f"class {number}" in used:
        number += 1
    return f"Class {number}"
