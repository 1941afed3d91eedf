"""Work with backbones in the background: comparing them, and changing to another one.

The project answers with the one it has until the other has seen all examples.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.backbones.bulk import EmbeddingBatch
from classify_anything.backbones.catalogue import DEFAULT
from classify_anything.backbones.loading import expect_name
from classify_anything.backbones.speed import measure, remember, remembered
from classify_anything.errors import (
    BackboneError,
    ClassifyAnythingError,
    ConflictError,
    InputError,
)
from classify_anything.evaluation.evaluate import Evaluation, evaluate
from classify_anything.project.project import Project
from classify_anything.project.reembed import Reembedding
from classify_anything.server.backend import Backend
from classify_anything.server.known_backbones import Known, known_backbones, name_of
from classify_anything.server.messages import (
    BackboneInfo,
    BackbonesInfo,
    BackboneWork,
    ErrorDetail,
)
from classify_anything.types import Progress, Settings

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_FEW = 8
"""So many examples are embedded on the way, when the backbone is taken."""


class _Cancelled(Exception):  # noqa: N818 - no error
    """Ends work that nobody wants any more."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An evaluation, and what ``Store.touched`` said when it was made."""

    touched: tuple[int, int]
    evaluation: Evaluation


class Backbones:
    """One piece of work at a time; what was found out is remembered.

    Args:
        project: what is served.
        importing: whether pictures are being added; no other backbone is used meanwhile.
    """

    def __init__(self, project: Backend, importing: Callable[[], bool]) -> None:
        self._project = project
        self._importing = importing
        self._found: dict[str, _Found] = {}
        self._task: asyncio.Task[None] | None = None
        self._changes = False
        self._status: Literal["running", "done", "cancelled", "failed"] = "done"
        self._name = ""
        self._progress = Progress(0, None)
        self._error: ErrorDetail | None = None
        self._cancelled = False
        self._followed: str | None = None

    @property
    def working(self) -> bool:
        """Whether something is under way."""
        return self._task is not None and not self._task.done()

    @property
    def changing(self) -> bool:
        """Whether another backbone is to be used soon."""
        return self.working and self._changes

    async def info(self) -> BackbonesInfo:
        """All backbones that are known, and the work."""
        used, settings, touched = await self._project.run(
            lambda clf: (clf.backbone, clf.settings, clf.store.touched())
        )
        known = await asyncio.to_thread(known_backbones, used, settings, self._found)
        speeds = await asyncio.to_thread(remembered)
        infos = [
            self._info(one, one.name == name_of(used), speeds.get(one.name), touched)
            for one in known
        ]
        return BackbonesInfo(backbones=infos, work=self._work)

    def begin(self, names: list[str], *, use: bool) -> asyncio.Task[None]:
        """Compare backbones, or use the only one. Raises ConflictError or InputError."""
        self._project.expect_project()
        try:
            for name in names:
                expect_name(name)
        except BackboneError as error:
            raise InputError(str(error)) from None
        if self.working:
            raise ConflictError("The backbones are being compared or changed already.")
        if use and len(names) != 1:
            raise InputError("Only one backbone can be used.")
        if use and self._importing():
            raise ConflictError("Pictures are being added. Change the network when they are in.")
        self._cancelled, self._error, self._status = False, None, "running"
        self._changes = use
        self._task = asyncio.create_task(self._run(names, use=use))
        return self._task

    async def follow(self) -> None:
        """Use the backbone that another process has made the project's."""
        if self._project.state.frozen:
            return
        while True:
            wanted = await self._wanted()
            if self._followed is None:
                self._followed = wanted
            if wanted != self._followed and not self.working and not self._importing():
                await self._use(wanted)
                self._followed = wanted
            await asyncio.sleep(_POLL_SECONDS)

    async def _use(self, wanted: str) -> None:
        """Use a backbone, if it is not in use; where that fails, all pages are told."""
        if wanted == await self._project.run(lambda clf: name_of(clf.backbone)):
            await self._project.run(_noticing(""))
            return
        task = self.begin([wanted], use=True)
        await asyncio.wait([task])  # which leaves the work alone when this is cancelled
        if self._error:
            message = f"{self._error.message} The project is to look with it now."
            await self._project.run(_noticing(message))

    async def _wanted(self) -> str:
        return await self._project.run(lambda clf: clf.settings.backbone) or DEFAULT.name

    async def cancel(self) -> None:
        """Stop; the project keeps the backbone it has."""
        self._cancelled = True
        if self._task:
            await self._task

    async def embed_missing(self, change: int | None) -> None:
        """Let the backbone look at what a change is to bring back, while the project answers."""
        if change is not None:
            backbone = await self._project.run(lambda clf: clf.backbone)
            await asyncio.to_thread(self._reembed, backbone, change)

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
            before = await self._wanted()
            for self._name in names:
                backbone = await asyncio.to_thread(self._prepare, self._name)
                if use:
                    if (wanted := await self._wanted()) != before:
                        raise ConflictError(f"Another program chose {wanted} meanwhile.")
                    await self._project.run(_using(backbone))
                else:
                    await asyncio.to_thread(self._judge, backbone)
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
        used = self._project.read(lambda clf: clf.backbone)
        backbone = used
        if used.opened_as or name != name_of(used):
            found = load_backbone(name)  # of a file in use, too, which may be another by now
            backbone = used if found.fingerprint == used.fingerprint else found
        # Meanwhile more may have been added.
        while self._reembed(backbone, progress=self._show) > _FEW:
            pass
        return backbone

    def _reembed(
        self,
        backbone: Backbone,
        change: int | None = None,
        progress: Callable[[Progress], object] = lambda _: None,
    ) -> int:
        """Embed what a backbone lacks beside the live answer; return how many these were."""
        job = self._project.read(lambda clf: Reembedding(clf, backbone, change))
        with contextlib.closing(job.batches(progress, _workers())) as batches:
            for batch in batches:
                self._project.read(_committing(job, batch))
        return len(job.missing)

    def _judge(self, backbone: Backbone) -> None:
        self._show(Progress(0, None, f"Judging {backbone.name}"))
        touched, training_set = self._project.read(
            lambda clf: (clf.store.touched(), clf.training_set_for(backbone))
        )
        name = name_of(backbone)
        self._found[name] = _Found(touched, evaluate(training_set, Settings().head))
        remember({name: measure(backbone)})

    def _show(self, progress: Progress) -> None:
        if self._cancelled:
            raise _Cancelled
        self._progress = progress

    def _info(
        self, one: Known, used: bool, milliseconds: float | None, touched: tuple[int, int]
    ) -> BackboneInfo:
        found = self._found.get(one.name)
        return BackboneInfo(
            name=one.name,
            title=one.title,
            here=one.here,
            used=used,
            license=one.of.license if one.of else "its own",
            dimension=one.dimension,
            parameters=one.of.parameters if one.of else 0,
            multiply_adds=one.of.multiply_adds if one.of else 0,
            top1=(one.of.top1 or 0) if one.of and one.name == one.of.name else 0,
            judged=one.of.judged if one.of else "",
            milliseconds=milliseconds,
            accuracy=found.evaluation.accuracy if found else None,
            interval=found.evaluation.interval if found else None,
            current=found is not None and found.touched == touched,
        )


def _workers() -> int:
    """All cores but one, which is left for the live answer."""
    return max(1, (os.cpu_count() or 1) - 1)


def _committing(job: Reembedding, batch: EmbeddingBatch) -> Callable[[Project], None]:
    return lambda _: job.commit(batch)


def _noticing(message: str) -> Callable[[Project], None]:
    def notice(project: Project) -> None:
        project.notice = message

    return notice


def _using(backbone: Backbone) -> Callable[[Project], None]:
    return lambda project: project.use_backbone(backbone)
