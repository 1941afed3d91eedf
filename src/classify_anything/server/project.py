"""The served project, its thread, and the pages that watch it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

from classify_anything.project.project import Project
from classify_anything.server.backend import Backend
from classify_anything.server.frames import FrameJob
from classify_anything.server.messages import (
    AddFrame,
    Answer,
    PredictFrame,
    PredictionInfo,
    State,
    VariationsInfo,
)
from classify_anything.server.translate import to_prediction, to_state
from classify_anything.server.watcher import Watcher

_POLL_SECONDS = 0.5
_REST = 1.0
"""Pause between two fits, as a multiple of the duration of the last one."""

T = TypeVar("T")


class LiveProject(Backend):
    """Runs jobs on the project one at a time, and notifies every watcher of changes.

    One thread owns the project, so nothing in it needs a lock; the event loop never waits for
    it. Its queue is as long as the number of clients, since each waits for its answer.

    Args:
        open_project: opens the project, on that thread.
        give_up: called on Ctrl+C; makes ``open_project`` stop.
    """

    def __init__(
        self,
        open_project: Callable[[], Project],
        give_up: Callable[[], object] = lambda: None,
    ) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="project")
        try:
            self._opened = self._thread.submit(open_project).result()
            self._thread.submit(self._opened.leave_fitting).result()
            self._state = self._thread.submit(to_state, self._opened).result()
        except BaseException:
            give_up()
            self._thread.shutdown()
            raise
        self._watchers: set[Watcher] = set()
        self._frames: list[FrameJob] = []
        self._changed = asyncio.Event()
        self._unfitted = -1

    @property
    def state(self) -> State:
        """The newest state."""
        return self._state

    async def newest(self) -> State:
        """Return the state, including changes by other processes."""
        await self.run(Project.refresh)
        return self._state

    async def predict(self, image: bytes) -> PredictionInfo:
        """Classify an image. Raises ImageError."""
        return await self.run(
            lambda project: to_prediction(project, *project.predict(project.embed(image)[None]))
        )

    async def answer(
        self, header: PredictFrame | AddFrame, image: bytes, received: float
    ) -> Answer:
        """Answer a frame, and add it if its header says so. Raises ImageError."""
        job = FrameJob(header, image, received)
        self._frames.append(job)
        try:
            return await self.run(lambda project: job.answer(project, tuple(self._frames)))
        finally:
            self._frames.remove(job)

    def expect_project(self) -> None:
        """Return: this is a project."""

    async def run(self, job: Callable[[Project], T]) -> T:
        """Run a job on the project's thread, and notify the watchers of changes."""
        loop = asyncio.get_running_loop()
        result, state, needs_fit = await loop.run_in_executor(self._thread, self._run, job)
        if needs_fit:
            self._changed.set()
        if state and state.revision >= self._state.revision:
            self._show(state, self._state.variations)
        return result

    def read(self, job: Callable[[Project], T]) -> T:
        """Run a job that changes nothing, from a thread other than the event loop's."""
        return self._thread.submit(job, self._opened).result()

    def show_variations(self, variations: VariationsInfo | None) -> None:
        """Show the progress of making views to the watchers; None once it has ended."""
        if variations != self._state.variations:
            self._show(self._state, variations)

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Watch the state, starting with the current one."""
        watcher = Watcher(self._state)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def follow_other_processes(self) -> None:
        """Poll for changes by other processes while a page is open."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if self._watchers:
                await self.run(Project.refresh)

    async def keep_fitted(self) -> None:
        """Fit the head to new examples on another thread; after an error, wait for more."""
        while True:
            try:
                rest = 0.0 if self._state.revision == self._unfitted else await self._fit()
            except Exception:
                self._unfitted = self._state.revision
                raise
            if rest:
                await asyncio.sleep(rest)
                continue
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _POLL_SECONDS)

    async def _fit(self) -> float:
        """Fit the head, and return the seconds to rest; 0 if nothing has changed."""
        pending = await self.run(lambda project: project.model.pending_fit())
        if pending is None:
            return 0.0
        start = perf_counter()
        fit, compared = await asyncio.to_thread(pending.fit)
        await self.run(lambda project: project.model.adopt_fit(pending, fit, compared))
        return _REST * (perf_counter() - start)

    def close(self) -> None:
        """Finish the last job and close the project."""
        self._thread.submit(self._opened.close).result()
        self._thread.shutdown()

    def _show(self, state: State, variations: VariationsInfo | None) -> None:
        self._state = state.model_copy(update={"variations": variations})
        for watcher in self._watchers:
            watcher.tell(self._state)

    def _run(self, job: Callable[[Project], T]) -> tuple[T, State | None, bool]:
        """Return a job's result, the state if it has changed, and whether the head needs a fit."""
        project, state = self._opened, self._state
        with project.store.checking_once():
            result = job(project)
            same = (project.revision, project.notice) == (state.revision, state.notice)
            return result, None if same else to_state(project), project.model.needs_fit
