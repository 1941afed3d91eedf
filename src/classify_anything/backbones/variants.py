"""A backbone in fewer bits, by name: "efficientnet-lite0@int8" is made when it is first used.

It is kept in the cache folder. Its fingerprint is that of its own file, so what two machines made
differently is never compared.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from classify_anything import settings
from classify_anything.backbones.backbone import Backbone
from classify_anything.backbones.files import is_file, kept_in
from classify_anything.backbones.onnx_backbone import OnnxBackbone
from classify_anything.errors import BackboneError

PRECISIONS = ("int8", "fp16")

REVISION = 3
"""Raise it when the same network would become another file."""

_MARK = "@"
_OF_A_FILE = "file"
_ENDINGS = (".onnx", ".tflite")


@dataclass(frozen=True, slots=True)
class Variant:
    """One that was made: of the backbone ``name``, such as "efficientnet-lite0/mean"."""

    name: str
    precision: str
    path: Path

    @property
    def full_name(self) -> str:
        """What ``--backbone`` takes."""
        return f"{self.name}{_MARK}{self.precision}"


def split_precision(name: str) -> tuple[str, str]:
    """A name or path without its precision, and that, or "": "x@int8" → ("x", "int8").

    Raises:
        BackboneError: after the @ stands something else.
    """
    whole, mark, precision = name.rpartition(_MARK)
    if not mark or "/" in precision or "\\" in precision or precision.lower().endswith(_ENDINGS):
        return name, ""
    if precision not in PRECISIONS:
        raise BackboneError(f"No precision '{precision}'. There is {' and '.join(PRECISIONS)}.")
    return whole, precision


def in_precision(source: Backbone, precision: str, name: str = "") -> Path:
    """The file of a backbone in another precision; it is made if it is not there.

    That takes some seconds. In int8 it is calibrated with pictures that are made for that, since a
    backbone is opened without any project.

    Args:
        source: an open backbone, from an ONNX graph.
        precision: one of ``PRECISIONS``.
        name: of the catalogue, with its pooling; "" of a file.

    Raises:
        BackboneError: it is no ONNX graph, is quantised already, or cannot be made smaller.
        DownloadError: it cannot be kept.
    """
    if not isinstance(source, OnnxBackbone):
        raise BackboneError(f"{source.name}: only of an ONNX graph an {precision} form is made.")
    key = hashlib.sha256(f"{source.fingerprint} {REVISION}".encode()).hexdigest()[:16]
    label = name.replace("/", "+") or _OF_A_FILE
    path = settings.cache_folder() / f"{label}{_MARK}{precision}-{key}.onnx"
    if not is_file(path):
        from classify_anything.backbones.quantize import reduced  # noqa: PLC0415 - takes 0.2 s

        with kept_in(path.parent), tempfile.TemporaryDirectory(dir=path.parent) as folder:
            reduced(source, precision, Path(folder)).replace(path)
    return path


def made_variants() -> list[Variant]:
    """Those of named backbones that are in the cache folder, the newest of each name."""
    try:
        files = [path for path in settings.cache_folder().iterdir() if is_file(path)]
        files.sort(key=lambda file: file.stat().st_mtime)
    except OSError:
        return []
    found = {}
    for path in files:
        label, _, rest = path.stem.rpartition(_MARK)
        precision = rest.partition("-")[0]
        if path.suffix == ".onnx" and precision in PRECISIONS and label not in ("", _OF_A_FILE):
            variant = Variant(label.replace("+", "/"), precision, path)
            found[variant.full_name] = variant
    return sorted(found.values(), key=lambda one: one.full_name)
