"""The input and output of a network, from a TOML beside its file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from classify_anything.errors import BackboneError

Triple = tuple[float, float, float]

LAYOUTS = ("NCHW", "NHWC")
CHANNELS = ("RGB", "BGR")
POOLS = ("mean", "first")
MAX_SIZE = 2048
_LARGEST = 1e6

TOKENS = (
    'has three dimensions, like rows of tokens. Set `pool` in a .toml beside it to "first" (the '
    'first token) or "mean".'
)
"""The end of an error message."""

IMAGENET_CLASSES = (1000, 1001)
"""Output sizes of ImageNet classifiers, without and with a background class."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Information that a file may lack; None means from the file, or a default.

    Attributes:
        name: to show (default: the name of the file).
        license: of the weights, to show.
        input: the input that takes the image.
        layout: "NCHW" or "NHWC".
        size: the image's height and width, in pixels.
        channels: "RGB" or "BGR".
        mean, std: a pixel p, from 0 to 255, becomes (p - mean) / std, per channel.
        output: the name of an output or an inner tensor, or its number in a .tflite.
        pool: how to reduce an output of three dimensions to one row: the "mean" of its tokens, or
            the "first". A map, of four dimensions, is always averaged.
    """

    name: str | None = None
    license: str | None = None
    input: str | None = None
    layout: str | None = None
    size: int | None = None
    channels: str = "RGB"
    mean: Triple | None = None
    std: Triple | None = None
    output: str | int | None = None
    pool: str | None = None

    @property
    def identity(self) -> str:
        """The values that change embeddings."""
        skipped = ("name", "license")
        return repr([getattr(self, one.name) for one in fields(self) if one.name not in skipped])


def read_form(model: Path) -> ModelSpec | None:
    """Read the TOML of the same name beside a network's file, if any.

    Raises:
        BackboneError: the TOML is unreadable or invalid.
    """
    path = model.with_suffix(".toml")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BackboneError(f"{path}: cannot be read ({error}).") from error
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BackboneError(f"{path}: not TOML ({error}).") from error
    try:
        return parse_form(found)
    except BackboneError as error:
        raise BackboneError(f"{path}: {error}") from None


def parse_form(found: Mapping[str, Any]) -> ModelSpec:
    """Validate the contents of a TOML. Raises BackboneError."""
    for key in found:
        if key not in _READERS:
            raise BackboneError(f"unknown key '{key}'. Valid keys: {', '.join(_READERS)}.")
    return ModelSpec(**{key: _READERS[key](key, value) for key, value in found.items()})


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise BackboneError(f"'{key}' must be a text, not {value!r}.")
    if not value.isprintable():
        raise BackboneError(f"'{key}' contains non-printable characters: {value!r}.")
    return value


def _one_of(*known: str) -> Callable[[str, object], str]:
    def read(key: str, value: object) -> str:
        for one in known:
            if isinstance(value, str) and value.lower() == one.lower():
                return one
        raise BackboneError(f"'{key}' must be {' or '.join(known)}, not {value!r}.")

    return read


def _size(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_SIZE:
        raise BackboneError(f"'{key}' must be a number of pixels up to {MAX_SIZE}, not {value!r}.")
    return value


def _triple(key: str, value: object) -> Triple:
    numbers: list[Any] = value if isinstance(value, list) else [value] * 3
    if len(numbers) != 3 or not all(
        type(one) in (int, float) and abs(one) <= _LARGEST for one in numbers
    ):
        raise BackboneError(f"'{key}' must be one number or three, not {value!r}.")
    if key == "std" and 0 in numbers:
        raise BackboneError("'std' must not contain 0.")
    return (float(numbers[0]), float(numbers[1]), float(numbers[2]))


def _output(key: str, value: object) -> str | int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return _text(key, value)


_READERS: dict[str, Callable[[str, object], Any]] = {
    "name": _text,
    "license": _text,
    "input": _text,
    "layout": _one_of(*LAYOUTS),
    "size": _size,
    "channels": _one_of(*CHANNELS),
    "mean": _triple,
    "std": _triple,
    "output": _output,
    "pool": _one_of(*POOLS),
}
