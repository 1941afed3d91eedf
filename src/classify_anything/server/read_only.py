"""Serve an export: it answers like its project and never changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import NoReturn, TypeVar

from classify_anything._version import __version__
from classify_anything.errors import ReadOnlyError
from classify_anything.export.onnx_model import Exported
from classify_anything.images import read_picture
from classify_anything.project.project import Project
from classify_anything.server.backend import SERVER_RUN_ID, Backend
from classify_anything.server.frames import timings
from classify_anything.server.messages import (
    AddFrame,
    Answer,
    ClassInfo,
    PredictFrame,
    PredictionInfo,
    SettingsInfo,
    State,
    VariationsInfo,
)
from classify_anything.server.translate import to_prediction
from classify_anything.server.watcher import Watcher

T = TypeVar("T")


class ReadOnlyBackend(Backend):
    """Classify one picture at a time, on a dedicated thread."""

    def __init__(self, exported: Exported) -> None:
        self._exported = exported
        self._state = _to_state(exported)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="export")

    @property
    def state(self) -> State:
        """The state, which never changes."""
        return self._state

    async def newest(self) -> State:
        """The state, which never changes."""
        return self._state

    async def predict(self, image: bytes) -> PredictionInfo:
        """Classify an image. Raises ImageError."""
        return await self._on_thread(
            lambda: to_prediction(self._exported, self._exported.predict(image))
        )

    async def answer(
        self, header: PredictFrame | AddFrame, image: bytes, received: float
    ) -> Answer:
        """Answer a frame. Raises ImageError, or ReadOnlyError for a frame to add."""
        if isinstance(header, AddFrame):
            self.expect_project()
        return await self._on_thread(lambda: self._answer(header.seq, image, received))

    def expect_project(self) -> NoReturn:
        """Raise ReadOnlyError: an export is not a project."""
        raise ReadOnlyError(
            f"{self._exported.path.name} is an export, which only answers: it has no examples, and "
            "nothing in it can be added or changed. Open the project for that."
        )

    async def run(self, job: Callable[[Project], T]) -> T:  # noqa: ARG002
        """Raise ReadOnlyError: there is no project."""
        self.expect_project()

    def read(self, job: Callable[[Project], T]) -> T:  # noqa: ARG002
        """Raise ReadOnlyError: there is no project."""
        self.expect_project()

    def show_variations(self, variations: VariationsInfo | None) -> None:  # noqa: ARG002
        """Raise ReadOnlyError: there are no examples."""
        self.expect_project()

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Watch the state, which is sent once."""
        yield Watcher(self._state)

    async def follow_other_processes(self) -> None:
        """Return: an export does not change."""

    async def keep_fitted(self) -> None:
        """Return: an export is not trained."""

    def close(self) -> None:
        """Finish the last picture and stop the thread."""
        self._thread.shutdown()

    async def _on_thread(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    def _answer(self, seq: int, image: bytes, received: float) -> Answer:
        times = [received, perf_counter()]
        picture = read_picture(image, self._exported.metadata.size)
        times.append(perf_counter())
        prediction = to_prediction(self._exported, self._exported.predict(picture))
        # The file is one graph: its head counts as part of the backbone, and there is no store.
        times += [perf_counter()] * 3
        return Answer(
            seq=seq,
            revision=self._state.revision,
            prediction=prediction,
            example_id=None,
            change=None,
            timings=timings(times),
        )


def _to_state(exported: Exported) -> State:
    metadata = exported.metadata
    return State(
        revision=0,
        project=metadata.project,
        backbone=metadata.backbone,
        version=__version__,
        image_size=metadata.size,
        settings=SettingsInfo(
            head="classic" if metadata.head == "cosine" else "adaptive",
            rejection_level=metadata.rejection_level,
        ),
        classes=[
            ClassInfo(id=item.id, name=item.name, color=item.color, examples=count, latest=[])
            for item, count in zip(metadata.classes, metadata.examples, strict=True)
        ],
        undo=None,
        redo=None,
        notice="",
        read_only=True,
        smoothing=metadata.smoothing,
        run=SERVER_RUN_ID,
    )
