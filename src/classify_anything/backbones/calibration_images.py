"""Made pictures that are to a network what photographs are: they tell the range of its numbers.

Photographs have much of the coarse and little of the fine: an amplitude of 1/f at the frequency f,
and channels that go together; and they have edges. So these are clouds of that kind, with a few
plain shapes before them. The benchmarks say how well a network does that was calibrated with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from classify_anything.types import UInt8Array

_Floats = npt.NDArray[np.floating[Any]]


def photograph_like(count: int, size: int) -> UInt8Array:
    """uint8 [count, size, size, 3] RGB; the same numbers give the same pictures."""
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
    """[size, size] of mean 0 and deviation 1, with amplitudes of 1/f to the power of steepness."""
    along = np.fft.fftfreq(size)
    frequency = np.hypot(along[:, None], along[None])
    frequency[0, 0] = 1 / size
    spectrum = np.fft.fft2(random.standard_normal((size, size))) / frequency**steepness
    cloud = np.fft.ifft2(spectrum).real
    return np.asarray((cloud - cloud.mean()) / cloud.std())


def _draw_shape(random: np.random.Generator, picture: _Floats) -> None:
    """Lay a turned ellipse or rectangle of one shaded colour over part of a picture."""
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
