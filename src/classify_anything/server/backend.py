"""What the routes and the socket need of that which is served: a project, or an export."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from classify_anything.server.messages import (
    AddFrame,
    Answer,
    PredictFrame,
    PredictionInfo,
    State,
    VariationsInfo,
)
from classify_anything.server.watcher import Watcher

if TYPE_CHECKING:
    from classify_anything.project.project import Project

T = TypeVar("T")

SERVER_RUN_ID = secrets.token_hex(8)
"""Names this run of the server: the next one at its address may have another project."""


class Backend(ABC):
    """Answers for all pages and programs at once; ``ReadOnlyError`` is for what cannot change."""

    @property
    @abstractmethod
    def state(self) -> State:
        """The newest state that is known."""

    @abstractmethod
    async def newest(self) -> State:
        """The state, after a look at what others have changed."""

    @abstractmethod
    async def predict(self, image: bytes) -> PredictionInfo:
        """Say what an image shows. Raises ImageError."""

    @abstractmethod
    async def answer(
        self, header: PredictFrame | AddFrame, image: bytes, received: float
    ) -> Answer:
        """Answer a frame that came at a time of ``perf_counter``.

        Raises:
            ImageError: it cannot be read.
            ReadOnlyError: it is to be added to an export.
        """

    @abstractmethod
    def expect_project(self) -> None:
        """Raise FrozenError if this is an export."""

    @abstractmethod
    async def run(self, job: Callable[[Project], T]) -> T:
        """Run a job on the project; whoever watches hears of what it changed.

        Raises:
            ReadOnlyError: there is no project, but an export.
        """

    @abstractmethod
    def read(self, job: Callable[[Project], T]) -> T:
        """Run a job that changes nothing; for other threads than the event loop's.

        Raises:
            ReadOnlyError: there is no project, but an export.
        """

    @abstractmethod
    def show_variations(self, variations: VariationsInfo | None) -> None:
        """Tell whoever watches how far the making of views is; None once it has ended.

        Raises:
            ReadOnlyError: there is no project, but an export.
        """

    @abstractmethod
    def watch(self) -> AbstractContextManager[Watcher]:
        """Watch the state, from the present one on."""

    @abstractmethod
    async def follow_other_processes(self) -> None:
        """Look, while a page is open, whether another process has changed something."""

    @abstractmethod
    async def keep_fitted(self) -> None:
        """Fit the head to new examples, until cancelled."""

    @abstractmethod
    def close(self) -> None:
        """Let the last job end, and close all."""
