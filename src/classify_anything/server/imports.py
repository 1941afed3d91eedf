"""Import files sent over HTTP as examples, in the background."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import Literal, Self

from classify_anything.constants import CONSTANTS
from classify_anything.datasets.read import read_dataset
from classify_anything.datasets.video import Frames
from classify_anything.errors import ConflictError, InputError
from classify_anything.project.importing import Batch, Import
from classify_anything.project.project import Project
from classify_anything.server.backend import Backend
from classify_anything.server.jobs import Cancelled, Job, Status
from classify_anything.server.messages import ErrorDetail, ImportInfo, ProblemInfo

_MAX_PROBLEMS: int = CONSTANTS["imports"]["max_problems"]
_BATCH = 16
"""Images per transaction: few, so that the live answer never waits long."""
_WRITE_BYTES = 2**20
PATIENCE = 600.0
"""Seconds without data after which an import that was not started is cancelled."""


class ImportJob(Job):
    """One import: receives files in a temporary folder, then adds them as examples.

    Args:
        project: the served project.
        patience: seconds without data after which an import that was not started is cancelled.
    """

    def __init__(self, project: Backend, patience: float = PATIENCE) -> None:
        super().__init__()
        self.uploading = True
        self._project = project
        self._patience = patience
        self._folder = tempfile.TemporaryDirectory(
            prefix="classify-anything-", ignore_cleanup_errors=True
        )
        self._root = Path(self._folder.name).resolve()
        self._import: Import | None = None
        self._arriving = 0
        self._heard = monotonic()
        self._started: asyncio.Future[tuple[str | None, Frames]]
        self._started = asyncio.get_running_loop().create_future()
        self.begin(self._work)

    @property
    def running(self) -> bool:
        """Whether examples are being added."""
        return super().running and not self.uploading

    @property
    def info(self) -> ImportInfo:
        """The progress of the import."""
        report = self._import.report if self._import else None
        progress = self._import.progress if self._import else self.progress
        problems = report.problems if report else ()
        return ImportInfo(
            id=self.id,
            status=self._status,
            done=progress.done,
            total=progress.total,
            added=len(report.examples) if report else 0,
            known=report.known if report else 0,
            problem_count=len(problems),
            problems=[
                ProblemInfo(
                    name=self.public(problem.name),
                    message=self.public(problem.message),
                    code=problem.code,
                )
                for problem in problems[:_MAX_PROBLEMS]
            ],
            change=self._import.change if self._import else None,
            error=self.error,
        )

    async def receive(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        """Receive a file.

        Raises:
            InputError: the path leaves the import folder, or exists already.
            ConflictError: the import has started already or was cancelled.
        """
        self._expect_uploading()
        file = self._root / _inside(path)
        self._arriving += 1
        try:
            await self._write(file, chunks)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}.") from error
        finally:
            self._arriving -= 1
            if not self.uploading:  # on systems that cannot delete an open file
                await asyncio.to_thread(self._folder.cleanup)

    async def _write(self, file: Path, chunks: AsyncIterator[bytes]) -> None:
        """Write a whole file or none."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as target:
            try:
                waiting = bytearray()
                async for chunk in chunks:
                    self._expect_uploading()
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
        """Start adding. Raises ConflictError if already started, or a file is still uploading."""
        self._expect_uploading()
        if self._arriving:
            raise ConflictError("A file of this import is still uploading.")
        self.uploading = False
        self._started.set_result((label, frames))
        return self

    async def cancel(self) -> None:
        """Stop, and restore the project to its state before the import."""
        if self.uploading:
            self.uploading = False
            self._started.set_exception(Cancelled())
        await super().cancel()

    async def _work(self) -> None:
        """Add all files once uploaded, or none; then delete them."""
        try:
            await self._add(*await self._upload())
        except BaseException:
            if self._import:
                discard = self._import.discard
                await self._project.run(lambda _: discard())
            raise
        finally:
            await asyncio.to_thread(self._folder.cleanup)

    async def _upload(self) -> tuple[str | None, Frames]:
        """Wait for the start; cancel the import if the sender is gone."""
        while (left := self._heard + self._patience - monotonic()) > 0:
            await asyncio.wait([self._started], timeout=left)
            if self._started.done():
                return self._started.result()
        self.uploading = False
        message = f"Import cancelled: no data for {self._patience:.0f} seconds."
        self.error = ErrorDetail(code=ConflictError.code, message=message)
        raise Cancelled

    async def _add(self, label: str | None, frames: Frames) -> None:
        """Add everything in small transactions, so that live answers continue."""
        dataset = await asyncio.to_thread(
            read_dataset, [self._root], label=label, frames=frames, name_loose=False
        )

        def begin(project: Project) -> Import:
            return Import(project.store, project.backbone, dataset, batch=_BATCH)

        try:
            self._import = job = await self._project.run(begin)
            batches = job.batches()
            try:
                while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                    self.check()
                    await self._project.run(_committing(job, batch))
                    self.check()
            finally:
                await asyncio.to_thread(batches.close)  # waits for the workers
        finally:
            await asyncio.to_thread(dataset.close)

    @property
    def _status(self) -> Literal["uploading"] | Status:
        return "uploading" if self.uploading else self.status

    def _expect_uploading(self) -> None:
        if not self.uploading:
            raise ConflictError(f"This import is {self.status}, not uploading.")

    def public(self, text: str) -> str:
        """Return a text without the temporary folder."""
        return text.replace(f"{self._root}{os.sep}", "").replace(str(self._root), "the files sent")


def _committing(job: Import, batch: Batch) -> Callable[[Project], None]:
    return lambda _: job.commit(batch)


def _inside(path: str) -> PurePosixPath:
    """Return a relative path inside the folder. Raises InputError."""
    inside = PurePosixPath(path)
    if not path or inside.is_absolute() or ".." in inside.parts or "\0" in path:
        raise InputError(f"{path!r} is not a relative path.")
    return inside
