"""Make int8 and fp16 variants of backbones on first use: "efficientnet-lite0@int8".

Variants are stored in the cache folder. Each file has its own fingerprint, so embeddings of
variants that two machines computed differently are never compared.
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
"""Increase it if the same backbone would be converted to a different file."""

_SEPARATOR = "@"
_UNNAMED = "file"
_EXTENSIONS = (".onnx", ".tflite")


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant in the cache folder, of the backbone ``name`` ("efficientnet-lite0/mean")."""

    name: str
    precision: str
    path: Path

    @property
    def full_name(self) -> str:
        """Its name for ``--backbone``."""
        return f"{self.name}{_SEPARATOR}{self.precision}"


def split_precision(name: str) -> tuple[str, str]:
    """Split a name or path from its precision, if any: "x@int8" → ("x", "int8").

    Raises:
        BackboneError: the precision after the @ is unknown.
    """
    base, separator, precision = name.rpartition(_SEPARATOR)
    if (
        not separator
        or "/" in precision
        or "\\" in precision
        or precision.lower().endswith(_EXTENSIONS)
    ):
        return name, ""
    if precision not in PRECISIONS:
        raise BackboneError(f"Unknown precision '{precision}'. Choose {' or '.join(PRECISIONS)}.")
    return base, precision


def in_precision(source: Backbone, precision: str, name: str = "") -> Path:
    """Return the file of a backbone in another precision; make it on first use.

    That takes some seconds. The calibration set for int8 is synthetic, because a backbone is opened
    without a project.

    Args:
        source: an open ONNX backbone.
        precision: one of ``PRECISIONS``.
        name: its catalogue name with pooling, or "" for a file.

    Raises:
        BackboneError: it is not an ONNX model, is already quantized, or cannot be converted.
        DownloadError: the file cannot be saved.
    """
    if not isinstance(source, OnnxBackbone):
        raise BackboneError(f"{source.name}: only ONNX models can be converted to {precision}.")
    key = hashlib.sha256(f"{source.fingerprint} {REVISION}".encode()).hexdigest()[:16]
    label = name.replace("/", "+") or _UNNAMED
    path = settings.cache_folder() / f"{label}{_SEPARATOR}{precision}-{key}.onnx"
    if not is_file(path):
        from classify_anything.backbones.quantize import reduced  # noqa: PLC0415 - takes 0.2 s

        with kept_in(path.parent), tempfile.TemporaryDirectory(dir=path.parent) as folder:
            reduced(source, precision, Path(folder)).replace(path)
    return path


def made_variants() -> list[Variant]:
    """Return the variants of named backbones in the cache folder, the newest of each name."""
    try:
        files = [path for path in settings.cache_folder().iterdir() if is_file(path)]
        files.sort(key=lambda file: file.stat().st_mtime)
    except OSError:
        return []
    found = {}
    for path in files:
        label, _, rest = path.stem.rpartition(_SEPARATOR)
        precision = rest.partition("-")[0]
        if path.suffix == ".onnx" and precision in PRECISIONS and label not in ("", _UNNAMED):
            variant = Variant(label.replace("+", "/"), precision, path)
            found[variant.full_name] = variant
    return sorted(found.values(), key=lambda variant: variant.full_name)
