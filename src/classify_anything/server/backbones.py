"""Compare and change backbones in the background.

The project answers with the one it has until the other has seen all examples.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.backbones.bulk import EmbeddingBatch
from classify_anything.backbones.catalogue import DEFAULT
from classify_anything.backbones.loading import expect_name
from classify_anything.backbones.speed import measure, remember, remembered
from classify_anything.errors import BackboneError, ConflictError, InputError
from classify_anything.evaluation.evaluate import Evaluation, evaluate
from classify_anything.project.project import Project
from classify_anything.project.reembed import Reembedding
from classify_anything.server.backend import Backend
from classify_anything.server.jobs import Job
from classify_anything.server.known_backbones import Known, known_backbones, name_of
from classify_anything.server.messages import (
    BackboneInfo,
    BackbonesInfo,
    BackboneWork,
)
from classify_anything.types import Progress, Settings
from classify_anything.workers import spare_core

_POLL_SECONDS = 0.5
_FEW = 8
"""Maximum number of examples to embed while changing the backbone."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An evaluation, and the value of ``Store.touched`` at that time."""

    touched: tuple[int, int]
    evaluation: Evaluation


class BackboneJob(Job):
    """A comparison of backbones, or a change to another one."""

    def __init__(self, name: str, *, use: bool) -> None:
        super().__init__()
        self.name = name
        self.use = use

    @property
    def info(self) -> BackboneWork:
        """The progress of the job."""
        return BackboneWork(
            name=self.name,
            text=self.progress.text,
            done=self.progress.done,
            total=self.progress.total,
            status=self.status,
            error=self.error,
        )


class Backbones:
    """Run one backbone job at a time, and remember the results.

    Args:
        project: what is served.
        importing: whether pictures are being added; no other backbone is used meanwhile.
    """

    def __init__(self, project: Backend, importing: Callable[[], bool]) -> None:
        self._project = project
        self._importing = importing
        self._found: dict[str, _Found] = {}
        self._job: BackboneJob | None = None
        self._followed: str | None = None

    @property
    def working(self) -> bool:
        """Whether a job is running."""
        return self._job is not None and self._job.running

    @property
    def changing(self) -> bool:
        """Whether a change of backbone is running."""
        return self._job is not None and self._job.running and self._job.use

    async def info(self) -> BackbonesInfo:
        """Return all known backbones and the current job."""
        used, settings, touched = await self._project.run(
            lambda project: (project.backbone, project.settings, project.store.touched())
        )
        known = await asyncio.to_thread(known_backbones, used, settings, self._found)
        speeds = await asyncio.to_thread(remembered)
        infos = [
            self._info(one, one.name == name_of(used), speeds.get(one.name), touched)
            for one in known
        ]
        return BackbonesInfo(backbones=infos, work=self._job.info if self._job else None)

    def begin(self, names: list[str], *, use: bool) -> BackboneJob:
        """Compare backbones, or change to the only one. Raises ConflictError or InputError."""
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
            raise ConflictError("Pictures are being added. Change the backbone afterwards.")
        self._job = job = BackboneJob(names[0], use=use)
        job.begin(lambda: self._work(job, names))
        return job

    async def follow(self) -> None:
        """Change to the backbone that another process chose for the project."""
        if self._project.state.read_only:
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
        """Change to a backbone unless it is in use; show a failure on all pages."""
        if wanted == await self._project.run(lambda project: name_of(project.backbone)):
            await self._project.run(_noticing(""))
            return
        job = self.begin([wanted], use=True)
        await job.wait()
        if job.error:
            message = f"{job.error.message} The project now requires this backbone."
            await self._project.run(_noticing(message))

    async def _wanted(self) -> str:
        return await self._project.run(lambda project: project.settings.backbone) or DEFAULT.name

    async def cancel(self) -> None:
        """Stop the job; the project keeps its backbone."""
        if self._job:
            await self._job.cancel()

    async def embed_missing(self, change: int | None) -> None:
        """Embed what a change is to restore, while the project answers."""
        if change is not None:
            spare_core()
            backbone = await self._project.run(lambda project: project.backbone)
            await asyncio.to_thread(self._reembed, backbone, change)

    async def _work(self, job: BackboneJob, names: list[str]) -> None:
        before = await self._wanted()
        for job.name in names:
            backbone = await asyncio.to_thread(self._prepare, job)
            if job.use:
                if (wanted := await self._wanted()) != before:
                    raise ConflictError(f"Another program chose {wanted} meanwhile.")
                await self._project.run(_using(backbone))
            else:
                await asyncio.to_thread(self._judge, job, backbone)

    def _prepare(self, job: BackboneJob) -> Backbone:
        job.show(Progress(0, None, f"Opening {job.name}"))
        used = self._project.read(lambda project: project.backbone)
        backbone = used
        if used.opened_as or job.name != name_of(used):
            found = load_backbone(job.name)  # reopen even a file in use: it may have changed
            backbone = used if found.fingerprint == used.fingerprint else found
        # More examples may have been added in the meantime.
        while self._reembed(backbone, progress=job.show) > _FEW:
            pass
        return backbone

    def _reembed(
        self,
        backbone: Backbone,
        change: int | None = None,
        progress: Callable[[Progress], object] = lambda _: None,
    ) -> int:
        """Embed missing examples beside the live answer; return their number."""
        job = self._project.read(lambda project: Reembedding(project, backbone, change))
        with contextlib.closing(job.batches(progress)) as batches:
            for batch in batches:
                self._project.read(_committing(job, batch))
        return len(job.missing)

    def _judge(self, job: BackboneJob, backbone: Backbone) -> None:
        job.show(Progress(0, None, f"Evaluating {backbone.name}"))
        touched, training_set = self._project.read(
            lambda project: (project.store.touched(), project.training_set_for(backbone))
        )
        name = name_of(backbone)
        self._found[name] = _Found(touched, evaluate(training_set, Settings().head))
        remember({name: measure(backbone)})

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


def _committing(job: Reembedding, batch: EmbeddingBatch) -> Callable[[Project], None]:
    return lambda _: job.commit(batch)


def _noticing(message: str) -> Callable[[Project], None]:
    def notice(project: Project) -> None:
        project.notice = message

    return notice


def _using(backbone: Backbone) -> Callable[[Project], None]:
    return lambda project: project.use_backbone(backbone)
