"""``backbones info``: list a backbone's layers and their cost."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from classify_anything.cli.options import AsJson
from classify_anything.cli.output import print_json, print_line, print_table
from classify_anything.errors import BackboneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from classify_anything.backbones.layer import Layer

_COLUMNS = (
    *("layer", "kernel", "channels", "output", "parameters", "multiply-adds", "as standard", "ms"),
    "",
)
_NUMBERS = slice(4, 8)
"""Right-aligned columns."""

_BAR = 24


def info(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Backbone name, or path to an .onnx or .tflite file."),
    ],
    as_json: AsJson = False,
) -> None:
    """Show the cost of each layer, and its cost as a standard convolution.

    Layers are timed on one thread of this machine, except those of a .tflite file. The bars show
    the multiply-adds.
    """
    from classify_anything.backbones import load_backbone  # noqa: PLC0415 - takes 0.2 s
    from classify_anything.backbones.layer_profile import layers_of  # noqa: PLC0415

    backbone = load_backbone(name)
    found = layers_of(backbone, measure=True)
    total = _total(found)
    if as_json:
        about = {"name": backbone.name, "size": backbone.size, "dimension": backbone.dimension}
        print_json({**about, **total, "layers": [asdict(layer) for layer in found]})
        return
    if not found:
        raise BackboneError(f"{backbone.name}: no layers with weights found.")
    print_table(_COLUMNS, _aligned([*map(_row, found, _bars(found)), _total_row(total)]))
    print_line("")
    share = total["multiply_adds"] / total["standard"]
    print_line(
        f"{total['multiply_adds']:,} multiply-adds: {share:.1%} "
        f"of the {total['standard']:,} that standard convolutions need."
    )


def _total(found: Sequence[Layer]) -> dict[str, Any]:
    times = [layer.milliseconds for layer in found if layer.milliseconds is not None]
    return {
        "parameters": sum(layer.parameters for layer in found),
        "multiply_adds": sum(layer.multiply_adds for layer in found),
        "standard": sum(layer.standard for layer in found),
        "milliseconds": sum(times) if times else None,
    }


def _row(layer: Layer, bar: str) -> list[str]:
    dense = layer.kind == "dense"
    return [
        layer.kind,
        "" if dense else f"{layer.kernel}×{layer.kernel}",
        f"{layer.channels[0]} → {layer.channels[1]}",
        "" if dense else f"{layer.size[0]}×{layer.size[1]}",
        f"{layer.parameters:,}",
        f"{layer.multiply_adds:,}",
        "included above" if layer.follows else f"{layer.standard:,}",
        "-" if layer.milliseconds is None else f"{layer.milliseconds:.2f}",
        bar,
    ]


def _total_row(total: dict[str, Any]) -> list[str]:
    sums = [f"{total[key]:,}" for key in ("parameters", "multiply_adds", "standard")]
    time = total["milliseconds"]
    return ["total", "", "", "", *sums, "-" if time is None else f"{time:.2f}", ""]


def _bars(found: Sequence[Layer]) -> list[str]:
    """Return one bar per layer, the longest for the most multiply-adds."""
    block = "█" if (sys.stdout.encoding or "").lower().startswith("utf") else "#"
    most = max((layer.multiply_adds for layer in found), default=1)
    return [block * max(1, round(_BAR * layer.multiply_adds / most)) for layer in found]


def _aligned(rows: list[list[str]]) -> list[list[str]]:
    """Right-align the cells of the numeric columns."""
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in rows:
        row[_NUMBERS] = map(str.rjust, row[_NUMBERS], widths[_NUMBERS])
    return rows
