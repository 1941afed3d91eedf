"""Exports over HTTP: begun, followed, fetched, cancelled."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.photos import encoded, photo
from tests.server import RunningServer, run_server
from tests.tflite import write_network as write_tflite
from tests.tiny import write_backbone


@pytest.fixture
def taught(server: RunningServer) -> RunningServer:
    for label in ("cat", "coffee"):
        for shift in range(3):
            picture = encoded(photo(label)[20 * shift :])
            server.http.post("/api/examples", params={"label": label}, content=picture)
    return server


def made(server: RunningServer, **wanted: Any) -> Any:
    begun = server.http.post("/api/exports", json=wanted)
    assert begun.status_code == 202, begun.text
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        info = server.http.get(f"/api/exports/{begun.json()['id']}").json()
        if info["status"] != "running":
            return info
        time.sleep(0.05)
    raise AssertionError("the export has not ended")


@pytest.mark.parametrize(
    ("form", "name", "begins"),
    [
        ("web", "project-page.zip", b"PK"),
        ("onnx", "project.onnx", b"\x08"),
        ("zip", "project.zip", b"PK"),
        ("tfjs-knn", "project.json", b"[["),
    ],
)
def test_each_form_is_made_and_fetched(
    taught: RunningServer, form: str, name: str, begins: bytes
) -> None:
    info = made(taught, format=form)
    assert (info["status"], info["name"], info["error"]) == ("done", name, None)
    file = taught.http.get(f"/api/exports/{info['id']}/file")
    assert file.content.startswith(begins)
    assert len(file.content) == info["bytes"]
    assert name in file.headers["content-disposition"]
    assert taught.http.delete(f"/api/exports/{info['id']}").status_code == 204
    assert taught.http.get(f"/api/exports/{info['id']}").status_code == 404


def test_the_page_has_what_was_asked_for(taught: RunningServer) -> None:
    info = made(taught, format="web", read_only=True, embed=True)
    data = taught.http.get(f"/api/exports/{info['id']}/file").content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        index = archive.read("index.html").decode()
    assert {"index.html", "sw.js", "embed.js", "model.bin.gz", "backbone.onnx.gz"} <= {*names}
    assert "&quot;read_only&quot;: true" in index
    assert "http://" not in index.replace("http-equiv", "")
    assert "https://" not in index


def test_the_sizes_are_about_right(taught: RunningServer) -> None:
    sizes = taught.http.get("/api/exports").json()["bytes"]
    for form in ("web", "zip"):
        assert sizes[form] == pytest.approx(made(taught, format=form)["bytes"], rel=0.5)


def test_of_a_network_that_cannot_be_exported_the_other_sizes_are_told(tmp_path: Path) -> None:
    network = write_tflite(tmp_path / "own.tflite")
    with run_server(tmp_path / "project.db", network) as server:
        assert set(server.http.get("/api/exports").json()["bytes"]) == {"zip", "tfjs-knn"}


def test_what_cannot_be_made_is_said(server: RunningServer) -> None:
    for form in ("web", "onnx"):
        info = made(server, format=form)
        assert info["status"] == "failed"
        assert info["error"]["code"] == "bad_input"
        assert server.http.get(f"/api/exports/{info['id']}/file").status_code == 409
    assert server.http.post("/api/exports", json={"format": "exe"}).status_code == 400
    wrong = server.http.post("/api/exports", json={"format": "zip", "read_only": True})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["message"] == "The format zip has no option read-only."


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_a_smaller_export_is_cancelled_while_the_project_answers(
    taught: RunningServer, tmp_path: Path, precision: str
) -> None:
    slow = write_backbone(tmp_path / "slow.onnx", name="slow", slow=True)
    taught.http.post("/api/backbones", json={"names": [str(slow)], "use": True})
    for shift in range(60):
        picture = encoded(photo("rocket")[shift:])
        taught.http.post("/api/examples", params={"label": "rocket"}, content=picture)
    body = {"format": "onnx", "precision": precision}
    begun = taught.http.post("/api/exports", json=body).json()["id"]
    text = ""
    with taught.socket() as page:
        while text != "Retraining on the smaller network":
            info = taught.http.get(f"/api/exports/{begun}").json()
            assert info["status"] == "running", info
            text = info["text"]
            assert page.predict(encoded(photo("cat")))["prediction"]["label"]
    assert taught.http.delete(f"/api/exports/{begun}").status_code == 204
    assert taught.http.get(f"/api/exports/{begun}").status_code == 404


def test_a_cancelled_export_leaves_nothing(taught: RunningServer) -> None:
    begun = taught.http.post("/api/exports", json={"format": "web"}).json()
    assert taught.http.delete(f"/api/exports/{begun['id']}").status_code == 204
    assert taught.http.get(f"/api/exports/{begun['id']}").status_code == 404
