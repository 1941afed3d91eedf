"""Background tasks log an error, show it and go on."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from classify_anything.server.background import Background
from classify_anything.store import NewExample, Store
from tests import loops
from tests.server import RunningServer
from tests.test_server_views import wait_for


def test_a_task_that_fails_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        background, runs, ended = Background(), [], asyncio.Event()

        async def follow() -> None:
            runs.append(len(runs))
            if len(runs) < 3:
                raise ValueError("secret")
            ended.set()

        background.start("fit", follow)
        await asyncio.wait_for(ended.wait(), 30)
        assert background.errors == {"fit": "Internal error; see the terminal for details."}
        background.cancel()

    with caplog.at_level(logging.ERROR):
        loops.run(run())
    assert [one.message for one in caplog.records] == ["Background task 'fit' failed: secret"]


def test_the_server_goes_on_following_after_an_error(
    server: RunningServer, tmp_path: Path, tiny_backbone: Path
) -> None:
    def errors() -> dict[str, str]:
        found: dict[str, str] = server.http.get("/healthz").json()["errors"]
        return found

    assert errors() == {}
    other = Store(tmp_path / "project.db")
    with server.socket() as page:
        page.receive("state")
        damaged = NewExample("Mug", b"no image", "image/png", 1, 1, "test", [1.0])
        (added,) = other.add([damaged], "another backbone")
        wait_for(lambda: {"changes", "fit", "backbone"} <= errors().keys())
        other.remove_examples([added.id])
        while all(item["name"] != "Mug" for item in page.receive("state")["classes"]):
            pass
        other.add_class("Cup")
        while all(item["name"] != "Cup" for item in page.receive("state")["classes"]):
            pass
    other.close()
