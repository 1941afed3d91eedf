"""What a class may be called."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from classify_anything.constants import CONSTANTS
from classify_anything.errors import LabelError

MAX_LENGTH: int = CONSTANTS["classes"]["longest_name"]
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and a sign that are drawn as nothing."""


def clean_label(name: str) -> str:
    """Normalise a class name: Unicode NFC, and single spaces between its words.

    Raises:
        LabelError: nothing of it can be seen, it is longer than 100 characters, or has control
            characters.
    """
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not cleaned:
        raise LabelError("A class needs a name.")
    if len(cleaned) > MAX_LENGTH:
        raise LabelError(
            f"A class name has at most {MAX_LENGTH} characters; this has {len(cleaned)}."
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in cleaned):
        raise LabelError("A class name cannot have control characters.")
    if not any(map(_is_seen, cleaned)):
        raise LabelError("A class needs a name that can be seen.")
    return cleaned


def _is_seen(character: str) -> bool:
    """Whether it is a letter, a number, punctuation or a symbol that leaves a mark."""
    return unicodedata.category(character)[0] in "LNPS" and character not in _BLANK


def same_label(one: str, other: str) -> bool:
    """Whether two cleaned names mean the same class: they differ at most in case."""
    return one.casefold() == other.casefold()


def free_label(taken: Iterable[str]) -> str:
    """The first "Class N" that is not taken."""
    used = {name.casefold() for name in taken}
    number = 1
    while f"class {number}" in used:
        number += 1
    return f"Class {number}"
