"""A picture that both sides can make, to see that both see it alike.

``web/src/lib/browser/probe.ts`` is the other side.
"""

from __future__ import annotations

import numpy as np

from classify_anything.types import UInt8Array


def probe_picture(size: int) -> UInt8Array:
    """uint8 [size, size, 3], with slopes, edges and colours."""
    y, x = np.mgrid[0:size, 0:size]
    planes = [x * (c + 1) + y * (3 - c) + x * y // 16 for c in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)
