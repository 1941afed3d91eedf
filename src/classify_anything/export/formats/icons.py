"""Draw ``web/public/favicon.svg`` as PNG, for systems that do not support SVG icons."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

_UNITS = 32
"""The side of the drawing."""
_SUPERSAMPLING = 4
"""Supersampling factor, for smooth edges."""
_INK, _LINE, _EYE = "#16181a", "#ffffff", "#e69f00"


def icon(side: int) -> bytes:
    """Return a square PNG of ``side`` pixels, filled to the corners, since systems crop icons."""
    image = Image.new("RGB", (side * _SUPERSAMPLING, side * _SUPERSAMPLING), _INK)
    draw = ImageDraw.Draw(image)
    unit = side * _SUPERSAMPLING / _UNITS

    def box(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
        return ((x - radius) * unit, (y - radius) * unit, (x + radius) * unit, (y + radius) * unit)

    # The four corners of a viewfinder: at each a quarter of a ring and two strokes with round ends.
    for right in (False, True):
        for low in (False, True):
            x, y = (22 if right else 10), (22 if low else 10)
            out_x, out_y = (3 if right else -3), (3 if low else -3)
            start = {(0, 0): 180, (1, 0): 270, (1, 1): 0, (0, 1): 90}[right, low]
            draw.arc(box(x, y, 4.25), start, start + 90, _LINE, round(2.5 * unit))
            near_x, near_y = x + (-2.5 if right else 2.5), y + (-2.5 if low else 2.5)
            for begin, (end_x, end_y) in (
                ((x + out_x, y), (x + out_x, near_y)),
                ((x, y + out_y), (near_x, y + out_y)),
            ):
                line = [(a * unit, b * unit) for a, b in (begin, (end_x, end_y))]
                draw.line(line, _LINE, round(2.5 * unit))
                draw.ellipse(box(end_x, end_y, 1.25), _LINE)
    draw.ellipse(box(16, 16, 4), _EYE)
    buffer = io.BytesIO()
    image.resize((side, side), Image.Resampling.LANCZOS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
