"""Synthetic images with the statistics of photographs, as a calibration set for quantization.

Photographs have amplitudes of 1/f at frequency f, correlated channels, and edges. These images are
clouds of that kind behind a few plain shapes. The benchmarks measure networks calibrated with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from classify_anything.types import UInt8Array

_Floats = npt.NDArray[np.floating[Any]]


def photograph_like(count: int, size: int) -> UInt8Array:
    """Return uint8 [count, size, size, 3] RGB, reproducibly."""
    random = np.random.default_rng(0)
    return np.stack([_picture(random, size) for _ in range(count)])


def _picture(random: np.random.Generator, size: int) -> UInt8Array:
    steepness = random.uniform(1, 1.6)
    shared = _cloud(random, size, steepness)
    channels = [shared + 0.5 * _cloud(random, size, steepness) for _ in range(3)]
    contrast, colour = random.uniform(30, 70), random.uniform(60, 190, 3)
    picture = contrast * np.stack(channels, axis=2) / np.sqrt(1.25) + colour
    for _ in range(random.integers(2, 9)):
        _draw_shape(random, picture)
    return np.asarray(picture.clip(0, 255), np.uint8)


def _cloud(random: np.random.Generator, size: int, steepness: float) -> _Floats:
    """Return [size, size] with mean 0, deviation 1 and amplitudes of 1/f to the steepness."""
    along = np.fft.fftfreq(size)
    frequency = np.hypot(along[:, None], along[None])
    frequency[0, 0] = 1 / size
    spectrum = np.fft.fft2(random.standard_normal((size, size))) / frequency**steepness
    cloud = np.fft.ifft2(spectrum).real
    return np.asarray((cloud - cloud.mean()) / cloud.std())


def _draw_shape(random: np.random.Generator, picture: _Floats) -> None:
    """Draw a rotated ellipse or rectangle in a shaded colour over part of a picture."""
    size = len(picture)
    centre, angle = random.uniform(0, size, 2), random.uniform(0, np.pi)
    half = random.uniform(0.04, 0.3, 2) * size
    y, x = np.mgrid[:size, :size] - centre[:, None, None]
    across = (x * np.cos(angle) + y * np.sin(angle)) / half[0]
    along = (y * np.cos(angle) - x * np.sin(angle)) / half[1]
    round_ = random.random() < 0.5
    inside = np.hypot(across, along) < 1 if round_ else np.maximum(abs(across), abs(along)) < 1
    colour, clear = random.uniform(0, 255, 3), random.uniform(0, 0.4)
    shade = across[inside][:, None] * random.uniform(-30, 30)
    picture[inside] = picture[inside] * clear + colour * (1 - clear) + shade
