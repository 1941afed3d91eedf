"""Work with backbones in the background: comparing them, and changing to another one.

The project answers with the one it has until the other has seen all examples.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.backbones.catalogue import CATALOGUE
from classify_anything.backbones.speed import measure, remember, remembered
from classify_anything.classifier import Classifier
from classify_anything.errors import ClassifyAnythingError, ConflictError, InputError
from classify_anything.evaluation import Evaluation
from classify_anything.reembedding import judged, reembed
from classify_anything.server.messages import (
    BackboneInfo,
    BackbonesInfo,
    BackboneWork,
    ErrorDetail,
)
from classify_anything.server.served import Served
from classify_anything.types import Progress

log = logging.getLogger(__name__)


class _Cancelled(Exception):  # noqa: N818 - no error
    """Ends work that nobody wants any more."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An evaluation, and the revision of the project that it holds for."""

    revision: int
    evaluation: Evaluation


class Backbones:
    """One piece of work at a time; what was found out is remembered."""

    def __init__(self, project: Served) -> None:
        self._project = project
        self._found: dict[str, _Found] = {}
        self._task: asyncio.Task[None] | None = None
        self._status: Literal["running", "done", "cancelled", "failed"] = "done"
        self._name = ""
        self._progress = Progress(0, None)
        self._error: ErrorDetail | None = None
        self._cancelled = False

    async def info(self) -> BackbonesInfo:
        """All backbones that are known, and the work."""
        used, remembered_as, revision = await self._project.run(
            lambda clf: (clf.backbone.name, clf.settings.backbone, clf.revision)
        )
        speeds = await asyncio.to_thread(remembered)
        known = [
            BackboneInfo(
                name=one.name,
                here=one.is_here,
                used=one.name == used,
                license=one.license,
                dimension=one.dimension,
                parameters=one.parameters,
                multiply_adds=one.multiply_adds,
                top1=one.top1,
                milliseconds=speeds.get(one.name),
                accuracy=self._accuracy(one.name, revision),
                interval=self._interval(one.name, revision),
            )
            for one in CATALOGUE
        ]
        if all(not one.used for one in known):
            backbone = await self._project.run(lambda clf: clf.backbone)
            known.insert(0, self._file(backbone, remembered_as, revision))
        return BackbonesInfo(backbones=known, work=self._work)

    def begin(self, names: list[str], *, use: bool) -> None:
        """Compare backbones, or use the only one. Raises ConflictError or InputError."""
        self._project.expect_project()
        if self._task and not self._task.done():
            raise ConflictError("The backbones are being compared or changed already.")
        if use and len(names) != 1:
            raise InputError("Only one backbone can be used.")
        self._cancelled, self._error, self._status = False, None, "running"
        self._task = asyncio.create_task(self._run(names, use=use))

    async def cancel(self) -> None:
        """Stop; the project keeps the backbone it has."""
        self._cancelled = True
        if self._task:
            await self._task

    @property
    def _work(self) -> BackboneWork | None:
        if self._task is None:
            return None
        return BackboneWork(
            name=self._name,
            text=self._progress.text,
            done=self._progress.done,
            total=self._progress.total,
            status=self._status,
            error=self._error,
        )

    async def _run(self, names: list[str], *, use: bool) -> None:
        try:
            for self._name in names:
                backbone = await asyncio.to_thread(self._prepare, self._name)
                if use:
                    await self._project.run(_using(backbone, self._name))
                else:
                    await asyncio.to_thread(self._judge, backbone, self._name)
            self._status = "done"
        except _Cancelled:
            self._status = "cancelled"
        except ClassifyAnythingError as error:
            self._error = ErrorDetail(code=error.code, message=str(error))
            self._status = "failed"
        except Exception:
            log.exception("Work with backbones failed")
            message = "Something went wrong inside; the terminal says more."
            self._error = ErrorDetail(code=ClassifyAnythingError.code, message=message)
            self._status = "failed"

    def _prepare(self, name: str) -> Backbone:
        self._show(Progress(0, None, f"Opening {name}"))
        backbone = load_backbone(name)
        workers = max(1, (os.cpu_count() or 1) - 1)  # one core is left for the live answer
        reembed(self._project.read, backbone, workers=workers, progress=self._show)
        return backbone

    def _judge(self, backbone: Backbone, name: str) -> None:
        self._show(Progress(0, None, f"Judging {name}"))
        revision = self._project.read(lambda clf: clf.revision)
        self._found[name] = _Found(revision, judged(self._project.read, backbone))
        remember({name: measure(backbone)})

    def _show(self, progress: Progress) -> None:
        if self._cancelled:
            raise _Cancelled
        self._progress = progress

    def _accuracy(self, name: str, revision: int) -> float | None:
        found = self._found.get(name)
        return found.evaluation.accuracy if found and found.revision == revision else None

    def _interval(self, name: str, revision: int) -> tuple[float, float] | None:
        found = self._found.get(name)
        return found.evaluation.interval if found and found.revision == revision else None

    def _file(self, backbone: Backbone, name: str, revision: int) -> BackboneInfo:
        """A backbone that is not in the catalogue, but in use."""
        return BackboneInfo(
            name=name or backbone.name,
            here=True,
            used=True,
            license="its own",
            dimension=backbone.dimension,
            parameters=0,
            multiply_adds=0,
            top1=0,
            milliseconds=None,
            accuracy=self._accuracy(name or backbone.name, revision),
            interval=self._interval(name or backbone.name, revision),
        )


def _using(backbone: Backbone, name: str) -> Callable[[Classifier], None]:
    return lambda classifier: classifier.use_backbone(backbone, name)
