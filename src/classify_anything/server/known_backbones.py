"""The backbones available to a project, described without opening them."""

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
        name: the argument for ``load_backbone``.
        title: display name.
        here: whether it can be opened without a download.
        dimension: of an embedding; 0 if unknown.
        of: its catalogue entry; None for a file.
    """

    name: str
    title: str
    here: bool
    dimension: int
    of: Description | None


def name_of(backbone: Backbone) -> str:
    """Return a name that identifies an open backbone."""
    return backbone.opened_as or f"{backbone.name} ({backbone.fingerprint})"


def known_backbones(
    used: Backbone, settings: Settings, compared: Iterable[str] = ()
) -> list[Known]:
    """Return the files that the project uses, used or compared; then the catalogue.

    Catalogue entries include the variants made from them. Missing files are omitted, except for
    the one that the project remembers.
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
    except BackboneError:  # a name set from Python
        return Known(name, name, False, 0, None)
    of = _described(whole)
    if of is not None:
        return Known(name, name, of.is_here, of.length(whole), of)
    file = Path(whole)
    return Known(name, f"{file.stem}{precision and f'@{precision}'}", is_file(file), 0, None)


def _described(whole: str) -> Description | None:
    """Return the catalogue entry for a name without precision."""
    description = BY_NAME.get(whole.partition("/")[0])
    return description if description and whole in description.names else None
