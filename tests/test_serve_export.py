"""An exported ONNX file served as the page and the HTTP API, without the project."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from classify_anything import Classifier
from tests.command import run
from tests.photos import encoded, photo
from tests.server import RunningServer, run_export

NAMES = ("cat", "coffee", "rocket")


@pytest.fixture
def taught(clf: Classifier) -> Classifier:
    for name in NAMES:
        for shift in range(4):
            clf.add(name, photo(name)[9 * shift :], recording=f"{name} {shift % 2}")
    return clf


@pytest.fixture
def read_only(taught: Classifier, tmp_path: Path) -> Iterator[RunningServer]:
    with run_export(taught.export(tmp_path / "desk.onnx", "onnx", smoothing=120)) as running:
        yield running


def test_the_page_and_its_state_are_those_of_the_project(
    read_only: RunningServer, taught: Classifier
) -> None:
    assert "<title>Classify Anything</title>" in read_only.http.get("/").text
    state = read_only.http.get("/api/state").json()
    assert state["read_only"] is True
    assert state["project"] == taught.path.stem
    assert state["backbone"] == "tiny"
    assert state["smoothing"] == 120
    assert [(item["id"], item["name"]) for item in state["classes"]] == list(
        taught.project.labels.items()
    )
    assert read_only.http.get("/healthz").json()["status"] == "ok"


def test_it_answers_as_the_project_does(read_only: RunningServer, taught: Classifier) -> None:
    names = taught.project.labels
    with read_only.socket() as socket:
        assert socket.receive("state")["read_only"] is True
        for name in (*NAMES, "retina"):
            picture = encoded(photo(name)[40:])
            expected = taught.predict(picture)
            live = socket.predict(picture)["prediction"]
            http = read_only.http.post("/api/predict", content=picture).json()
            for answer in (live, http):
                assert answer["label"] == expected.label
                found = {names[int(key)]: value for key, value in answer["probabilities"].items()}
                assert found == pytest.approx(expected.probabilities, abs=1e-4)


def test_nothing_can_be_added_or_changed(read_only: RunningServer) -> None:
    picture = encoded(photo("cat"))
    refused = [
        read_only.http.post("/api/examples", params={"label": "cat"}, content=picture),
        read_only.http.post("/api/classes", json={"name": "new"}),
        read_only.http.post("/api/undo", json={}),
        read_only.http.get("/api/evaluation"),
        read_only.http.post("/api/imports"),
        read_only.http.post("/api/exports", json={"format": "zip"}),
        read_only.http.get("/api/model"),
        read_only.http.post("/api/backbones", json={"names": ["efficientnet-lite0"]}),
    ]
    for reply in refused:
        assert reply.status_code == 403, reply.url
        assert reply.json()["error"]["code"] == "read_only"
    with read_only.socket() as socket:
        socket.receive("state")
        socket.send({"type": "add", "seq": 4, "class_id": 1, "recording": "r", "key": "k"}, picture)
        error = socket.receive("error")
        assert (error["seq"], error["error"]["code"]) == (4, "read_only")
        with contextlib.suppress(ConnectionClosed):
            assert socket.predict(picture)["prediction"]["label"] == "cat"
    assert read_only.http.get("/api/state").json()["read_only"] is True


def test_what_is_no_picture_is_said(read_only: RunningServer) -> None:
    reply = read_only.http.post("/api/predict", content=b"no picture")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_image")


def test_a_file_that_is_no_export_is_refused_in_one_line(tmp_path: Path) -> None:
    for name, text in (("missing.onnx", "no such file"), ("other.onnx", "not an ONNX file")):
        if name == "other.onnx":
            (tmp_path / name).write_text("other")
        ended = run("serve", "--no-open", "--port", "0", "--export", str(tmp_path / name))
        assert ended.returncode == 1
        assert text in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_an_export_and_a_project_are_not_served_together(tmp_path: Path) -> None:
    ended = run("serve", str(tmp_path / "p.db"), "--export", str(tmp_path / "x.onnx"))
    assert ended.returncode == 2
    assert "or a project, not both" in ended.stderr
