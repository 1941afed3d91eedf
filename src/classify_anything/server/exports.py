"""Exports under way: made in the background, checked, then fetched as a file."""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

from classify_anything.errors import ClassifyAnythingError, ConflictError, NotFoundError
from classify_anything.export.onnx_model import load_export
from classify_anything.export.write import Options, write_export
from classify_anything.project.snapshot import take_snapshot
from classify_anything.server.backend import Backend
from classify_anything.server.messages import ErrorDetail, ExportInfo, ExportRequest
from classify_anything.types import Progress

log = logging.getLogger(__name__)

_KEPT = 5
_ENDINGS = {"onnx": ".onnx", "web": "-page.zip", "zip": ".zip", "tfjs-knn": ".json"}


def options_of(wanted: ExportRequest) -> Options:
    """How it is to be written."""
    return Options(**wanted.model_dump(exclude={"format"}))


class _Cancelled(Exception):  # noqa: N818 - no error
    """Ends the work of an export that nobody wants any more."""


class ExportJob:
    """One export, in a folder of its own that goes when it is closed."""

    def __init__(self, project: Backend, wanted: ExportRequest) -> None:
        self.id = secrets.token_hex(8)
        self.status: Literal["running", "done", "cancelled", "failed"] = "running"
        self.name = project.state.project + _ENDINGS[wanted.format]
        self._project = project
        self._wanted = wanted
        self._folder = tempfile.TemporaryDirectory(prefix="classify-anything-")
        self._progress = Progress(0, None)
        self._notes: list[str] = []
        self._threshold: float | None = None
        self._error: ErrorDetail | None = None
        self._cancelled = False
        self._task = asyncio.create_task(self._run())

    @property
    def path(self) -> Path:
        """The file, once it is done. Raises ConflictError before."""
        if self.status != "done":
            raise ConflictError(f"This export is {self.status}, not done.")
        return self._path

    @property
    def info(self) -> ExportInfo:
        """How far it is."""
        return ExportInfo(
            id=self.id,
            status=self.status,
            text=self._progress.text or "Writing",
            done=self._progress.done,
            total=self._progress.total,
            name=self.name,
            bytes=self._path.stat().st_size if self.status == "done" else None,
            notes=self._notes,
            threshold=self._threshold,
            error=self._error,
        )

    async def close(self) -> None:
        """Stop, and delete what was made."""
        self._cancelled = True
        await self._task
        await asyncio.to_thread(self._folder.cleanup)

    @property
    def _path(self) -> Path:
        return Path(self._folder.name, f"export{_ENDINGS[self._wanted.format]}")

    async def _run(self) -> None:
        try:
            await asyncio.to_thread(self._write)
            self.status = "done"
        except _Cancelled:
            self.status = "cancelled"
        except ClassifyAnythingError as error:
            text = str(error).replace(f"{self._folder.name}/", "")
            self._error = ErrorDetail(code=error.code, message=text)
            self.status = "failed"
        except Exception:
            log.exception("An export failed")
            message = "Something went wrong inside; the terminal says more."
            self._error = ErrorDetail(code=ClassifyAnythingError.code, message=message)
            self.status = "failed"

    def _write(self) -> None:
        wanted = self._wanted
        options = replace(options_of(wanted), progress=self._show)
        with self._project.read(take_snapshot) as snapshot:
            self._notes = list(write_export(snapshot, self._path, wanted.format, options).notes)
        if wanted.format == "onnx":
            self._threshold = load_export(self._path).facts.threshold

    def _show(self, progress: Progress) -> None:
        if self._cancelled:
            raise _Cancelled
        self._progress = progress


class Exports:
    """The exports of a server, the last few of them."""

    def __init__(self, project: Backend) -> None:
        self._project = project
        self._jobs: dict[str, ExportJob] = {}

    async def begin(self, wanted: ExportRequest) -> ExportJob:
        """Begin one."""
        for job in [job for job in self._jobs.values() if job.status != "running"][:-_KEPT]:
            await self.drop(job.id)
        job = ExportJob(self._project, wanted)
        self._jobs[job.id] = job
        return job

    def find(self, export_id: str) -> ExportJob:
        """The export with this id. Raises NotFoundError."""
        try:
            return self._jobs[export_id]
        except KeyError:
            raise NotFoundError(f"No export {export_id}.") from None

    async def drop(self, export_id: str) -> None:
        """Cancel it if it is under way, and delete its file. Raises NotFoundError."""
        job = self.find(export_id)
        del self._jobs[export_id]
        await job.close()

    async def close(self) -> None:
        """Cancel all, and leave nothing behind."""
        for export_id in list(self._jobs):
            await self.drop(export_id)
