"""Imports under way: files come in over HTTP, then they are added in the background."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import Literal, Self

from classify_anything.constants import CONSTANTS
from classify_anything.datasets.read import read_dataset
from classify_anything.datasets.video import Frames
from classify_anything.errors import (
    ClassifyAnythingError,
    ConflictError,
    InputError,
    NotFoundError,
)
from classify_anything.project.importing import Batch, Import
from classify_anything.project.project import Project
from classify_anything.server.backend import Backend
from classify_anything.server.messages import ErrorDetail, ImportInfo, ProblemInfo

log = logging.getLogger(__name__)

Status = Literal["uploading", "running", "done", "cancelled", "failed"]

_KEPT = 20
_MAX_PROBLEMS: int = CONSTANTS["imports"]["max_problems"]
_BATCH = 16
"""Images a transaction: few, so that the live answer never waits long."""
_WRITE_BYTES = 2**20
PATIENCE = 600.0
"""Seconds without a byte after which an import that was not started is given up."""
_INSIDE = "Something went wrong inside; the terminal says more."


class ImportJob:
    """One import: its files in a folder of its own, then the examples made of them."""

    def __init__(self, project: Backend, patience: float) -> None:
        self.id = secrets.token_hex(8)
        self.status: Status = "uploading"
        self._project = project
        self._folder = tempfile.TemporaryDirectory(
            prefix="classify-anything-", ignore_cleanup_errors=True
        )
        self._root = Path(self._folder.name).resolve()
        self._import: Import | None = None
        self._error: ErrorDetail | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._arriving = 0
        self._heard = monotonic()
        self._waiting = asyncio.create_task(self._give_up(patience))

    @property
    def info(self) -> ImportInfo:
        """How far it is."""
        report = self._import.report if self._import else None
        progress = self._import.progress if self._import else None
        problems = report.problems if report else ()
        return ImportInfo(
            id=self.id,
            status=self.status,
            done=progress.done if progress else 0,
            total=progress.total if progress else None,
            added=len(report.examples) if report else 0,
            known=report.known if report else 0,
            problem_count=len(problems),
            problems=[
                ProblemInfo(
                    name=self._outside(problem.name),
                    message=self._outside(problem.message),
                    code=problem.code,
                )
                for problem in problems[:_MAX_PROBLEMS]
            ],
            change=self._import.change if self._import else None,
            error=self._error,
        )

    async def receive(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """Take in a file.

        Raises:
            InputError: its path leads out of the import, or it is sent twice.
            ConflictError: the import has begun already, or is cancelled meanwhile.
        """
        self._expect("uploading")
        file = self._root / _inside(path)
        self._arriving += 1
        try:
            await self._write(file, chunks)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}.") from error
        finally:
            self._arriving -= 1
            if self.status != "uploading":  # where a file that is open cannot be deleted
                await asyncio.to_thread(self._folder.cleanup)

    async def _write(self, file: Path, chunks: AsyncIterator[bytes]) -> None:
        """Write a file, or nothing."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as target:
            try:
                waiting = bytearray()
                async for chunk in chunks:
                    self._expect("uploading")
                    self._heard = monotonic()
                    waiting += chunk
                    if len(waiting) >= _WRITE_BYTES:
                        await asyncio.to_thread(target.write, bytes(waiting))
                        waiting.clear()
                await asyncio.to_thread(target.write, bytes(waiting))
            except BaseException:
                file.unlink(missing_ok=True)
                raise

    def start(self, label: str | None, frames: Frames) -> Self:
        """Begin to add. Raises ConflictError if that was done already, or a file still comes."""
        self._expect("uploading")
        if self._arriving:
            raise ConflictError("A file of this import is still on its way.")
        self.status = "running"
        self._waiting.cancel()
        self._task = asyncio.create_task(self._run(label, frames))
        return self

    async def cancel(self) -> None:
        """Stop, and leave the project as it was; what is done already stays."""
        self._cancelled = True
        if self._task:
            await self._task
        elif self.status == "uploading":
            self._waiting.cancel()
            await self._end("cancelled")
        else:  # given up a moment ago: what was sent is being deleted
            await asyncio.wait({self._waiting})

    async def _give_up(self, patience: float) -> None:
        """Cancel it when nothing has come for so many seconds: its sender is gone."""
        while (left := self._heard + patience - monotonic()) > 0:
            await asyncio.sleep(left)
        message = f"Nothing was sent for {patience:.0f} seconds, so it was given up."
        self._error = ErrorDetail(code=ConflictError.code, message=message)
        await self._end("cancelled")

    async def _run(self, label: str | None, frames: Frames) -> None:
        try:
            status = await self._add(label, frames)
        except Exception as error:  # noqa: BLE001 - it is told
            status = self._fail(error)
        if status != "done" and self._import:
            discard = self._import.discard
            try:
                await self._project.run(lambda _: discard())
            except Exception as error:  # noqa: BLE001 - it is told
                status = self._fail(error)
        await self._end(status)

    def _fail(self, error: Exception) -> Status:
        """Tell why it ends."""
        code, message = ClassifyAnythingError.code, _INSIDE
        if isinstance(error, ClassifyAnythingError):
            code, message = error.code, self._outside(str(error))
        else:
            log.error("An import failed", exc_info=error)
        self._error = ErrorDetail(code=code, message=message)
        return "failed"

    async def _add(self, label: str | None, frames: Frames) -> Status:
        """Add everything, in small transactions between which the live answer goes on."""
        dataset = await asyncio.to_thread(
            read_dataset, [self._root], label=label, frames=frames, name_loose=False
        )

        def begin(project: Project) -> Import:
            return Import(
                project.store, project.backbone, dataset, workers=_workers(), batch=_BATCH
            )

        try:
            self._import = job = await self._project.run(begin)
            batches = job.batches()
            try:
                while not self._cancelled:
                    batch = await asyncio.to_thread(next, batches, None)
                    if batch is None:
                        return "done"
                    await self._project.run(_committing(job, batch))
            finally:
                await asyncio.to_thread(batches.close)  # it waits for its workers
        finally:
            await asyncio.to_thread(dataset.close)
        return "cancelled"

    async def _end(self, status: Status) -> None:
        """Delete what was sent, and then tell; but first see that nothing more comes in."""
        if self.status == "uploading":
            self.status = status
        await asyncio.to_thread(self._folder.cleanup)
        self.status = status

    def _expect(self, status: Status) -> None:
        if self.status != status:
            raise ConflictError(f"This import is {self.status}, not {status}.")

    def _outside(self, text: str) -> str:
        """A text without the folder that nobody else knows of."""
        return text.replace(f"{self._root}{os.sep}", "").replace(str(self._root), "the files sent")


class Imports:
    """The imports of a server, the last few of them.

    Args:
        project: what is served.
        changing: whether another backbone is to be used soon; nothing is added meanwhile.
        patience: seconds until an import to which nothing is sent is cancelled.
    """

    def __init__(
        self,
        project: Backend,
        changing: Callable[[], bool] = lambda: False,
        patience: float = PATIENCE,
    ) -> None:
        self._project = project
        self._changing = changing
        self._patience = patience
        self._jobs: dict[str, ImportJob] = {}

    @property
    def running(self) -> bool:
        """Whether pictures are being added."""
        return any(job.status == "running" for job in self._jobs.values())

    def start(self, import_id: str, label: str | None, frames: Frames) -> ImportJob:
        """Begin to add what was sent.

        Raises:
            NotFoundError: there is no import with this id.
            ConflictError: that was done already, or the backbone is being changed.
        """
        job = self.find(import_id)
        if self._changing():
            raise ConflictError("The network is being changed. Add pictures when that is done.")
        return job.start(label, frames)

    def begin(self) -> ImportJob:
        """Begin one."""
        over = [job for job in self._jobs.values() if job.status not in ("uploading", "running")]
        for job in over[:-_KEPT]:
            del self._jobs[job.id]
        job = ImportJob(self._project, self._patience)
        self._jobs[job.id] = job
        return job

    def find(self, import_id: str) -> ImportJob:
        """The import with this id. Raises NotFoundError."""
        try:
            return self._jobs[import_id]
        except KeyError:
            raise NotFoundError(f"No import {import_id}.") from None

    async def close(self) -> None:
        """Cancel what is under way."""
        await asyncio.gather(*(job.cancel() for job in self._jobs.values()))


def _committing(job: Import, batch: Batch) -> Callable[[Project], None]:
    return lambda _: job.commit(batch)


def _inside(path: str) -> PurePosixPath:
    """A relative path that stays inside. Raises InputError."""
    inside = PurePosixPath(path)
    if not path or inside.is_absolute() or ".." in inside.parts or "\0" in path:
        raise InputError(f"{path!r} is not a relative path.")
    return inside


def _workers() -> int:
    """One core is left for the live answer."""
    return max(1, (os.cpu_count() or 1) - 1)
