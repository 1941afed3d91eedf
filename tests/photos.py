"""Real photographs, from the packages that ship them."""

from __future__ import annotations

import io

import numpy as np
import skimage.data
from PIL import Image

PHOTOS = {
    "astronaut": skimage.data.astronaut,
    "cat": skimage.data.chelsea,
    "coffee": skimage.data.coffee,
    "rocket": skimage.data.rocket,
    "retina": skimage.data.retina,
}


def photo(name: str) -> np.ndarray:
    """One of PHOTOS, uint8 [h, w, 3] RGB."""
    return np.asarray(PHOTOS[name]())


def encoded(image: np.ndarray | Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """An image as the bytes of a file."""
    buffer = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(color: str, size: tuple[int, int] = (64, 48)) -> bytes:
    """A PNG of one colour."""
    return encoded(Image.new("RGB", size, color), "PNG")
