"""Background jobs: progress, errors, cancellation and removal."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Generic, Literal, TypeVar

from classify_anything.errors import ClassifyAnythingError, NotFoundError
from classify_anything.server.background import INTERNAL
from classify_anything.server.messages import ErrorDetail
from classify_anything.types import Progress
from classify_anything.workers import spare_core

log = logging.getLogger(__name__)

Status = Literal["running", "done", "cancelled", "failed"]


class Cancelled(BaseException):
    """End a cancelled job; no ``except Exception`` in a library can swallow it."""


class Job:
    """A background job."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(8)
        self.status: Status = "running"
        self.progress = Progress(0, None)
        self.error: ErrorDetail | None = None
        self._cancelled = False
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the job is running."""
        return self.status == "running"

    def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run the work, with one core spared for the live answer."""
        self._task = asyncio.create_task(self._run(work))

    def show(self, progress: Progress) -> None:
        """Keep the progress. Raises Cancelled once the job is cancelled."""
        self.check()
        self.progress = progress

    def check(self) -> None:
        """Raise Cancelled once the job is cancelled."""
        if self._cancelled:
            raise Cancelled

    async def cancel(self) -> None:
        """Stop at the next ``check``, and wait for the end; do nothing if ended."""
        self._cancelled = True
        await self.wait()

    async def wait(self) -> None:
        """Wait for the end; cancelling the wait does not cancel the job."""
        if self._task:
            await asyncio.wait([self._task])

    def close(self) -> None:
        """Delete the files of the ended job."""

    def public(self, text: str) -> str:
        """Return an error message without the paths of temporary files."""
        return text

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        spare_core()
        status: Status = "done"
        try:
            await work()
        except Cancelled:
            status = "cancelled"
        except ClassifyAnythingError as error:
            status = "failed"
            self.error = ErrorDetail(code=error.code, message=self.public(str(error)))
        except Exception:
            log.exception("%s failed", type(self).__name__)
            status = "failed"
            self.error = ErrorDetail(code=ClassifyAnythingError.code, message=INTERNAL)
        self.status = status


J = TypeVar("J", bound=Job)


class Jobs(Generic[J]):
    """The running jobs of one kind, and the last few that have ended.

    Args:
        kept: number of ended jobs to keep.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._jobs: dict[str, J] = {}

    @property
    def running(self) -> bool:
        """Whether a job is running."""
        return any(job.running for job in self._jobs.values())

    def add(self, job: J) -> J:
        """Keep a new job, and forget the oldest ended ones."""
        for old in [job for job in self._jobs.values() if job.status != "running"][: -self._kept]:
            self._jobs.pop(old.id).close()
        self._jobs[job.id] = job
        return job

    def find(self, job_id: str) -> J:
        """Return the job with this id. Raises NotFoundError."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFoundError(f"Unknown job {job_id!r}.") from None

    async def drop(self, job_id: str) -> None:
        """Cancel and forget a job. Raises NotFoundError."""
        job = self.find(job_id)
        del self._jobs[job_id]
        await job.cancel()
        await asyncio.to_thread(job.close)

    async def close(self) -> None:
        """Cancel and forget all jobs."""
        await asyncio.gather(*(self.drop(job_id) for job_id in list(self._jobs)))
