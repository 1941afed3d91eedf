"""Backbones over HTTP: compared, changed, and read layer by layer."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify_anything import Classifier
from classify_anything.backbones import load_backbone
from classify_anything.export.formats.model_reader import read_browser_model
from tests.photos import encoded, photo
from tests.server import RunningServer, Socket, run_server
from tests.tiny import write_backbone

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


@pytest.fixture
def other_backbone(tmp_path: Path) -> Path:
    return write_backbone(tmp_path / "other.onnx", name="other", grid=2)


def told(socket: Socket, backbone: str) -> Any:
    """The first state in which this backbone looks."""
    while True:
        state = socket.receive("state")
        if state["backbone"] == backbone:
            return state


def test_the_change_is_made_beside_the_live_answer_and_all_pages_hear(
    taught: RunningServer, tmp_path: Path
) -> None:
    slow = write_backbone(tmp_path / "slow.onnx", name="slow", slow=True)
    for shift in range(40):
        picture = encoded(photo("rocket")[shift:])
        taught.http.post("/api/examples", params={"label": "rocket"}, content=picture)
    with taught.socket() as socket, taught.socket() as another:
        assert another.receive("state")["backbone"] == "tiny"
        begun = taught.http.post("/api/backbones", json={"names": [str(slow)], "use": True})
        assert begun.status_code == 202
        picture = encoded(photo("cat"))
        answers = 0
        while True:
            prediction = socket.predict(picture)["prediction"]
            work = taught.http.get("/api/backbones").json()["work"]
            if work["status"] != "running":
                break
            answers += 1
            assert prediction["label"] == "cat"
            assert taught.http.get("/api/state").json()["backbone"] in ("tiny", "slow")
        assert answers > 3, "it answers while the other one looks at the pictures"
        assert work["status"] == "done", work
        told(another, "slow")
        assert socket.predict(picture)["prediction"]["label"] == "cat"
    assert network(taught, str(slow))["used"]


def test_what_was_compared_stays_known_and_tells_whether_it_still_holds(
    taught: RunningServer,
) -> None:
    assert network(taught, LITE)["accuracy"] is None
    taught.http.post("/api/backbones", json={"names": [LITE]})
    assert ended(taught)["status"] == "done"
    found = network(taught, LITE)
    assert found["accuracy"] == 1
    assert found["interval"][0] < found["interval"][1] == 1
    assert found["milliseconds"] > 0
    assert not found["used"]
    assert found["current"]
    classes = taught.http.get("/api/state").json()["classes"]
    cat = next(one["id"] for one in classes if one["name"] == "cat")
    taught.http.patch(f"/api/classes/{cat}", json={"name": "Tom"})
    taught.http.post("/api/backbones", json={"names": [LITE], "use": True})
    assert ended(taught)["status"] == "done"
    assert network(taught, LITE) == {**found, "used": True}, "no example has changed"
    taught.http.post("/api/examples", params={"label": "Tom"}, content=encoded(photo("rocket")))
    assert network(taught, LITE)["accuracy"] == 1
    assert not network(taught, LITE)["current"]


def test_a_file_is_compared_like_all_others_and_one_can_go_back_to_it(
    taught: RunningServer, tiny_backbone: Path, other_backbone: Path
) -> None:
    file, other = str(tiny_backbone), str(other_backbone)
    found = network(taught, file)
    assert (found["title"], found["used"], found["here"]) == ("tiny", True, True)
    assert found["dimension"] == 48
    taught.http.post("/api/backbones", json={"names": [file, LITE]})
    assert ended(taught)["status"] == "done"
    assert network(taught, file)["accuracy"] == network(taught, LITE)["accuracy"] == 1
    for name, title in ((other, "other"), (LITE, LITE), (file, "tiny"), (other, "other")):
        taught.http.post("/api/backbones", json={"names": [name], "use": True})
        assert ended(taught)["status"] == "done"
        assert taught.http.get("/api/state").json()["backbone"] == title
        found = taught.http.get("/api/backbones").json()["backbones"]
        assert [one["name"] for one in found if one["used"]] == [name]
        assert {file, other} <= {one["name"] for one in found} or name != LITE
    names = [one["name"] for one in found]
    assert len(names) == len(set(names))


def test_a_path_that_is_relative_is_remembered_so_that_it_holds_anywhere(
    taught: RunningServer, other_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relative = os.path.relpath(other_backbone)
    taught.http.post("/api/backbones", json={"names": [relative], "use": True})
    assert ended(taught)["status"] == "done"
    monkeypatch.chdir(tmp_path)
    with Classifier(tmp_path / "project.db") as clf:
        assert (clf.backbone.name, clf.notice) == ("other", "")
        assert clf.settings.backbone == str(other_backbone)


def test_a_file_named_like_one_of_the_list_is_not_taken_for_it(tmp_path: Path) -> None:
    file = write_backbone(tmp_path / f"{LITE}.onnx", name=LITE)
    with run_server(tmp_path / "project.db", file) as running:
        found = running.http.get("/api/backbones").json()["backbones"]
        assert [one["name"] for one in found if one["used"]] == [str(file)]
        assert not network(running, LITE)["used"]


def test_variants_that_were_made_are_listed(
    tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "cache"))
    load_backbone(f"{LITE}@fp16")
    load_backbone(f"{tiny_backbone}@fp16")
    with run_server(tmp_path / "project.db", tiny_backbone) as running:
        found = network(running, f"{LITE}@fp16")
        assert (found["here"], found["used"], found["top1"]) == (True, False, 0)
        assert found["license"] == "Apache-2.0"


def test_what_another_process_makes_the_projects_is_used_on_the_page_too(
    taught: RunningServer, tmp_path: Path, tiny_backbone: Path, other_backbone: Path
) -> None:
    with (
        taught.socket() as socket,
        Classifier(tmp_path / "project.db", backbone=tiny_backbone) as elsewhere,
    ):
        elsewhere.change_backbone(other_backbone)
        told(socket, "other")
        assert socket.predict(encoded(photo("cat")))["prediction"]["label"] == "cat"
        elsewhere.change_backbone(tiny_backbone)
        told(socket, "tiny")


def test_a_backbone_that_the_page_cannot_use_is_reported(
    taught: RunningServer, tmp_path: Path, tiny_backbone: Path, other_backbone: Path
) -> None:
    with (
        taught.socket() as socket,
        Classifier(tmp_path / "project.db", backbone=tiny_backbone) as elsewhere,
    ):
        elsewhere.project.use_backbone(load_backbone(other_backbone), name="elsewhere-only")
        while not (state := socket.receive("state"))["notice"]:
            pass
        assert state["notice"].startswith("Unknown backbone 'elsewhere-only'.")
        assert state["backbone"] == "tiny"
        elsewhere.project.use_backbone(load_backbone(other_backbone), name="x@elsewhere")
        while "Unknown precision 'elsewhere'" not in (state := socket.receive("state"))["notice"]:
            pass
        assert not network(taught, "x@elsewhere")["here"]
        elsewhere.change_backbone(tiny_backbone)
        while (state := socket.receive("state"))["notice"]:
            pass
        assert state["backbone"] == "tiny"
        taught.http.post("/api/backbones", json={"names": [str(tiny_backbone)], "use": True})
        assert ended(taught)["status"] == "done"
        assert taught.http.get("/api/state").json()["notice"] == ""


def test_nothing_is_imported_while_the_backbone_changes(
    taught: RunningServer, tmp_path: Path
) -> None:
    slow = write_backbone(tmp_path / "slow.onnx", name="slow", slow=True)
    begun = taught.http.post("/api/imports").json()["id"]
    taught.http.put(f"/api/imports/{begun}/files/owl/1.jpg", content=encoded(photo("astronaut")))
    taught.http.post("/api/backbones", json={"names": [str(slow)], "use": True})
    refused = taught.http.post(f"/api/imports/{begun}/start", json={})
    assert refused.status_code == 409
    assert "The backbone is being changed" in refused.json()["error"]["message"]
    assert ended(taught)["status"] == "done"
    assert taught.http.post(f"/api/imports/{begun}/start", json={}).status_code == 202


def test_the_backbone_does_not_change_while_pictures_are_imported(
    tmp_path: Path, other_backbone: Path
) -> None:
    slow = write_backbone(tmp_path / "slow.onnx", name="slow", slow=True)
    with run_server(tmp_path / "project.db", slow) as running:
        begun = running.http.post("/api/imports").json()["id"]
        for shift in range(30):
            running.http.put(
                f"/api/imports/{begun}/files/owl/{shift}.jpg",
                content=encoded(photo("astronaut")[shift:]),
            )
        running.http.post(f"/api/imports/{begun}/start", json={})
        choice = {"names": [str(other_backbone)], "use": True}
        refused = running.http.post("/api/backbones", json=choice)
        assert refused.status_code == 409
        assert "Pictures are being added" in refused.json()["error"]["message"]
        while running.http.get(f"/api/imports/{begun}").json()["status"] == "running":
            time.sleep(0.05)
        assert running.http.post("/api/backbones", json=choice).status_code == 202


def test_one_that_is_not_here_is_refused_with_the_way_to_get_it(taught: RunningServer) -> None:
    taught.http.post("/api/backbones", json={"names": ["mobilenet-v2"], "use": True})
    work = ended(taught)
    assert work["status"] == "failed"
    assert "classify-anything backbones pull mobilenet-v2" in work["error"]["message"]
    assert taught.http.get("/api/state").json()["backbone"] == "tiny"


@pytest.mark.parametrize("name", ["\ud800.onnx", "a\0b.onnx"])
def test_what_can_be_no_name_is_refused(taught: RunningServer, name: str) -> None:
    body, kind = json.dumps({"names": [name], "use": True}), {"Content-Type": "application/json"}
    refused = taught.http.post("/api/backbones", content=body, headers=kind)
    assert refused.status_code == 400
    assert "Invalid backbone name" in refused.json()["error"]["message"]
    assert taught.http.get("/api/backbones").status_code == 200


def test_the_answer_goes_on_while_what_comes_back_is_looked_at(
    taught: RunningServer, tmp_path: Path
) -> None:
    slow = write_backbone(tmp_path / "slow.onnx", name="slow", slow=True)
    state = taught.http.get("/api/state").json()
    cat = next(one for one in state["classes"] if one["name"] == "cat")
    for number in range(40):
        taught.http.post(
            "/api/examples", params={"label": "cat"}, content=encoded(photo("rocket")[number:])
        )
    taught.http.delete(f"/api/classes/{cat['id']}")
    taught.http.post("/api/backbones", json={"names": [str(slow)], "use": True})
    assert ended(taught)["status"] == "done"
    with ThreadPoolExecutor() as pool, taught.socket() as socket:
        undone = pool.submit(taught.http.post, "/api/undo", json={})
        answers = 0
        while not undone.done():
            assert socket.predict(encoded(photo("coffee")))["prediction"]["label"] == "coffee"
            answers += 1
        assert undone.result().status_code == 200
        assert answers > 3
        assert socket.predict(encoded(photo("cat")))["prediction"]["label"] == "cat"


def test_a_file_that_is_another_by_now_looks_anew(
    taught: RunningServer, other_backbone: Path
) -> None:
    wanted = {"names": [str(other_backbone)], "use": True}
    for dimension, grid in ((12, 2), (3, 1)):
        write_backbone(other_backbone, name="other", grid=grid)
        taught.http.post("/api/backbones", json=wanted)
        assert ended(taught)["status"] == "done"
        assert network(taught, str(other_backbone))["dimension"] == dimension


def test_a_file_that_was_only_compared_is_listed_with_what_was_found(
    taught: RunningServer, other_backbone: Path
) -> None:
    taught.http.post("/api/backbones", json={"names": [str(other_backbone)]})
    assert ended(taught)["status"] == "done"
    found = network(taught, str(other_backbone))
    assert (found["title"], found["used"], found["accuracy"]) == ("other", False, 1)


def test_what_another_process_chooses_meanwhile_counts(
    taught: RunningServer, tmp_path: Path, tiny_backbone: Path, other_backbone: Path
) -> None:
    slow = write_backbone(tmp_path / "slow.onnx", name="slow", slow=True)
    for number in range(40):
        taught.http.post(
            "/api/examples", params={"label": "more"}, content=encoded(photo("rocket")[number:])
        )
    with (
        taught.socket() as socket,
        Classifier(tmp_path / "project.db", backbone=tiny_backbone) as elsewhere,
    ):
        taught.http.post("/api/backbones", json={"names": [str(slow)], "use": True})
        elsewhere.change_backbone(other_backbone)
        told(socket, "other")
        work = ended(taught)
    assert work["status"] == "done"
    assert taught.http.get("/api/state").json()["backbone"] == "other"


def test_the_layers_are_those_of_the_backbone_in_use(taught: RunningServer) -> None:
    assert taught.http.get("/api/backbone/layers").json()["layers"] == []
    taught.http.post("/api/backbones", json={"names": [LITE], "use": True})
    assert ended(taught)["status"] == "done"
    found = taught.http.get("/api/backbone/layers").json()
    assert (found["name"], found["size"], found["dimension"]) == (LITE, 224, 1280)
    total = sum(layer["multiply_adds"] for layer in found["layers"])
    assert 0.38e9 < total < 0.40e9
    assert sum(layer["standard"] for layer in found["layers"]) > 7 * total


def test_the_backbone_and_what_is_learnt_can_be_fetched(
    taught: RunningServer, tmp_path: Path, tiny_backbone: Path
) -> None:
    graph = tmp_path / "fetched.onnx"
    graph.write_bytes(taught.http.get("/api/backbone").content)
    square = np.zeros((1, 32, 32, 3), np.uint8)
    assert load_backbone(graph).embed(square).shape == (1, 48)
    own = load_backbone(tiny_backbone).fingerprint
    assert taught.http.get(f"/api/backbone?fingerprint={own}").content == graph.read_bytes()
    assert taught.http.get("/api/backbone?fingerprint=another").status_code == 409
    whole = read_browser_model(taught.http.get("/api/model").content)
    ids = whole.header["examples"]["ids"]
    held = {"fingerprint": own, "after": ids[2]}
    newer = read_browser_model(taught.http.get("/api/model", params=held).content)
    assert newer.header["examples"] == whole.header["examples"]
    vectors = whole.arrays["vectors"].reshape(len(ids), -1)
    np.testing.assert_array_equal(newer.arrays["vectors"], vectors[3:].ravel())
    other = taught.http.get("/api/model", params={**held, "fingerprint": "another"}).content
    assert read_browser_model(other).arrays["vectors"].size == vectors.size


def test_without_two_classes_there_is_nothing_to_fetch(server: RunningServer) -> None:
    answer = server.http.get("/api/model")
    assert answer.status_code == 400
    assert "at least two classes" in answer.json()["error"]["message"]
