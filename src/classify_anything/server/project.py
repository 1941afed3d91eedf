"""The one classifier, its one thread, and the pages that watch it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from classify_anything.classifier import Classifier
from classify_anything.evaluation import best_head
from classify_anything.server.frames import FrameJob
from classify_anything.server.messages import (
    AddFrame,
    Answer,
    PredictFrame,
    PredictionInfo,
    State,
)
from classify_anything.server.served import Served
from classify_anything.server.translate import to_prediction, to_state
from classify_anything.server.watcher import Watcher

_POLL_SECONDS = 0.5

T = TypeVar("T")


class LiveProject(Served):
    """Runs jobs on the classifier one after the other, and tells every watcher what changed.

    One thread owns the classifier, so nothing in it needs a lock; the event loop never waits for
    it. Its queue is as long as the number of clients, since each waits for its answer.

    Args:
        open_classifier: opens it, on that thread.
        give_up: is called when the opening is no longer wanted, on Ctrl+C, and should end it.
    """

    def __init__(
        self,
        open_classifier: Callable[[], Classifier],
        give_up: Callable[[], object] = lambda: None,
    ) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="classifier")
        try:
            self._classifier = self._thread.submit(open_classifier).result()
            self._classifier.leave_choosing()
            self._state = self._thread.submit(to_state, self._classifier).result()
        except BaseException:
            give_up()
            self._thread.shutdown()
            raise
        self._watchers: set[Watcher] = set()
        self._frames: list[FrameJob] = []

    @property
    def state(self) -> State:
        """The newest state."""
        return self._state

    async def newest(self) -> State:
        """The state, after a look at what other processes have changed."""
        await self.run(Classifier.refresh)
        return self._state

    async def predict(self, image: bytes) -> PredictionInfo:
        """Say what an image shows. Raises ImageError."""
        return await self.run(lambda clf: to_prediction(clf, clf.predict(image)))

    async def answer(
        self, header: PredictFrame | AddFrame, image: bytes, received: float
    ) -> Answer:
        """Answer a frame, and keep it if it is to be added. Raises ImageError."""
        job = FrameJob(header, image, received)
        self._frames.append(job)
        try:
            return await self.run(lambda clf: job.answer(clf, tuple(self._frames)))
        finally:
            self._frames.remove(job)

    def expect_project(self) -> None:
        """It is one."""

    async def run(self, job: Callable[[Classifier], T]) -> T:
        """Run a job on the classifier's thread; whoever watches hears of what it changed."""
        loop = asyncio.get_running_loop()
        result, state = await loop.run_in_executor(self._thread, self._run, job)
        if state is not self._state and state.revision >= self._state.revision:
            self._state = state
            for watcher in self._watchers:
                watcher.tell(state)
        return result

    def read(self, job: Callable[[Classifier], T]) -> T:
        """Run a job that changes nothing; for other threads than the event loop's."""
        return self._thread.submit(job, self._classifier).result()

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Watch the state, from the present one on."""
        watcher = Watcher(self._state)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def follow_other_processes(self) -> None:
        """Look, while a page is open, whether another process has changed the project."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if self._watchers:
                await self.run(Classifier.refresh)
            await self._choose_head()

    async def _choose_head(self) -> None:
        """Find out beside the live answer which head is best, when it is time to."""
        lesson = await self.run(Classifier.to_choose_by)
        if lesson:
            best, _ = await asyncio.to_thread(best_head, lesson)
            await self.run(lambda clf: clf.take_choice(best, lesson))

    def close(self) -> None:
        """Let the last job end, and close the project."""
        self._thread.submit(self._classifier.close).result()
        self._thread.shutdown()

    def _run(self, job: Callable[[Classifier], T]) -> tuple[T, State]:
        result = job(self._classifier)
        clf, state = self._classifier, self._state
        known = (state.revision, state.settings.deciding, state.notice)
        if (clf.revision, clf.head_name, clf.notice) == known:
            return result, self._state
        return result, to_state(self._classifier)
