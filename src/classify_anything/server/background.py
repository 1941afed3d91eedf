"""Background tasks that restart after errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from classify_anything.errors import ClassifyAnythingError
from classify_anything.workers import spare_core

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5
INTERNAL = "Internal error; see the terminal for details."


class Background:
    """Keeps tasks running until ``cancel``, and remembers the last error of each."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        """The last error of each task that failed, by the task's name."""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, follow: Callable[[], Awaitable[None]]) -> None:
        """Run a task, restarting it after errors, until it returns."""
        self._tasks.append(asyncio.create_task(self._run(name, follow)))

    def cancel(self) -> None:
        """End all tasks."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, name: str, follow: Callable[[], Awaitable[None]]) -> None:
        spare_core()
        while True:
            try:
                await follow()
            except ClassifyAnythingError as error:
                self._remember(name, str(error), error)
            except Exception as error:  # noqa: BLE001 - the task must continue after any error
                self._remember(name, INTERNAL, error)
            else:
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    def _remember(self, name: str, message: str, error: Exception) -> None:
        if self.errors.get(name) != message:  # a lasting error is logged once
            log.error("Background task %r failed: %s", name, error, exc_info=error)
        self.errors[name] = message
