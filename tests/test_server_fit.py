"""The server fits the head in the background: soon, and without stopping answers."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify_anything import Classifier, KNeighborsHead
from classify_anything.project.project import Project
from classify_anything.server.background import Background
from classify_anything.server.project import LiveProject
from tests.photos import encoded, photo
from tests.server import RunningServer, run_server, start_server
from tests.tiny import write_backbone

MANY = 900
NAMES = ("cat", "coffee", "rocket")
QUESTIONS = [encoded(photo(name)[40:, 60:]) for name in (*NAMES, "astronaut")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.db"


@pytest.fixture(scope="session")
def wide_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fast backbone with a long embedding, so that a fit takes a while."""
    return write_backbone(tmp_path_factory.mktemp("wide") / "wide.onnx", name="wide", grid=16)


@pytest.fixture(scope="session")
def many_examples(tmp_path_factory: pytest.TempPathFactory, wide_backbone: Path) -> Path:
    path = tmp_path_factory.mktemp("many") / "project.db"
    random = np.random.default_rng(0)
    means = {name: random.integers(40, 216, (32, 32, 3)) for name in NAMES}
    noise = random.normal(0, 30, (MANY, 32, 32, 3))
    with Classifier(path, backbone=wide_backbone) as clf:
        clf.add_many(
            (name, (means[name] + noise[at]).clip(0, 255).astype(np.uint8))
            for at in range(MANY)
            for name in [NAMES[at % len(NAMES)]]
        )
    return path


@pytest.fixture
def many(many_examples: Path, path: Path) -> Path:
    return Path(shutil.copy(many_examples, path))


def answers_of(server: RunningServer) -> list[dict[str, float]]:
    """The probabilities of each class for each question."""
    found = []
    for question in QUESTIONS:
        reply = server.http.post("/api/predict", content=question).json()
        found.append({int(id_): p for id_, p in reply["probabilities"].items()})
    return found


def answers_if_opened_now(path: Path, backbone: Path) -> list[dict[str, float]]:
    """Those of a copy of the project, which has learnt nothing before."""
    copy = path.with_name("copy.db")
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(copy)) as other:
        one.backup(other)
    with Classifier(copy, backbone=backbone) as clf:
        ids = {name: id_ for id_, name in clf.project.labels.items()}
        return [
            {ids[name]: p for name, p in clf.predict(question).probabilities.items()}
            for question in QUESTIONS
        ]


def wait_until_current(server: RunningServer, path: Path, backbone: Path) -> None:
    expected = answers_if_opened_now(path, backbone)
    deadline = time.monotonic() + 60
    while True:
        found = answers_of(server)
        if all(
            one == pytest.approx(other, abs=1e-4)
            for one, other in zip(found, expected, strict=True)
        ):
            return
        assert time.monotonic() < deadline, (found, expected)
        time.sleep(0.1)


def press(server: RunningServer, class_id: int, image: bytes, key: str) -> int:
    with server.socket() as page:
        id_: int = page.add(class_id, image, key, key)["example_id"]
        return id_


def test_it_soon_decides_as_if_it_was_opened_now_whatever_changed(
    server: RunningServer, path: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    post, api = server.http.post, "/api"
    ids = [
        press(server, class_id, encoded(photo(name)[shift:, 2 * shift :]), f"{name} {shift}")
        for class_id, name in enumerate(NAMES, 1)
        for shift in range(0, 60, 10)
    ]
    wait_until_current(server, path, tiny_backbone)
    other = write_backbone(tmp_path / "other.onnx", name="other", grid=2)
    changes: list[tuple[Path, Callable[[], Any]]] = [
        (tiny_backbone, lambda: press(server, 2, QUESTIONS[3], "new")),
        (tiny_backbone, lambda: post(f"{api}/undo", json={})),
        (tiny_backbone, lambda: post(f"{api}/redo", json={})),
        (tiny_backbone, lambda: post(f"{api}/examples/move", json={"ids": ids[:3], "class_id": 3})),
        (tiny_backbone, lambda: server.http.delete(f"{api}/classes/2")),
        (tiny_backbone, lambda: post(f"{api}/undo", json={})),
        (tiny_backbone, lambda: server.http.patch(f"{api}/settings", json={"head": "classic"})),
        (tiny_backbone, lambda: server.http.patch(f"{api}/settings", json={"head": "adaptive"})),
        (other, lambda: post(f"{api}/backbones", json={"names": [str(other)], "use": True})),
    ]
    for backbone, change in changes:
        reply = change()
        assert isinstance(reply, int) or reply.is_success, reply.text
        wait_until(lambda name=backbone.stem: used(server) == name)
        wait_until_current(server, path, backbone)


def used(server: RunningServer) -> str:
    name: str = server.http.get("/api/state").json()["backbone"]
    return name


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_answers_go_on_while_it_is_fitted(many: Path, wide_backbone: Path) -> None:
    with run_server(many, wide_backbone) as server, server.socket() as page:
        wait_until_current(server, many, wide_backbone)
        page.add(1, QUESTIONS[3], "new")
        before = page.predict(QUESTIONS[0])["prediction"]
        answers = 1
        while page.predict(QUESTIONS[0])["prediction"]["neighbors"] == before["neighbors"]:
            answers += 1
        assert answers >= 5
        wait_until_current(server, many, wide_backbone)


@pytest.mark.parametrize("change", ["undo", "settings", "class", "backbone"])
def test_what_changes_during_a_fit_is_not_lost(
    many: Path, wide_backbone: Path, tiny_backbone: Path, change: str
) -> None:
    with run_server(many, wide_backbone) as server:
        press(server, 1, QUESTIONS[3], "new")
        match change:
            case "undo":
                server.http.post("/api/undo", json={})
            case "settings":
                server.http.patch("/api/settings", json={"head": "classic"})
                server.http.patch("/api/settings", json={"head": "adaptive"})
            case "class":
                server.http.delete("/api/classes/2")
            case "backbone":
                body = {"names": [str(tiny_backbone)], "use": True}
                server.http.post("/api/backbones", json=body).raise_for_status()
                wait_until(lambda: used(server) == "tiny")
        backbone = tiny_backbone if change == "backbone" else wide_backbone
        wait_until_current(server, many, backbone)


def test_the_server_ends_during_a_fit(many: Path, wide_backbone: Path) -> None:
    with start_server(many, "--backbone", wide_backbone) as server:
        press(server, 1, QUESTIONS[3], "new")
        assert server.stop() == 0
        assert server.process.stdout is not None
        assert "Traceback" not in server.process.stdout.read()


def test_after_a_fit_that_fails_the_next_change_is_fitted(
    path: Path, tiny_backbone: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveProject(lambda: Project(path, backbone=tiny_backbone))

    def teach(clf: Project) -> int:
        for name in NAMES:
            damaged = clf.add(name, photo(name))[0].id
        clf.refresh()
        views = np.ones((8, 3), np.float16)
        clf._model._head._views[damaged] = views  # type: ignore[attr-defined]
        return damaged

    async def fail_and_go_on() -> None:
        background = Background()
        background.start("fit", live.keep_fitted)
        damaged = await live.run(teach)
        while not background.errors:
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.2)
        assert caplog.text.count("Background task 'fit' failed") == 1
        await live.run(lambda clf: clf.remove(damaged))
        while await live.run(lambda clf: clf.model.needs_fit):
            await asyncio.sleep(0.01)
        background.cancel()

    try:
        asyncio.run(asyncio.wait_for(fail_and_go_on(), 60))
    finally:
        live.close()


def test_none_of_these_is_calibrated_beside_the_live_answer(
    many: Path, wide_backbone: Path
) -> None:
    threads = set[str]()
    held_out = KNeighborsHead.held_out

    def noticed(head: KNeighborsHead) -> Any:
        threads.add(threading.current_thread().name)
        return held_out(head)

    with Classifier(many, backbone=wide_backbone) as clf:
        clf.configure(head="classic", rejection_level=0.05)
        expected = [clf.predict(question).typicality for question in QUESTIONS]
    live = LiveProject(lambda: Project(many, backbone=wide_backbone))

    async def run() -> None:
        before = [(await live.predict(question)).typicality for question in QUESTIONS]
        assert before == [1.0] * len(QUESTIONS)
        background = Background()
        background.start("fit", live.keep_fitted)
        while await live.run(lambda project: project.model.needs_fit):
            await asyncio.sleep(0.01)
        after = [(await live.predict(question)).typicality for question in QUESTIONS]
        assert after == expected
        background.cancel()

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(KNeighborsHead, "held_out", noticed)
            asyncio.run(asyncio.wait_for(run(), 60))
    finally:
        live.close()
    assert threads
    assert not any(name.startswith("classifier") for name in threads)
