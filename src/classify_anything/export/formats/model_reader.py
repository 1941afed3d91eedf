"""Read ``model.bin``, whose format ``model_file.py`` describes."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from classify_anything.errors import ExportError
from classify_anything.export.formats.int8_vectors import from_levels
from classify_anything.export.formats.model_file import MAGIC, VERSION
from classify_anything.types import Float32Array

_BEGINNING = 8

_NAMES_OF_0_1 = {"strictness": "rejection_level", "familiar": "reference_scores"}


@dataclass(frozen=True, slots=True)
class Read:
    """The contents of the file.

    Attributes:
        header: the JSON object.
        arrays: float32 numbers by name, flat.
    """

    header: dict[str, Any]
    arrays: dict[str, Float32Array]


def read_browser_model(data: bytes) -> Read:
    """Invert ``write_browser_model``. Raises ExportError if the file is damaged or newer."""
    if data[:4] != MAGIC or len(data) < _BEGINNING:
        raise ExportError("damaged: invalid model.bin.")
    (length,) = struct.unpack_from("<I", data, 4)
    try:
        header = json.loads(data[_BEGINNING : _BEGINNING + length])
        header = {_NAMES_OF_0_1.get(name, name): value for name, value in header.items()}
        version, places = int(header["version"]), header["arrays"]
        if version > VERSION:
            raise ExportError(
                f"made by a newer version of Classify Anything (model {version}; "
                f"this version supports {VERSION}). Update classify-anything."
            )
        count = (len(data) - _BEGINNING - length) // 4
        numbers = np.frombuffer(data, "<f4", count, _BEGINNING + length)
        arrays = {}
        levels = places.pop("levels", None)
        places.pop("views", None)  # only a page that learns needs these
        for name, place in places.items():
            start, count = int(place["start"]), int(place["length"])
            found = numbers[start : start + count].astype(np.float32)
            arrays[_NAMES_OF_0_1.get(name, name)] = found
            if len(found) != count:
                raise ValueError(f"{name} is truncated")
        if levels and levels["length"]:
            first = _BEGINNING + length + 4 * int(levels["start"])
            steps = np.frombuffer(data, np.int8, int(levels["length"]), first)
            dimension = int(header["backbone"]["dimension"])
            arrays["vectors"] = from_levels(steps.reshape(-1, dimension)).ravel()
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(f"damaged: invalid model.bin ({error}).") from error
    return Read(header, arrays)
