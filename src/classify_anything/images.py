"""Convert any image to an upright uint8 RGB square.

The page (``web/src/lib/camera/camera.ts``) crops in the same way: the centre square, scaled
bilinearly to the backbone's size, never stretched or mirrored.
"""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from classify_anything.errors import ImageError
from classify_anything.types import UInt8Array

ImageInput = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[np.uint8]

MAX_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
_READABLE = ".apng .bmp .gif .jfif .jpe .jpeg .jpg .mpo .png .tif .tiff .webp"
ENDINGS = (*_READABLE.split(), ".avif", ".heic", ".heif")
"""Extensions of image files; reading one of the last three raises an error that explains why."""

THUMBNAIL_SIZE = 160
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # several JPEGs in one file, written by phones; the first is used
    "PNG": "image/png",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
}
_UNSUPPORTED_FORMATS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"hevc": "HEIC",
    b"mif1": "HEIC",
    b"msf1": "HEIC",
}
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that makes a picture upright, by its EXIF orientation."""
_QUARTER_TURNS = [_TURNS[orientation] for orientation in (5, 6, 7, 8)]

_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image, and its encoded bytes.

    Attributes:
        data: the original bytes; a PNG for a PIL image or an array.
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
    """Decode an image, and keep its bytes; ``name`` is for messages. Raises ImageError."""
    if isinstance(image, Picture):
        return replace(image, square=to_square(image, size))
    if isinstance(image, str | os.PathLike | bytes):
        data, known_as = read_bytes(image)
        upright, (width, height), media_type = _decode(data, name or known_as, size)
        return Picture(data, media_type, width, height, _square(upright, size))
    upright = _from_memory(image, name)
    buffer = io.BytesIO()
    upright.save(buffer, "PNG", compress_level=1)
    square = _square(upright, size)
    return Picture(buffer.getvalue(), "image/png", upright.width, upright.height, square)


def to_square(image: ImageInput | Picture, size: int) -> UInt8Array:
    """Convert any image to uint8 [size, size, 3] RGB. Raises ImageError."""
    if isinstance(image, Picture):
        return image.square if len(image.square) == size else to_square(image.data, size)
    if isinstance(image, str | os.PathLike | bytes):
        upright, _, _ = _decode(*read_bytes(image), size)
        return _square(upright, size)
    return _square(_from_memory(image), size)


def thumbnail(data: bytes, size: int = THUMBNAIL_SIZE) -> bytes:
    """Convert image bytes to a square JPEG of ``size`` pixels. Raises ImageError."""
    buffer = io.BytesIO()
    Image.fromarray(to_square(data, size)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def tiny(data: bytes, size: int, quality: int, effort: int) -> bytes:
    """Convert image bytes to a square WebP, half as large as a JPEG. Raises ImageError.

    An ``effort`` of 3 takes twice as long as 2, and saves another 5 %.
    """
    buffer = io.BytesIO()
    Image.fromarray(to_square(data, size)).save(buffer, "WEBP", quality=quality, method=effort)
    return buffer.getvalue()


def _decode(data: bytes, name: str, size: int) -> tuple[Image.Image, tuple[int, int], str]:
    """Decode an upright RGB picture, and return it with its original size and media type.

    A JPEG at least twice as large as ``size`` may be decoded at a smaller scale, but not below
    ``size``, which takes half the time or less.

    Raises:
        ImageError: empty, unsupported, truncated, damaged, or over 100 megapixels.
    """
    if not data:
        raise ImageError(f"{name}: empty.")
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name}: exceeds the limit of {MAX_BYTES // 2**20} MB.")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise ImageError(
                f"{name}: {width}×{height} pixels exceed the limit of "
                f"{MAX_PIXELS // 10**6} megapixels."
            )
        short = min(width, height)
        if short >= 2 * size:
            wanted = math.ceil(width * size / short), math.ceil(height * size / short)
            picture.draft("RGB", wanted)
        upright = _upright_rgb(picture)
        if _turn(picture) in _QUARTER_TURNS:
            width, height = height, width
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_unknown(data)}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{name}: exceeds the limit of {MAX_PIXELS // 10**6} megapixels."
        ) from error
    except Exception as error:  # Pillow's decoders raise anything on damaged files
        raise ImageError(f"{name}: damaged or truncated ({_one_line(error)}).") from error
    return upright, (width, height), MEDIA_TYPES[picture.format or ""]


def read_bytes(image: str | os.PathLike[str] | bytes) -> tuple[bytes, str]:
    """Return the bytes of an image file, and a name for messages. Raises ImageError."""
    if isinstance(image, bytes):
        return image, "the image"
    path = Path(image)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(f"{path}: exceeds the limit of {MAX_BYTES // 2**20} MB.")
        return path.read_bytes(), str(path)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror or error}.") from error


def _unknown(data: bytes) -> str:
    """Return why an image cannot be read, and the remedy."""
    if data[4:8] == b"ftyp" and data[8:12] in _UNSUPPORTED_FORMATS:
        kind = _UNSUPPORTED_FORMATS[data[8:12]]
        return f"{kind} is not supported; convert the image to JPEG."
    return f"not a supported image ({', '.join(FORMATS)})."


def _square(upright: Image.Image, size: int) -> UInt8Array:
    """Crop the centre square, and scale it to uint8 [size, size, 3] RGB."""
    width, height = upright.size
    if (width, height) != (size, size):
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        upright = upright.crop((left, top, left + side, top + side))
        upright = upright.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(upright)


def _from_memory(
    image: Image.Image | npt.NDArray[np.uint8], name: str | None = None
) -> Image.Image:
    name = name or "the image"
    if isinstance(image, Image.Image):
        if 0 in image.size:
            raise ImageError(f"{name}: has no pixels.")
        try:
            return _upright_rgb(image)
        except Exception as error:  # a lazily read file may be damaged
            raise ImageError(f"{name}: damaged or truncated ({_one_line(error)}).") from error
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"An image must be a path, bytes, a PIL image or an array, not {type(image).__name__}."
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            f"An array must be uint8 [height, width, 3] RGB, not {image.dtype} {list(image.shape)}."
        )
    return Image.fromarray(image)


def _upright_rgb(picture: Image.Image) -> Image.Image:
    """Decode to RGB, apply the EXIF rotation, and replace transparency by white."""
    picture.load()
    turn = _turn(picture)
    if turn is not None:
        picture = picture.transpose(turn)
    if picture.mode == "RGB":
        return picture
    if picture.mode in _SIXTEEN_BIT:
        eight_bit = (np.asarray(picture) >> 8).clip(0, 255).astype(np.uint8)
        return Image.fromarray(eight_bit).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _turn(picture: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - the picture may be intact even if its EXIF is damaged
        return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
