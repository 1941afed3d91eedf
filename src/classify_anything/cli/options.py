"""The options that several commands share, and how they open a project."""

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
    """An option of a command, as it is declared in the settings."""
    flags = [declared.flag] if declared.short is None else [declared.flag, declared.short]
    return typer.Option(*flags, envvar=declared.env, help=declared.help, **more)


def seconds(text: str | float) -> float:
    """A time in a video: "90", "1:30" and "0:01:30" are the same."""
    try:
        parts = [float(part) for part in str(text).split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(part >= 0 for part in parts):
        raise typer.BadParameter(f"{text!r} is not a time, such as 90 or 1:30.")
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
    """Open a project; without ``create`` it must be there. Raises StoreError or BackboneError.

    What is out of order is told on the standard error, and how far a backbone is that has to look
    at all examples first.
    """
    path = settings.default_project() if project is None else project
    use_provider(provider)
    with LateBar("Looking") as bar:
        clf = classify_anything.Classifier(path, backbone=backbone, create=create, progress=bar)
    show_notice(clf.notice)
    return clf


def use_provider(provider: str | None) -> None:
    """Run all networks that this process opens on a provider: a project names one itself."""
    if provider is not None and settings.PROVIDER.env is not None:
        os.environ[settings.PROVIDER.env] = provider
