"""Reads ``knowledge.bin`` back; ``knowledge_file.py`` says what is in it."""

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


@dataclass(frozen=True, slots=True)
class Read:
    """What was in the file.

    Attributes:
        header: as it was written.
        arrays: float32 numbers by name, without their form.
    """

    header: dict[str, Any]
    arrays: dict[str, Float32Array]


def read_browser_model(data: bytes) -> Read:
    """The inverse of ``write_browser_model``. Raises ExportError if it is damaged or newer."""
    if data[:4] != MAGIC or len(data) < _BEGINNING:
        raise ExportError("damaged: its knowledge.bin is not one.")
    (length,) = struct.unpack_from("<I", data, 4)
    try:
        header = json.loads(data[_BEGINNING : _BEGINNING + length])
        version, places = int(header["version"]), header["arrays"]
        if version > VERSION:
            raise ExportError(
                f"made by a newer version of Classify Anything (knowledge {version}; "
                f"this one knows {VERSION}). Update classify-anything."
            )
        count = (len(data) - _BEGINNING - length) // 4
        numbers = np.frombuffer(data, "<f4", count, _BEGINNING + length)
        arrays = {}
        levels = places.pop("levels", None)
        places.pop("views", None)  # only a page that learns needs these
        for name, place in places.items():
            start, count = int(place["start"]), int(place["length"])
            arrays[name] = numbers[start : start + count].astype(np.float32)
            if len(arrays[name]) != count:
                raise ValueError(f"{name} is cut short")
        if levels and levels["length"]:
            first = _BEGINNING + length + 4 * int(levels["start"])
            steps = np.frombuffer(data, np.int8, int(levels["length"]), first)
            dimension = int(header["backbone"]["dimension"])
            arrays["vectors"] = from_levels(steps.reshape(-1, dimension)).ravel()
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(f"damaged: its knowledge.bin cannot be read ({error}).") from error
    return Read(header, arrays)
