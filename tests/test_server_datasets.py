"""Examples come and go over HTTP."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from classify_anything import Classifier
from tests.files import colored, write_zip
from tests.photos import encoded, photo, plain
from tests.server import RunningServer


def send(server: RunningServer, files: dict[str, bytes], label: str | None = None) -> Any:
    """Import files; gives what has become of it."""
    key = begin(server, files)
    started = server.http.post(f"/api/imports/{key}/start", json={"label": label})
    assert started.status_code == 202, started.text
    return ended(server, key)


def begin(server: RunningServer, files: dict[str, bytes]) -> str:
    key: str = server.http.post("/api/imports").json()["id"]
    for path, data in files.items():
        assert server.http.put(f"/api/imports/{key}/files/{path}", content=data).status_code == 204
    return key


def ended(server: RunningServer, key: str) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        info = server.http.get(f"/api/imports/{key}").json()
        if info["status"] not in ("uploading", "running"):
            return info
        time.sleep(0.02)
    raise AssertionError("the import has not ended")


def counts(server: RunningServer) -> dict[str, int]:
    classes = server.http.get("/api/state").json()["classes"]
    return {item["name"]: item["examples"] for item in classes if item["examples"]}


def test_files_in_folders_become_examples_of_classes(server: RunningServer) -> None:
    files = {
        "set/Mug/1.png": plain("red"),
        "set/Tea cup/2.png": plain("blue"),
        "set/Mug/3.png": b"",
    }
    info = send(server, files)
    assert (info["status"], info["added"], info["done"], info["total"]) == ("done", 2, 3, 3)
    assert counts(server) == {"Mug": 1, "Tea cup": 1}
    (problem,) = info["problems"]
    assert problem == {
        "name": "set/Mug/3.png",
        "message": "set/Mug/3.png: empty.",
        "code": "bad_image",
    }
    again = send(server, files)
    assert (again["added"], again["known"], again["change"]) == (0, 2, None)
    server.http.post("/api/undo", json={"change": info["change"]})
    assert counts(server) == {}


def test_a_zip_and_a_label_are_understood(server: RunningServer, tmp_path: Path) -> None:
    files = {"A/1.png": plain("red"), "B/2.png": plain("blue")}
    data = write_zip(tmp_path / "s.zip", files).read_bytes()
    assert send(server, {"set.zip": data})["added"] == 2
    assert counts(server) == {"A": 1, "B": 1}
    send(server, {"1.png": plain("lime"), "2.png": plain("white")}, label="شاي")
    assert counts(server) == {"A": 1, "B": 1, "شاي": 2}
    loose = send(server, {"1.png": plain("gray")})
    assert (loose["added"], loose["problems"][0]["message"]) == (0, "1.png: choose a class for it.")


def test_a_cancelled_import_leaves_the_project_as_it_was(server: RunningServer) -> None:
    server.http.post("/api/examples", params={"label": "Mug"}, content=plain("red"))
    before = server.http.get("/api/state").json()
    files = {f"set/Cup/{n}.png": colored(n % 256, n // 256, 0) for n in range(400)}
    key = begin(server, files)
    server.http.post(f"/api/imports/{key}/start", json={})
    while server.http.get(f"/api/imports/{key}").json()["added"] == 0:
        time.sleep(0.005)
    assert counts(server)["Cup"] > 0
    info = server.http.delete(f"/api/imports/{key}").json()
    assert info["status"] == "cancelled"
    assert counts(server) == {"Mug": 1}
    after = server.http.get("/api/state").json()
    assert after["classes"] == before["classes"]
    assert after["undo"] == before["undo"]
    assert server.http.delete(f"/api/imports/{begin(server, {})}").json()["status"] == "cancelled"


def test_an_import_that_fails_says_why(server: RunningServer) -> None:
    empty = send(server, {})
    assert (empty["status"], empty["error"]["code"]) == ("failed", "bad_dataset")
    broken = send(server, {"a/1.png": plain("red"), "a/metadata.csv": b"\xff"})
    assert broken["status"] == "failed"
    assert broken["error"]["message"].startswith("a/metadata.csv: ")
    assert counts(server) == {}
    partly = send(server, {"a/1.png": plain("red"), "a/set.zip": b"PK"})
    assert partly["problems"][0]["message"].startswith("a/set.zip: not a zip, or damaged")
    assert counts(server) == {"a": 1}
    assert "classify-anything-" not in json.dumps([empty, broken, partly])


@pytest.mark.parametrize("path", ["..%2f1.png", "a/..%2f..%2f1.png", "%2fetc%2f1.png", ""])
def test_a_path_that_leads_elsewhere_is_refused(server: RunningServer, path: str) -> None:
    key = begin(server, {})
    reply = server.http.put(f"/api/imports/{key}/files/{path}", content=plain("red"))
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "bad_input"


def test_an_import_goes_through_its_steps_once(server: RunningServer) -> None:
    http = server.http
    key = begin(server, {"a/1.png": plain("red")})
    twice = http.put(f"/api/imports/{key}/files/a/1.png", content=plain("red"))
    assert twice.status_code == 400
    http.post(f"/api/imports/{key}/start", json={})
    ended(server, key)
    for reply in (
        http.post(f"/api/imports/{key}/start", json={}),
        http.put(f"/api/imports/{key}/files/a/2.png", content=b"x"),
    ):
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "conflict")
    assert http.delete(f"/api/imports/{key}").json()["status"] == "done"
    assert http.get("/api/imports/0").status_code == 404


def test_examples_are_added_listed_moved_and_removed(server: RunningServer) -> None:
    http = server.http
    added = [
        http.post(
            "/api/examples",
            params={"label": label, "key": str(n), "recording": label, "source": "test"},
            content=colored(n, 0, 0),
        ).json()
        for n, label in enumerate(["Mug", "mug", "Cup"])
    ]
    again = http.post("/api/examples", params={"label": "Mug", "key": "0"}, content=plain("red"))
    assert (again.status_code, again.json()) == (201, added[0])
    for example in added:
        del example["change"]
    mug, cup = added[0]["class_id"], added[2]["class_id"]
    assert http.get("/api/examples", params={"class_id": mug}).json()["examples"] == added[1::-1]
    listed = http.get(
        "/api/examples", params={"source": "test", "recording": added[2]["recording_id"]}
    )
    assert listed.json()["examples"] == [added[2]]
    assert http.get(f"/api/examples/{added[0]['id']}").json() == added[0]
    index = http.get("/api/examples/index").json()
    assert index["ids"] == [item["id"] for item in added[::-1]]
    assert index["class_ids"] == [cup, mug, mug]
    assert [index["source_names"][place] for place in index["sources"]] == ["test"] * 3
    ids = index["ids"]
    moved = http.post("/api/examples/move", json={"ids": ids, "class_id": cup}).json()
    assert moved["undo"]["text"] == "2 examples moved to Cup"
    assert counts(server) == {"Cup": 3}
    http.post("/api/undo", json={})
    removed = http.post("/api/examples/remove", json={"ids": ids[:2]}).json()
    assert removed["undo"]["text"] == "2 examples deleted"
    assert counts(server) == {"Mug": 1}
    for reply in (
        http.post("/api/examples/move", json={"ids": [ids[0]], "class_id": cup}),
        http.post("/api/examples/remove", json={"ids": [9999]}),
        http.post("/api/examples", params={"class_id": 99}, content=plain("red")),
        http.get("/api/examples", params={"class_id": 99}),
        http.get("/api/examples/99/thumbnail"),
        http.get("/api/examples/99/neighbors"),
    ):
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
    assert http.post("/api/examples", content=plain("red")).status_code == 400


def test_an_added_example_tells_what_takes_its_recording_back(server: RunningServer) -> None:
    http = server.http

    def add(color: str) -> Any:
        told = {"label": "Mug", "recording": "one"}
        return http.post("/api/examples", params=told, content=plain(color)).json()

    first = add("red")
    http.post("/api/classes", json={"name": "Between"})
    second = add("blue")
    assert first["change"] == second["change"]
    undo = {"change": first["change"]}
    assert http.post("/api/undo", json=undo).status_code == 409
    http.post("/api/undo", json={})
    assert http.post("/api/undo", json=undo).status_code == 200
    assert counts(server) == {}
    with server.socket() as socket:
        held = socket.add(1, plain("red"), "a", "held")
        http.post("/api/classes", json={"name": "Between"})
        assert socket.add(1, plain("blue"), "b", "held")["change"] == held["change"]


def test_a_thumbnail_is_small_and_neighbours_are_near(server: RunningServer) -> None:
    http = server.http
    photos = [encoded(photo(name)) for name in ("coffee", "rocket", "cat")]
    ids = [
        http.post("/api/examples", params={"label": "A"}, content=image).json()["id"]
        for image in [*photos, encoded(photo("coffee")[:, 20:])]
    ]
    reply = http.get(f"/api/examples/{ids[0]}/thumbnail")
    assert reply.headers["content-type"] == "image/jpeg"
    assert reply.headers["cache-control"] == "private, no-cache"
    for what in ("thumbnail", "image"):
        address, run = f"/api/examples/{ids[0]}/{what}", http.get("/api/state").json()["run"]
        kept = http.get(address, params={"run": run}).headers["cache-control"]
        assert "immutable" in kept
        kept = http.get(address, params={"run": "another"}).headers["cache-control"]
        assert kept == "private, no-cache"
    assert Image.open(io.BytesIO(reply.content)).size == (160, 160)
    near = http.get(f"/api/examples/{ids[0]}/neighbors", params={"limit": 2}).json()["neighbors"]
    assert (len(near), near[0]["example_id"]) == (2, ids[3])
    assert near[0]["similarity"] >= near[1]["similarity"]


def test_what_is_exported_can_be_imported(
    server: RunningServer, tmp_path: Path, tiny_backbone: Path
) -> None:
    files = {
        f"set/{label}/{n}.png": colored(n, len(label), 0)
        for label in ("A", "Bee")
        for n in range(5)
    }
    send(server, files)
    reply = server.http.get("/api/export")
    assert 'filename="project.zip"' in reply.headers["content-disposition"]
    (tmp_path / "all.zip").write_bytes(reply.content)
    assert zipfile.ZipFile(tmp_path / "all.zip").testzip() is None
    with Classifier(tmp_path / "again.db", backbone=tiny_backbone) as clf:
        assert len(clf.import_dataset(tmp_path / "all.zip").examples) == 10
        assert {clf.image(example.id)[0] for example in clf.examples()} == set(files.values())
    knn = server.http.get("/api/export", params={"format": "tfjs-knn"}).json()
    assert [(label, shape) for label, _, shape in knn] == [("A", [5, 48]), ("Bee", [5, 48])]
    assert server.http.get("/api/export", params={"format": "rar"}).status_code == 400
