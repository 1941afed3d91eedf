"""Augmented views of examples, whose embeddings show variation within classes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageEnhance

from classify_anything.constants import CONSTANTS
from classify_anything.types import UInt8Array

_VIEWS = CONSTANTS["views"]
VIEWS: int = _VIEWS["per_example"]
TABLE: list[list[float]] = _VIEWS["table"]
"""Per view: scale and position (x, y) of its crop, degrees, brightness, saturation, contrast."""

MOST_IN_BROWSER: int = _VIEWS["most_in_browser"]
"""Maximum number of examples with views in a page, evenly of all classes."""

_ENOUGH_RECORDINGS: int = _VIEWS["enough_recordings"]
"""With more recordings per class, the examples themselves show the variation."""
_OF_A_RECORDING: list[int] = _VIEWS["of_a_recording"]
_OF_A_CLASS: int = _VIEWS["of_a_class"]


def make_views(square: UInt8Array, sha256: str) -> UInt8Array:
    """Return 8 augmented copies, [8, s, s, 3], of a square, [s, s, 3].

    ``sha256``, of the image's bytes, selects the rows of the table, as in the browser.
    """
    first = int(sha256[:2], 16) * VIEWS % len(TABLE)
    picture = Image.fromarray(square)
    fill = tuple(round(mean) for mean in square.mean((0, 1)))
    return np.stack([_view(picture, fill, *row) for row in TABLE[first : first + VIEWS]])


def _view(
    picture: Image.Image,
    fill: tuple[int, ...],
    scale: float,
    x: float,
    y: float,
    degrees: float,
    brightness: float,
    saturation: float,
    contrast: float,
) -> UInt8Array:
    """Crop a picture, rotate the crop about its centre, and change its colours."""
    size, half = picture.width, picture.width / 2
    cos, sin = (scale * turn(math.radians(degrees)) for turn in (math.cos, math.sin))
    center_x, center_y = (size * (place * (1 - scale) + scale / 2) for place in (x, y))
    left, top = center_x - half * (cos + sin), center_y - half * (cos - sin)
    view = picture.transform(
        picture.size,
        Image.Transform.AFFINE,
        (cos, sin, left, -sin, cos, top),
        Image.Resampling.BILINEAR,
        fillcolor=fill,
    )
    view = ImageEnhance.Brightness(view).enhance(brightness)
    view = ImageEnhance.Color(view).enhance(saturation)
    return np.asarray(ImageEnhance.Contrast(view).enhance(contrast))


def wanted_views(class_ids: Sequence[int], keys: Sequence[int], groups: Sequence[int]) -> list[int]:
    """Return the keys of the examples that need views, oldest first.

    These are the 1st, 5th, 9th and 13th example of each class and recording (a group), at most 20
    per class. A growing recording never changes the choice of older examples.
    """
    recordings = set(zip(class_ids, groups, strict=True))
    if len(recordings) > _ENOUGH_RECORDINGS * len(set(class_ids)):
        return []
    wanted = list[int]()
    counts, chosen = Counter[tuple[int, int]](), Counter[int]()
    for key, class_id, group in sorted(zip(keys, class_ids, groups, strict=True)):
        if counts[class_id, group] in _OF_A_RECORDING and chosen[class_id] < _OF_A_CLASS:
            wanted.append(key)
            chosen[class_id] += 1
        counts[class_id, group] += 1
    return wanted
