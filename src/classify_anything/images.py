"""Anything that is an image → an upright uint8 RGB square.

The crop is one rule, here and in the page (``web/src/lib/camera.ts``): the centre square, then
bilinear to the backbone's size. Nothing is ever stretched, nothing is mirrored.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from classify_anything.errors import ImageError
from classify_anything.types import UInt8Array

ImageInput = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[np.uint8]

MAX_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
THUMBNAIL_SIZE = 160
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # several JPEGs in one file, as phones write; the first counts
    "PNG": "image/png",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
}
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)
"""EXIF orientations whose rows are the picture's columns."""

_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image together with the bytes to keep of it.

    Attributes:
        data: the bytes as they were given; of a PIL image or an array, a PNG.
        media_type: of ``data``.
        width, height: upright, in pixels.
        square: uint8 [size, size, 3] RGB.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    square: UInt8Array


def read_picture(image: ImageInput | Picture, size: int, name: str | None = None) -> Picture:
    """Decode an image, keeping its bytes; ``name`` is for messages. Raises ImageError."""
    if isinstance(image, Picture):
        return image
    if isinstance(image, str | os.PathLike | bytes):
        data, known_as = read_bytes(image)
        decoded, (width, height) = _open(data, name or known_as, size)
        if decoded.getexif().get(_ORIENTATION, 1) in _LYING:
            width, height = height, width
        media_type = MEDIA_TYPES[decoded.format or ""]
        return Picture(data, media_type, width, height, _square(_upright_rgb(decoded), size))
    upright = _upright_rgb(_from_memory(image))
    buffer = io.BytesIO()
    upright.save(buffer, "PNG", compress_level=1)
    square = _square(upright, size)
    return Picture(buffer.getvalue(), "image/png", upright.width, upright.height, square)


def to_square(image: ImageInput | Picture, size: int) -> UInt8Array:
    """Any image → uint8 [size, size, 3] RGB. Raises ImageError."""
    if isinstance(image, Picture):
        return image.square
    if isinstance(image, str | os.PathLike | bytes):
        decoded, _ = _open(*read_bytes(image), size)
        return _square(_upright_rgb(decoded), size)
    return _square(_upright_rgb(_from_memory(image)), size)


def thumbnail(data: bytes, size: int = THUMBNAIL_SIZE) -> bytes:
    """Image bytes → the bytes of a square JPEG of ``size`` pixels. Raises ImageError."""
    buffer = io.BytesIO()
    Image.fromarray(to_square(data, size)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _open(data: bytes, name: str, size: int) -> tuple[Image.Image, tuple[int, int]]:
    """Decode image bytes, whole, without turning or converting them; gives the full size too.

    A JPEG whose short side is twice ``size`` or more may come out smaller, but not below ``size``:
    its decoder then takes every 8×8 block as a smaller one, which costs half the time and less.

    Raises:
        ImageError: empty, unknown, truncated, damaged, or over 100 million pixels.
    """
    if not data:
        raise ImageError(f"{name}: empty.")
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name}: larger than {MAX_BYTES // 2**20} MB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            if picture.width * picture.height > MAX_PIXELS:
                raise ImageError(
                    f"{name}: {picture.width}×{picture.height} pixels; "
                    f"at most {MAX_PIXELS // 10**6} million are read."
                )
            full_size = picture.size
            short = min(full_size)
            if short >= 2 * size:
                width, height = (math.ceil(side * size / short) for side in full_size)
                picture.draft("RGB", (width, height))
            picture.load()
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_unknown(data)}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{name}: at most {MAX_PIXELS // 10**6} million pixels are read."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{name}: damaged or cut short ({error}).") from error
    return picture, full_size


def read_bytes(image: str | os.PathLike[str] | bytes) -> tuple[bytes, str]:
    """The bytes of an image file, and a name for messages. Raises ImageError."""
    if isinstance(image, bytes):
        return image, "the image"
    path = Path(image)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(f"{path}: larger than {MAX_BYTES // 2**20} MB.")
        return path.read_bytes(), str(path)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror or error}.") from error


def _unknown(data: bytes) -> str:
    """Why an image is not read, and what to do."""
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return "a HEIC picture; save it as JPEG and take that."
    return f"not an image this program reads ({', '.join(FORMATS)})."


def _square(upright: Image.Image, size: int) -> UInt8Array:
    """Cut the centre square and scale it to uint8 [size, size, 3] RGB."""
    width, height = upright.size
    if (width, height) != (size, size):
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        upright = upright.crop((left, top, left + side, top + side))
        upright = upright.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(upright)


def _from_memory(image: Image.Image | npt.NDArray[np.uint8]) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"An image is a path, bytes, a PIL image or an array, not {type(image).__name__}."
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            f"An array must be uint8 [height, width, 3] RGB, not {image.dtype} {list(image.shape)}."
        )
    return Image.fromarray(image)


def _upright_rgb(picture: Image.Image) -> Image.Image:
    """Apply the EXIF rotation and give RGB; transparency is laid on white."""
    if picture.getexif().get(_ORIENTATION, 1) != 1:
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == "RGB":
        return picture
    if picture.mode in _SIXTEEN_BIT:
        return Image.fromarray((np.asarray(picture) >> 8).clip(0, 255).astype(np.uint8)).convert(
            "RGB"
        )
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")
