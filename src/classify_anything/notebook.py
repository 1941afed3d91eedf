"""HTML for notebooks, without scripts or style sheets, readable on light and dark pages."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

_MOST_BARS = 10
_ONE_LINE = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"


def prediction_html(
    label: str | None,
    probability: float,
    probabilities: dict[str, float],
    neighbors: Iterable[tuple[str, float, bytes | None]],
) -> str:
    """Render a prediction with a bar for each class, and the nearest examples.

    ``neighbors`` are label, similarity, and a small JPEG if available.
    """
    title = escape(
        "None of these" if probabilities and label is None else label or "No examples yet"
    )
    share = f" {probability:.0%}" if label is not None else ""
    shown = list(probabilities.items())[:_MOST_BARS]
    rest = len(probabilities) - len(shown)
    bars = "".join(_bar(name, value) for name, value in shown)
    more = f'<div style="opacity:.6">and {rest} more</div>' if rest > 0 else ""
    pictures = "".join(_picture(*neighbor) for neighbor in neighbors)
    because = f'<div style="margin:8px 0 4px;opacity:.7">because it looks like</div>{pictures}'
    return (
        '<div style="max-width:480px;font-family:system-ui,sans-serif;line-height:1.4">'
        f'<div style="font-size:1.6em;font-weight:700"><bdi>{title}</bdi>'
        f'<span style="font-weight:400">{share}</span></div>'
        f"{bars}{more}{because if pictures else ''}</div>"
    )


def evaluation_html(
    title: str,
    per_class: Sequence[tuple[str, str, int]],
    labels: Sequence[str],
    confusion: Sequence[Sequence[int]],
    mistakes: Iterable[tuple[str, float, bytes | None]],
) -> str:
    """Render an evaluation: accuracy per class, confusion matrix, and mistakes.

    ``per_class`` are label, accuracy and examples; ``mistakes`` are label, probability and JPEG.
    """
    rows = "".join(
        f"<tr><th>{escape(label)}</th><td>{escape(share)}</td><td>{count}</td>"
        + "".join(f"<td>{cell or ''}</td>" for cell in row)
        + "</tr>"
        for (label, share, count), row in zip(per_class, confusion, strict=True)
    )
    heads = "".join(f"<th>{escape(label)}</th>" for label in labels)
    pictures = "".join(_picture(*mistake) for mistake in mistakes)
    wrong = f'<div style="margin:8px 0 4px;opacity:.7">predicted as another class</div>{pictures}'
    return (
        '<div style="font-family:system-ui,sans-serif;line-height:1.4">'
        f'<div style="font-size:1.6em;font-weight:700">{escape(title)}</div>'
        f"<table><tr><th></th><th>accuracy</th><th>examples</th>{heads}</tr>{rows}</table>"
        f"{wrong if pictures else ''}</div>"
    )


def _bar(label: str, value: float) -> str:
    return (
        '<div style="display:flex;gap:8px;align-items:center">'
        f'{_words(label, "flex:0 0 40%")}<span style="flex:1;background:rgba(128,128,128,.2)">'
        f'<span style="display:block;width:{value:.1%};height:10px;background:#0072b2"></span>'
        f'</span><span style="flex:0 0 3em;text-align:end">{value:.0%}</span></div>'
    )


def _picture(label: str, similarity: float, jpeg: bytes | None) -> str:
    image = ""
    if jpeg:
        source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
        image = f'<img src="{source}" width="96" height="96" alt="" style="display:block">'
    return (
        '<figure style="display:inline-block;margin:0 8px 0 0;width:96px;vertical-align:top">'
        f'{image}<figcaption style="display:flex;gap:4px">{_words(label, "flex:0 1 auto")} '
        f"<span>{similarity:.2f}</span></figcaption></figure>"
    )


def _words(label: str, style: str) -> str:
    """Escape a label, and truncate it at its end in either writing direction."""
    return f'<span dir="auto" style="{style};{_ONE_LINE}">{escape(label)}</span>'
