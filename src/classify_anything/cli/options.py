"""Share options between commands, and open a project with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import classify_anything
from classify_anything import settings
from classify_anything.cli.output import LateBar, show_notice

if TYPE_CHECKING:
    from classify_anything.classifier import Classifier


def option(declared: settings.Option, **more: Any) -> Any:
    """Return a Typer option for one declared in the settings."""
    flags = [declared.flag] if declared.short is None else [declared.flag, declared.short]
    return typer.Option(*flags, envvar=declared.env, help=declared.help, **more)


def seconds(text: str | float) -> float:
    """Parse a time in a video: "90", "1:30" and "0:01:30" are equal."""
    try:
        parts = [float(part) for part in str(text).split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(part >= 0 for part in parts):
        raise typer.BadParameter(
            f"Invalid time {text!r}. Use seconds or minutes:seconds, such as 90 or 1:30."
        )
    return sum(part * unit for part, unit in zip(reversed(parts), (1, 60, 3600), strict=False))


ProjectFile = Annotated[Path | None, option(settings.PROJECT, metavar="FILE")]
BackboneName = Annotated[str | None, option(settings.BACKBONE)]
ProviderName = Annotated[str | None, option(settings.PROVIDER)]
AsJson = Annotated[bool, option(settings.JSON)]


def open_classifier(
    project: Path | None,
    backbone: str | None,
    provider: str | None = None,
    *,
    create: bool = False,
) -> Classifier:
    """Open a project, and create a missing one if ``create``. Raises StoreError or BackboneError.

    Its notice goes to standard error, as does a progress bar if its images are re-embedded.
    """
    path = settings.default_project() if project is None else project
    use_provider(provider)
    with LateBar("Embedding") as bar:
        clf = classify_anything.Classifier(path, backbone=backbone, create=create, progress=bar)
    show_notice(clf.notice)
    return clf


def use_provider(provider: str | None) -> None:
    """Run every backbone that this process opens on a provider, including those of projects."""
    if provider is not None and settings.PROVIDER.env is not None:
        os.environ[settings.PROVIDER.env] = provider
