"""The server makes views in the background: after a press, once, and without losing anything."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify_anything.backbones import load_backbone
from tests.photos import encoded, photo
from tests.server import RunningServer, run_server, start_server
from tests.tiny import write_backbone


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.db"


@pytest.fixture
def slow_backbone(tmp_path: Path) -> Path:
    return write_backbone(tmp_path / "slow.onnx", slow=True)


def sql(path: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        return raw.execute(statement, values).fetchall()


def viewed(path: Path) -> list[int]:
    return [id_ for (id_,) in sql(path, "SELECT example_id FROM views ORDER BY example_id")]


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def press(server: RunningServer, count: int, name: str = "coffee") -> list[int]:
    """Add a recording through the socket; gives the ids once all are acknowledged."""
    with server.socket() as page:
        class_id = page.receive("state")["classes"][0]["id"]
        return [
            page.add(class_id, encoded(photo(name)[shift:]), f"{name} {shift}", name)["example_id"]
            for shift in range(count)
        ]


def add(server: RunningServer, count: int) -> None:
    """Add this many recordings of one example to each of two classes."""
    for label in ("cat", "coffee"):
        for shift in range(count):
            reply = server.http.post(
                "/api/examples", params={"label": label}, content=encoded(photo(label)[shift:])
            )
            assert reply.status_code == 201


def test_a_press_is_acknowledged_before_its_views_are_made(path: Path) -> None:
    with run_server(path) as server:
        ids = press(server, 10)
        assert viewed(path) == []
        wait_for(lambda: viewed(path) == [ids[0], ids[4], ids[8]])
        more = press(server, 2, "cat")
        wait_for(lambda: viewed(path) == [ids[0], ids[4], ids[8], more[0]])
    dimension = load_backbone().dimension
    lengths = sql(path, "SELECT DISTINCT length(vectors) FROM views")
    assert lengths == [(8 * dimension * 2,)]


def test_views_are_made_once(path: Path, tiny_backbone: Path) -> None:
    with run_server(path, tiny_backbone) as server:
        (first,) = press(server, 1)
        wait_for(lambda: viewed(path) == [first])
    as_it_was = np.ones((8, load_backbone(tiny_backbone).dimension), "<f2").tobytes()
    sql(path, "UPDATE views SET vectors = ?", as_it_was)
    with run_server(path, tiny_backbone) as server:
        (second,) = press(server, 1, "cat")
        wait_for(lambda: viewed(path) == [first, second])
    assert sql(path, "SELECT vectors FROM views WHERE example_id = ?", first) == [(as_it_was,)]


def test_a_page_sees_how_far_it_is_and_undo_on_the_way_loses_nothing(
    path: Path, slow_backbone: Path, tiny_backbone: Path
) -> None:
    with run_server(path, tiny_backbone) as server:
        add(server, 12)
    sql(path, "DELETE FROM views")
    with run_server(path, slow_backbone) as server, server.socket() as page:
        while not (state := page.receive("state"))["variations"]:
            pass
        assert state["variations"] == {"done": 0, "total": 24}
        wait_for(lambda: viewed(path))
        assert page.predict(encoded(photo("cat")))["prediction"]["label"] == "cat"
        undone = server.http.post("/api/undo", json={}).json()
        assert undone["classes"][-1]["examples"] == 11
        wait_for(lambda: len(viewed(path)) == 23)
        redone = server.http.post("/api/redo", json={}).json()
        assert redone["classes"][-1]["examples"] == 12
        wait_for(lambda: len(viewed(path)) == 24)
        wait_for(lambda: server.http.get("/api/state").json()["variations"] is None)
    assert sql(path, "SELECT count(*) FROM examples WHERE NOT removed") == [(24,)]


def test_the_server_ends_at_once_and_goes_on_when_it_is_started_again(
    path: Path, slow_backbone: Path
) -> None:
    with start_server(path, "--backbone", slow_backbone) as server:
        add(server, 6)
        wait_for(lambda: viewed(path))
        assert server.stop() == 0
        assert server.process.stdout is not None
        assert "Traceback" not in server.process.stdout.read()
    assert len(viewed(path)) < 12
    with run_server(path, slow_backbone):
        wait_for(lambda: len(viewed(path)) == 12)


def test_a_damaged_image_is_skipped(path: Path, tiny_backbone: Path) -> None:
    with run_server(path, tiny_backbone) as server:
        add(server, 3)
        wait_for(lambda: len(viewed(path)) == 6)
    damaged, *rest = viewed(path)
    sql(path, "DELETE FROM views")
    sql(path, "UPDATE examples SET image = ? WHERE id = ?", b"no image", damaged)
    with run_server(path, tiny_backbone) as server:
        wait_for(lambda: viewed(path) == rest)
        (new,) = press(server, 1, "rocket")
        wait_for(lambda: viewed(path) == [*rest, new])


def test_another_backbone_makes_views_of_its_own(
    server: RunningServer, path: Path, tmp_path: Path
) -> None:
    add(server, 2)
    wait_for(lambda: len(viewed(path)) == 4)
    other = write_backbone(tmp_path / "other.onnx", name="other", grid=2)
    server.http.post("/api/backbones", json={"names": [str(other)], "use": True})
    wait_for(lambda: len(viewed(path)) == 8)
    counts = sql(path, "SELECT count(*) FROM views GROUP BY backbone")
    assert counts == [(4,), (4,)]
