"""A backbone by its name or from its file, whichever kind it is."""

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
    """Open a backbone by name or by file; without one, the default.

    Args:
        name: of the catalogue, or the path of an .onnx or .tflite file. A name may end in the
            pooling of its last feature map: "efficientnet-lite0/mean" or "/grid". A .toml of the
            same name beside a file says what the file does not tell of itself. Of an ONNX graph,
            "@int8" or "@fp16" after all that is the same in fewer bits, made on first use.
        threads: by default the number of cores, at most 4.
        provider: what runs it: "cpu", "cuda", "tensorrt", "coreml", "directml", "openvino", or
            "auto" for the fastest that gives the processor's embeddings; by default what
            CLASSIFY_ANYTHING_PROVIDER says, or "cpu".

    Raises:
        BackboneError: there is no such name, file or provider, the file cannot be used, it is not
            on this machine yet, or the provider gives other embeddings than the processor.
        DownloadError: it was to be compiled, and cannot be kept.
        MissingExtraError: what runs or compiles it is not installed.
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
    """A backbone, and the licence of its weights."""
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
            raise BackboneError(f"{path.name}: LiteRT runs it, on the cpu; not {provider}.")
        return TFLiteBackbone(path, threads, form), license_
    return _open_onnx(path, "embedding", form, threads, provider), license_


def expect_name(name: str) -> None:
    """Raises BackboneError for what can be neither a name nor a path."""
    if _UNNAMEABLE.search(name):
        raise BackboneError(f"No backbone can be named {name!r}.")


def lasting_name(name: str | os.PathLike[str]) -> str:
    """A name that means the same backbone in any folder: paths of files become absolute."""
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
            f"The backbone {description.name} is not on this machine. To fetch it "
            f"({description.origin.megabytes:g} MB, licence {description.license}): "
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
        raise DamagedBackboneError(
            f"{error} Delete {path}: it is then made anew, or can be pulled again."
        ) from error


def _no_such(name: str) -> BackboneError:
    names = [name for one in BY_NAME.values() for name in one.names]
    message = (
        f"No backbone named '{name}'. There is {', '.join(names)}, "
        "or give an .onnx or .tflite file."
    )
    close = difflib.get_close_matches(name, names, n=1)
    return BackboneError(f"{message} Did you mean '{close[0]}'?" if close else message)
