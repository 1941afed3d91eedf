"""The interface of a served project or export, for the routes and the socket."""

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
"""Identifies this server run: the next one at the same address may serve another project."""


class Backend(ABC):
    """Answers all pages and programs; raises ``ReadOnlyError`` for changes to an export."""

    @property
    @abstractmethod
    def state(self) -> State:
        """The newest known state."""

    @abstractmethod
    async def newest(self) -> State:
        """Return the state, including changes by other processes."""

    @abstractmethod
    async def predict(self, image: bytes) -> PredictionInfo:
        """Classify an image. Raises ImageError."""

    @abstractmethod
    async def answer(
        self, header: PredictFrame | AddFrame, image: bytes, received: float
    ) -> Answer:
        """Answer a frame received at a time of ``perf_counter``.

        Raises:
            ImageError: the image cannot be read.
            ReadOnlyError: the frame is to be added to an export.
        """

    @abstractmethod
    def expect_project(self) -> None:
        """Raise ReadOnlyError if this is an export."""

    @abstractmethod
    async def run(self, job: Callable[[Project], T]) -> T:
        """Run a job on the project, and notify the watchers of changes.

        Raises:
            ReadOnlyError: this is an export.
        """

    @abstractmethod
    def read(self, job: Callable[[Project], T]) -> T:
        """Run a job that changes nothing, from a thread other than the event loop's.

        Raises:
            ReadOnlyError: this is an export.
        """

    @abstractmethod
    def show_variations(self, variations: VariationsInfo | None) -> None:
        """Show the progress of making views to the watchers; None once it has ended.

        Raises:
            ReadOnlyError: this is an export.
        """

    @abstractmethod
    def watch(self) -> AbstractContextManager[Watcher]:
        """Watch the state, starting with the current one."""

    @abstractmethod
    async def follow_other_processes(self) -> None:
        """Poll for changes by other processes while a page is open."""

    @abstractmethod
    async def keep_fitted(self) -> None:
        """Fit the head to new examples, until cancelled."""

    @abstractmethod
    def close(self) -> None:
        """Finish the last job and close everything."""
