"""Background jobs end, fail and are cancelled in one way, and spare a core for the live answer."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from classify_anything.errors import InputError
from classify_anything.export.formats.model_file import BrowserModel, write_browser_model
from classify_anything.project.project import Project
from classify_anything.server.jobs import Job
from classify_anything.server.project import LiveProject
from classify_anything.server.routes import backbone
from classify_anything.types import Progress
from classify_anything.workers import worker_count
from tests import loops
from tests.photos import plain


def ended(work: Callable[[], Awaitable[None]]) -> Job:
    job = Job()

    async def run() -> None:
        job.begin(work)
        await job.wait()

    loops.run(run())
    return job


def test_a_job_tells_its_own_errors_and_hides_all_others() -> None:
    async def wrong() -> None:
        raise InputError("Add a class.")

    async def broken() -> None:
        raise ValueError("secret")

    known, unknown = ended(wrong), ended(broken)
    assert (known.status, known.error and known.error.message) == ("failed", "Add a class.")
    assert unknown.error is not None
    assert unknown.error.message == "Internal error; see the terminal for details."


def test_a_library_that_catches_every_exception_does_not_stop_a_cancellation() -> None:
    began, go_on = threading.Event(), threading.Event()
    job = Job()

    def work() -> None:
        began.set()
        assert go_on.wait(30)
        try:
            job.show(Progress(1, 2))
        except Exception as error:
            raise InputError("The library failed.") from error

    async def run() -> None:
        job.begin(lambda: asyncio.to_thread(work))
        await asyncio.to_thread(began.wait)
        cancelled = asyncio.create_task(job.cancel())
        await asyncio.sleep(0)
        go_on.set()
        await cancelled

    loops.run(run())
    assert (job.status, job.error) == ("cancelled", None)


def test_a_job_and_its_threads_leave_one_core() -> None:
    counts = list[int]()

    async def work() -> None:
        counts.append(await asyncio.to_thread(worker_count))

    ended(work)
    cores = os.cpu_count() or 1
    assert counts == [max(1, cores - 1)]
    assert worker_count() == cores


def test_the_model_for_a_browser_is_written_off_the_classifiers_thread(
    tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveProject(lambda: Project(tmp_path / "project.db", backbone=tiny_backbone))
    began, go_on = threading.Event(), threading.Event()

    def held_back(model: BrowserModel, after: int) -> bytes:
        began.set()
        assert go_on.wait(30)
        return write_browser_model(model, after)

    async def run() -> bytes:
        for label, color in (("Mug", "red"), ("Cup", "blue")):
            await live.run(
                lambda project, label=label, color=color: project.add(label, plain(color))
            )
        written = asyncio.create_task(backbone.model(live))
        await asyncio.to_thread(began.wait, 30)
        assert (await live.predict(plain("red"))).label == "Mug"
        go_on.set()
        return bytes((await written).body)

    monkeypatch.setattr(backbone, "write_browser_model", held_back)
    try:
        assert loops.run(run()).startswith(b"CAKN")
    finally:
        go_on.set()
        live.close()
