"""A reproducible picture, to check that Python and the page embed it alike.

``web/src/lib/browser/probe.ts`` makes the same picture.
"""

from __future__ import annotations

import numpy as np

from classify_anything.types import UInt8Array


def probe_picture(size: int) -> UInt8Array:
    """Return uint8 [size, size, 3] with gradients, edges and colours."""
    y, x = np.mgrid[0:size, 0:size]
    planes = [x * (c + 1) + y * (3 - c) + x * y // 16 for c in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)
