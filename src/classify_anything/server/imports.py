"""Imports under way: files come in over HTTP, then they are added in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath
from typing import Literal, Self

from classify_anything.classifier import Classifier
from classify_anything.errors import (
    ClassifyAnythingError,
    ConflictError,
    InputError,
    NotFoundError,
)
from classify_anything.formats import read_dataset
from classify_anything.importing import Batch, Import
from classify_anything.server.messages import ErrorDetail, ImportInfo, ProblemInfo
from classify_anything.server.served import Served

log = logging.getLogger(__name__)

Status = Literal["uploading", "running", "done", "cancelled", "failed"]

_KEPT = 20
_MAX_PROBLEMS = 100
_BATCH = 16
"""Images a transaction: few, so that the live answer never waits long."""
_WRITE_BYTES = 2**20


class ImportJob:
    """One import: its files in a folder of its own, then the examples made of them."""

    def __init__(self, project: Served) -> None:
        self.id = secrets.token_hex(8)
        self.status: Status = "uploading"
        self._project = project
        self._folder = tempfile.TemporaryDirectory(prefix="classify-anything-")
        self._root = Path(self._folder.name).resolve()
        self._import: Import | None = None
        self._error: ErrorDetail | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False

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
            ConflictError: the import has begun already.
        """
        self._expect("uploading")
        file = self._root / _inside(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as target:
                waiting = bytearray()
                async for chunk in chunks:
                    waiting += chunk
                    if len(waiting) >= _WRITE_BYTES:
                        await asyncio.to_thread(target.write, bytes(waiting))
                        waiting.clear()
                await asyncio.to_thread(target.write, bytes(waiting))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}.") from error
        except BaseException:
            file.unlink(missing_ok=True)
            raise

    def start(self, label: str | None) -> Self:
        """Begin to add. Raises ConflictError if that was done already."""
        self._expect("uploading")
        self.status = "running"
        self._task = asyncio.create_task(self._run(label))
        return self

    async def cancel(self) -> None:
        """Stop, and leave the project as it was; what is done already stays."""
        self._cancelled = True
        if self._task:
            await self._task
        elif self.status == "uploading":
            await self._end("cancelled")

    async def _run(self, label: str | None) -> None:
        try:
            status = await self._add(label)
        except ClassifyAnythingError as error:
            self._error = ErrorDetail(code=error.code, message=self._outside(str(error)))
            status = "failed"
        except Exception:
            log.exception("An import failed")
            message = "Something went wrong inside; the terminal says more."
            self._error = ErrorDetail(code=ClassifyAnythingError.code, message=message)
            status = "failed"
        if status != "done" and self._import:
            discard = self._import.discard
            await self._project.run(lambda _: discard())
        await self._end(status)

    async def _add(self, label: str | None) -> Status:
        """Add everything, in small transactions between which the live answer goes on."""
        dataset = await asyncio.to_thread(read_dataset, [self._root], label=label, name_loose=False)

        def begin(classifier: Classifier) -> Import:
            return classifier.begin_import(dataset, workers=_workers(), batch=_BATCH)

        self._import = job = await self._project.run(begin)
        with contextlib.closing(job.batches()) as batches:
            while not self._cancelled:
                batch = await asyncio.to_thread(next, batches, None)
                if batch is None:
                    return "done"
                await self._project.run(_committing(job, batch))
        return "cancelled"

    async def _end(self, status: Status) -> None:
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
    """

    def __init__(self, project: Served, changing: Callable[[], bool]) -> None:
        self._project = project
        self._changing = changing
        self._jobs: dict[str, ImportJob] = {}

    @property
    def running(self) -> bool:
        """Whether pictures are being added."""
        return any(job.status == "running" for job in self._jobs.values())

    def start(self, import_id: str, label: str | None) -> ImportJob:
        """Begin to add what was sent.

        Raises:
            NotFoundError: there is no import with this id.
            ConflictError: that was done already, or the backbone is being changed.
        """
        job = self.find(import_id)
        if self._changing():
            raise ConflictError("The network is being changed. Add pictures when that is done.")
        return job.start(label)

    def begin(self) -> ImportJob:
        """Begin one."""
        over = [job for job in self._jobs.values() if job.status not in ("uploading", "running")]
        for job in over[: len(over) - _KEPT]:
            del self._jobs[job.id]
        job = ImportJob(self._project)
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


def _committing(job: Import, batch: Batch) -> Callable[[Classifier], None]:
    return lambda _classifier: job.commit(batch)


def _inside(path: str) -> PurePosixPath:
    """A relative path that stays inside. Raises InputError."""
    inside = PurePosixPath(path)
    if not path or inside.is_absolute() or ".." in inside.parts or "\0" in path:
        raise InputError(f"{path!r} is not a relative path.")
    return inside


def _workers() -> int:
    """One core is left for the live answer."""
    return max(1, (os.cpu_count() or 1) - 1)
