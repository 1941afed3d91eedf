"""Backbones over HTTP: compared, changed, and read layer by layer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from classify_anything.backbones import load_backbone
from tests.photos import encoded, photo
from tests.server import RunningServer

LITE = "efficientnet-lite0"


def ended(server: RunningServer) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        work = server.http.get("/api/backbones").json()["work"]
        if work["status"] != "running":
            return work
        time.sleep(0.05)
    raise AssertionError("the work has not ended")


def network(server: RunningServer, name: str) -> Any:
    found = server.http.get("/api/backbones").json()["backbones"]
    return next(one for one in found if one["name"] == name)


@pytest.fixture
def taught(server: RunningServer) -> RunningServer:
    for label in ("cat", "coffee"):
        for shift in range(4):
            query = {"label": label, "recording": f"{label}{shift % 2}"}
            server.http.post(
                "/api/examples", params=query, content=encoded(photo(label)[9 * shift :])
            )
    return server


def test_the_change_is_made_beside_the_live_answer_and_all_pages_hear(
    taught: RunningServer,
) -> None:
    with taught.socket() as socket:
        assert socket.receive("state")["backbone"] == "tiny"
        begun = taught.http.post("/api/backbones", json={"names": [LITE], "use": True})
        assert begun.status_code == 202
        picture = encoded(photo("cat"))
        assert socket.predict(picture)["prediction"]["label"] == "cat"
        assert ended(taught)["status"] == "done"
        assert socket.receive("state")["backbone"] == LITE
        assert socket.predict(picture)["prediction"]["label"] == "cat"
    assert network(taught, LITE)["used"]


def test_what_was_compared_is_known_until_the_project_changes(taught: RunningServer) -> None:
    assert network(taught, LITE)["accuracy"] is None
    taught.http.post("/api/backbones", json={"names": [LITE]})
    assert ended(taught)["status"] == "done"
    found = network(taught, LITE)
    assert found["accuracy"] == 1
    assert found["interval"][0] < found["interval"][1] == 1
    assert found["milliseconds"] > 0
    assert not found["used"]
    taught.http.post("/api/examples", params={"label": "cat"}, content=encoded(photo("rocket")))
    assert network(taught, LITE)["accuracy"] is None


def test_one_that_is_not_here_is_refused_with_the_way_to_get_it(taught: RunningServer) -> None:
    taught.http.post("/api/backbones", json={"names": ["mobilenet-v2"], "use": True})
    work = ended(taught)
    assert work["status"] == "failed"
    assert "classify-anything backbones pull mobilenet-v2" in work["error"]["message"]
    assert taught.http.get("/api/state").json()["backbone"] == "tiny"


def test_the_layers_are_those_of_the_backbone_in_use(taught: RunningServer) -> None:
    assert taught.http.get("/api/backbone/layers").json()["layers"] == []
    taught.http.post("/api/backbones", json={"names": [LITE], "use": True})
    assert ended(taught)["status"] == "done"
    found = taught.http.get("/api/backbone/layers").json()
    assert (found["name"], found["size"], found["dimension"]) == (LITE, 224, 1280)
    total = sum(layer["multiply_adds"] for layer in found["layers"])
    assert 0.38e9 < total < 0.40e9
    assert sum(layer["standard"] for layer in found["layers"]) > 7 * total


def test_the_backbone_and_what_is_learnt_can_be_fetched(taught: RunningServer, tmp_path) -> None:
    graph = tmp_path / "fetched.onnx"
    graph.write_bytes(taught.http.get("/api/backbone").content)
    square = np.zeros((1, 32, 32, 3), np.uint8)
    assert load_backbone(graph).embed(square).shape == (1, 48)
    data = taught.http.get("/api/knowledge").content
    assert data[:4] == b"CAKN"


def test_without_two_classes_there_is_nothing_to_fetch(server: RunningServer) -> None:
    answer = server.http.get("/api/knowledge")
    assert answer.status_code == 400
    assert "Fewer than two classes" in answer.json()["error"]["message"]
