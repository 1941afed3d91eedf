"""Imports over HTTP end well, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from classify_anything import Frames
from classify_anything.errors import ConflictError, NotFoundError
from classify_anything.project.project import Project
from classify_anything.server.imports import ImportJob
from classify_anything.server.jobs import Jobs
from classify_anything.server.project import LiveProject
from tests import loops
from tests.files import colored, write_video
from tests.photos import plain
from tests.server import RunningServer
from tests.test_server_datasets import begin, counts, ended


@pytest.fixture
def live(tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "sent").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "sent"))
    project = LiveProject(lambda: Project(tmp_path / "project.db", backbone=tiny_backbone))
    yield project
    project.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


def test_an_import_that_cannot_be_taken_back_has_failed_and_says_so(
    server: RunningServer, tmp_path: Path
) -> None:
    key = begin(server, {f"Cup/{n}.png": colored(n % 256, n // 256, 0) for n in range(300)})
    server.http.post(f"/api/imports/{key}/start", json={})
    while server.http.get(f"/api/imports/{key}").json()["added"] == 0:
        time.sleep(0.005)
    with sqlite3.connect(tmp_path / "project.db") as database:
        database.execute("drop table changes")
    database.close()
    info = ended(server, key)
    assert (info["status"], info["error"]["code"]) == ("failed", "store")
    assert info["change"] is not None, "what was added is still there"


def test_a_cancelled_import_gives_back_the_chance_to_redo(server: RunningServer) -> None:
    server.http.post("/api/examples", params={"label": "Mug"}, content=plain("red"))
    server.http.post("/api/undo", json={})
    before = server.http.get("/api/state").json()["redo"]
    key = begin(server, {f"Cup/{n}.png": colored(n % 256, n // 256, 0) for n in range(400)})
    server.http.post(f"/api/imports/{key}/start", json={})
    while server.http.get(f"/api/imports/{key}").json()["added"] == 0:
        time.sleep(0.005)
    assert server.http.get("/api/state").json()["redo"] is None
    assert server.http.delete(f"/api/imports/{key}").json()["status"] == "cancelled"
    assert server.http.get("/api/state").json()["redo"] == before is not None
    server.http.post("/api/redo", json={})
    assert counts(server) == {"Mug": 1}


def test_a_file_that_is_still_coming_is_not_waited_for(live: LiveProject, tmp_path: Path) -> None:
    async def story() -> None:
        job = ImportJob(live)
        goes_on = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield plain("red")
            await goes_on.wait()
            yield plain("blue")

        sending = asyncio.create_task(job.receive("Mug/1.png", slow()))
        await until(lambda: any(tmp_path.glob("sent/*/Mug/1.png")))
        with pytest.raises(ConflictError, match="still uploading"):
            job.start(None, Frames())
        await job.cancel()
        assert job.info.status == "cancelled"
        goes_on.set()
        with pytest.raises(ConflictError, match="cancelled"):
            await sending
        with pytest.raises(ConflictError, match="cancelled"):
            await job.receive("Mug/2.png", whole(plain("red")))

    loops.run(story())
    assert list(tmp_path.glob("sent/*")) == []


def test_an_import_that_nobody_goes_on_with_is_given_up(live: LiveProject, tmp_path: Path) -> None:
    async def story() -> ImportJob:
        left = ImportJob(live, patience=0.2)
        await left.receive("Mug/1.png", whole(plain("red")))
        started = ImportJob(live, patience=0.2)
        await started.receive("Mug/1.png", whole(plain("red")))
        started.start(None, Frames())
        await until(lambda: left.status == "cancelled" and started.status == "done")
        return left

    info = loops.run(story()).info
    assert info.error is not None
    assert info.error.message.startswith("Import cancelled: no data for ")
    assert list(tmp_path.glob("sent/*")) == []
    assert len(live.read(Project.examples)) == 1


def test_the_last_twenty_finished_imports_are_kept(live: LiveProject) -> None:
    async def story() -> None:
        imports = Jobs[ImportJob](kept=20)
        jobs = [imports.add(ImportJob(live)) for _ in range(22)]
        for job in jobs:
            await job.cancel()
        for expected_gone in (2, 3):
            jobs.append(imports.add(ImportJob(live)))
            for job in jobs[:expected_gone]:
                with pytest.raises(NotFoundError):
                    imports.find(job.id)
            assert [imports.find(job.id) for job in jobs[expected_gone:]] == jobs[expected_gone:]
            await jobs[-1].cancel()

    async def few() -> None:
        imports = Jobs[ImportJob](kept=20)
        jobs = []
        for _ in range(19):
            jobs.append(imports.add(ImportJob(live)))
            await jobs[-1].cancel()
        imports.add(ImportJob(live))
        assert [imports.find(job.id) for job in jobs] == jobs
        await imports.close()

    loops.run(story())
    loops.run(few())


def test_a_part_of_a_video_is_taken_at_a_rate(server: RunningServer, tmp_path: Path) -> None:
    video = write_video(tmp_path / "cup.avi", frames=40, rate=10).read_bytes()
    key = begin(server, {"Cup/cup.avi": video})
    wrong = {"fps": 2, "start": 3, "end": 1}
    reply = server.http.post(f"/api/imports/{key}/start", json=wrong)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_setting")
    right = {"fps": 2, "start": 1, "end": 3}
    assert server.http.post(f"/api/imports/{key}/start", json=right).status_code == 202
    assert ended(server, key)["added"] == 4
