"""Open a backbone by name or file."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from pathlib import Path

from classify_anything import settings
from classify_anything.backbones.backbone import Backbone
from classify_anything.backbones.catalogue import BY_NAME, DEFAULT
from classify_anything.backbones.descriptions import Description, Hub
from classify_anything.backbones.fetch import pull
from classify_anything.backbones.model_spec import ModelSpec, read_form
from classify_anything.backbones.onnx_backbone import OnnxBackbone
from classify_anything.backbones.providers import AUTO, CPU, open_checked
from classify_anything.backbones.tflite_backbone import TFLiteBackbone
from classify_anything.backbones.variants import in_precision, split_precision
from classify_anything.errors import BackboneError, DamagedBackboneError

_SUFFIXES = (".onnx", ".tflite")
_UNNAMEABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def load_backbone(
    name: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    provider: str | None = None,
) -> Backbone:
    """Open a backbone by name or file.

    Args:
        name: of the catalogue, or the path of an .onnx or .tflite file (default: the default
            backbone). A name may end in the pooling of its last feature map, as in
            "efficientnet-lite0/mean" or "/grid". A .toml of the same name beside a file adds
            information missing from the file. The suffix "@int8" or "@fp16" selects a quantized
            version of an ONNX graph, made on first use.
        threads: number of threads (default: the number of cores, at most 4).
        provider: "cpu", "cuda", "tensorrt", "coreml", "directml", "openvino", or "auto" for the
            fastest with the same embeddings as the CPU (default: CLASSIFY_ANYTHING_PROVIDER, or
            "cpu").

    Raises:
        BackboneError: the name, file or provider is unknown or unusable, the backbone is not on
            this machine yet, or the provider returns other embeddings than the CPU.
        DownloadError: the compiled backbone cannot be stored.
        MissingExtraError: an optional dependency is not installed.
        BuildError: the package was installed without its default backbone.
    """
    provider = provider or os.environ.get(settings.PROVIDER.env or "") or CPU
    given = DEFAULT.name if name is None else os.fspath(name)
    expect_name(given)
    backbone, license_ = _load(given, threads, provider)
    backbone.license = license_
    backbone.opened_as = lasting_name(given)
    return backbone


def _load(name: str, threads: int | None, provider: str) -> tuple[Backbone, str]:
    """Return a backbone, and the licence of its weights."""
    whole, precision = split_precision(name)
    if precision:
        source = load_backbone(whole, threads, CPU)
        path = in_precision(source, precision, "" if _is_file(whole) else whole)
        return _open_onnx(path, "embedding", None, threads, provider), source.license
    given, _, output = whole.partition("/")
    description = BY_NAME.get(given)
    if description is not None and (not output or output in description.poolings):
        backbone = _open_named(description, output or "embedding", threads, provider)
        return backbone, description.license
    if not _is_file(whole):
        raise _no_such(whole)
    path = Path(whole)
    form = read_form(path)
    license_ = (form and form.license) or ""
    if path.suffix.lower() == ".tflite":
        if provider not in (CPU, AUTO):
            raise BackboneError(f"{path.name}: .tflite files run only on cpu, not {provider}.")
        return TFLiteBackbone(path, threads, form), license_
    return _open_onnx(path, "embedding", form, threads, provider), license_


def expect_name(name: str) -> None:
    """Raise BackboneError if a text can be neither a name nor a path."""
    if _UNNAMEABLE.search(name):
        raise BackboneError(f"Invalid backbone name {name!r}.")


def lasting_name(name: str | os.PathLike[str]) -> str:
    """Make the path of a backbone's file absolute; a name stays the same."""
    whole, precision = split_precision(os.fspath(name))
    if not _is_file(whole):
        return os.fspath(name)
    path = os.path.abspath(whole)  # noqa: PTH100 - resolve() would follow links
    return f"{path}@{precision}" if precision else path


def _is_file(name: str) -> bool:
    return Path(name).suffix.lower() in _SUFFIXES


def _open_named(
    description: Description, output: str, threads: int | None, provider: str
) -> Backbone:
    if not isinstance(description.origin, Hub):
        return _open_onnx(pull(description), output, None, threads, provider)
    if not description.is_here:
        raise BackboneError(
            f"The backbone {description.name} is not on this machine. Download it "
            f"({description.origin.megabytes:g} MB, licence {description.license}) with: "
            f"classify-anything backbones pull {description.name}"
        )
    form = dataclasses.replace(description.form, name=description.name)
    return _open_onnx(description.path, output, form, threads, provider)


def _open_onnx(
    path: Path, output: str, form: ModelSpec | None, threads: int | None, provider: str
) -> Backbone:
    try:
        return open_checked(provider, lambda on: OnnxBackbone(path, threads, output, form, on))
    except DamagedBackboneError as error:
        if not path.is_relative_to(settings.cache_folder()):
            raise
        raise DamagedBackboneError(f"{error} Delete {path} to make or pull it again.") from error


def _no_such(name: str) -> BackboneError:
    names = [name for one in BY_NAME.values() for name in one.names]
    message = f"Unknown backbone '{name}'. Choose {', '.join(names)}, or an .onnx or .tflite file."
    close = difflib.get_close_matches(name, names, n=1)
    return BackboneError(f"{message} Did you mean '{close[0]}'?" if close else message)
