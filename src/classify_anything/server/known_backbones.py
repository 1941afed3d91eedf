"""The backbones that a project could use: what is known of each, without opening it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from classify_anything.backbones import Backbone
from classify_anything.backbones.catalogue import BY_NAME, CATALOGUE
from classify_anything.backbones.descriptions import Description
from classify_anything.backbones.files import is_file
from classify_anything.backbones.variants import made_variants, split_precision
from classify_anything.errors import BackboneError
from classify_anything.types import Settings


@dataclass(frozen=True, slots=True)
class Known:
    """A backbone, opened or not.

    Attributes:
        name: what ``load_backbone`` takes.
        title: for people.
        here: whether it can be opened without being fetched.
        dimension: of an embedding; 0 where that is not known.
        of: what the catalogue says of it; None of a file.
    """

    name: str
    title: str
    here: bool
    dimension: int
    of: Description | None


def name_of(backbone: Backbone) -> str:
    """What tells an open backbone apart from all others."""
    return backbone.opened_as or f"{backbone.name} ({backbone.fingerprint})"


def known_backbones(
    used: Backbone, settings: Settings, compared: Iterable[str] = ()
) -> list[Known]:
    """Files that the project looks with, did, or was compared with; then the catalogue.

    Beside those of the catalogue stands what was made of them. Files that are gone are left out,
    but for the one that the project remembers.
    """
    names = [one.name for one in CATALOGUE]
    names += [variant.full_name for variant in made_variants() if _described(variant.name)]
    own = [name_of(used), settings.backbone, *settings.former, *compared]
    found = {name: _known(name, used) for name in dict.fromkeys((*names, *own)) if name}
    gone = [one for one in found.values() if one.of is None and not one.here]
    for one in gone:
        if one.name not in own[:2]:
            del found[one.name]
    places = {description.name: place for place, description in enumerate(CATALOGUE)}
    return sorted(found.values(), key=lambda one: places[one.of.name] if one.of else -1)


def _known(name: str, used: Backbone) -> Known:
    if name == name_of(used):
        of = _described(split_precision(used.opened_as)[0])
        return Known(name, used.name, True, used.dimension, of)
    try:
        whole, precision = split_precision(name)
    except BackboneError:  # such a name was given in Python
        return Known(name, name, False, 0, None)
    of = _described(whole)
    if of is not None:
        return Known(name, name, of.is_here, of.length(whole), of)
    file = Path(whole)
    return Known(name, f"{file.stem}{precision and f'@{precision}'}", is_file(file), 0, None)


def _described(whole: str) -> Description | None:
    """What the catalogue says of a name without precision."""
    description = BY_NAME.get(whole.partition("/")[0])
    return description if description and whole in description.names else None
