"""The real server over real sockets: frames, changes, and two pages on one project."""

from __future__ import annotations

import io
import json
import socket
import struct
from pathlib import Path

import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed

from classify_anything import Classifier
from tests.photos import plain
from tests.server import RunningServer, Socket, run_server, start_server


def code_of(reply: object) -> str:
    return reply.json()["error"]["code"]  # type: ignore[attr-defined]


def test_a_frame_is_answered_and_an_added_frame_is_known(server: RunningServer) -> None:
    with server.socket() as page:
        state = page.receive("state")
        assert [item["name"] for item in state["classes"]] == [f"Class {n}" for n in range(1, 6)]
        first, second = (item["id"] for item in state["classes"][:2])
        empty = page.predict(plain("red"), seq=7)
        assert empty["seq"] == 7
        assert empty["prediction"]["class_id"] is None
        added = page.add(first, plain("red"), "a")
        assert added["prediction"]["class_id"] is None, "a frame is predicted before it is added"
        page.add(second, plain("blue"), "b", "r2")
        answer = page.predict(plain("red"))
        assert answer["prediction"]["class_id"] == first
        assert answer["prediction"]["label"] == "Class 1"
        assert answer["prediction"]["neighbors"][0]["example_id"] == added["example_id"]
        assert set(answer["timings"]) == {"queue", "decode", "backbone", "head", "store"}
        assert min(answer["timings"].values()) >= 0


def test_a_frame_sent_again_is_added_once(server: RunningServer) -> None:
    with server.socket() as page:
        first = page.receive("state")["classes"][0]["id"]
        one = page.add(first, plain("red"), "key")
    with server.socket() as page:
        again = page.add(first, plain("red"), "key")
        assert again["example_id"] == one["example_id"]
        assert again["revision"] == one["revision"], "no client is notified"
    assert server.http.get("/api/state").json()["classes"][0]["examples"] == 1


def test_two_pages_are_told_of_every_change(server: RunningServer) -> None:
    with server.socket() as one, server.socket() as two:
        one.receive("state")
        class_id = two.receive("state")["classes"][0]["id"]
        one.add(class_id, plain("red"), "a")
        assert two.receive("state")["classes"][0]["examples"] == 1
        server.http.patch(f"/api/classes/{class_id}", json={"name": "Mug"})
        assert two.receive("state")["classes"][0]["name"] == "Mug"


def test_a_page_is_told_of_what_another_process_did(
    server: RunningServer, tmp_path: Path, tiny_backbone: Path
) -> None:
    with server.socket() as page:
        page.receive("state")
        with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as clf:
            clf.add("From Python", plain("red"))
        while page.receive("state")["classes"][-1]["examples"] != 1:
            pass


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad_message"),
        (b"\1\0", "bad_message"),
        (struct.pack("<I", 4_000_000_000) + b"{}", "bad_message"),
        (struct.pack("<I", 50) + b"{}", "bad_message"),
        (struct.pack("<I", 2) + b"{}", "bad_message"),
        (struct.pack("<I", 4) + b"\xff\xfe{}", "bad_message"),
        (struct.pack("<I", 26) + b'{"type":"predict","seq":1}', "bad_image"),
        (struct.pack("<I", 26) + b'{"type":"predict","seq":1}' + b"no image", "bad_image"),
        (struct.pack("<I", 27) + b'{"type":"predict","seq":-1}', "bad_message"),
        ("text", "bad_message"),
    ],
)
def test_a_frame_that_cannot_be_read_gets_one_clear_error(
    server: RunningServer, data: bytes | str, code: str
) -> None:
    with server.socket() as page:
        page.connection.send(data)
        error = page.receive("error")["error"]
        assert error["code"] == code
        assert "\n" not in error["message"]
        assert page.predict(plain("red"), seq=3)["seq"] == 3, "the socket goes on"


def test_a_frame_for_a_class_that_is_gone_is_refused(server: RunningServer) -> None:
    with server.socket() as page:
        class_id = page.receive("state")["classes"][0]["id"]
        server.http.delete(f"/api/classes/{class_id}")
        header = {"type": "add", "seq": 5, "class_id": class_id, "recording": "r", "key": "k"}
        page.send(header, plain("red"))
        error = page.receive("error")
        assert (error["seq"], error["error"]["code"]) == (5, "not_found")


def exchange(page: Socket, message: bytes) -> object:
    page.connection.send(message)
    return page.receive("answer")


def test_a_message_that_is_too_large_ends_the_socket_only(server: RunningServer) -> None:
    with server.socket() as page, pytest.raises(ConnectionClosed):
        exchange(page, b"\0" * 9_000_000)
    assert server.http.get("/healthz").json()["status"] == "ok"


def test_classes_over_http(server: RunningServer) -> None:
    http = server.http
    made = http.post("/api/classes", json={"name": " Mug "})
    assert (made.status_code, made.json()["name"]) == (201, "Mug")
    assert http.post("/api/classes", json={}).json()["name"] == "Class 6"
    mug = made.json()["id"]
    assert http.patch(f"/api/classes/{mug}", json={"color": 7}).json()["color"] == 7
    taken = http.patch(f"/api/classes/{mug}", json={"name": "class 1"})
    assert (taken.status_code, code_of(taken)) == (400, "bad_label")
    assert len(http.delete(f"/api/classes/{mug}").json()["classes"]) == 6
    assert code_of(http.delete(f"/api/classes/{mug}")) == "not_found"
    undone = http.post("/api/undo", json={}).json()
    assert undone["classes"][5]["name"] == "Mug"
    assert undone["redo"]["text"] == "Mug deleted"
    stale = http.post("/api/redo", json={"change": undone["redo"]["id"] + 1})
    assert (stale.status_code, code_of(stale)) == (409, "conflict")
    assert len(http.post("/api/redo", json={}).json()["classes"]) == 6


def test_examples_over_http(server: RunningServer) -> None:
    http = server.http
    images = [plain("red"), plain("blue"), plain("lime")]
    with server.socket() as page:
        class_id = page.receive("state")["classes"][0]["id"]
        ids = [page.add(class_id, image, str(n))["example_id"] for n, image in enumerate(images)]
    listed = http.get("/api/examples", params={"class_id": class_id, "limit": 2}).json()
    assert [example["id"] for example in listed["examples"]] == ids[:0:-1]
    assert (listed["examples"][0]["width"], listed["examples"][0]["source"]) == (64, "camera")
    rest = http.get("/api/examples", params={"before": listed["next"]}).json()
    assert [example["id"] for example in rest["examples"]] == ids[:1]
    assert rest["next"] is None
    picture = http.get(f"/api/examples/{ids[1]}/image")
    assert (picture.content, picture.headers["content-type"]) == (images[1], "image/png")
    assert picture.headers["cache-control"] == "private, no-cache"
    state = http.delete(f"/api/examples/{ids[1]}").json()
    assert (state["classes"][0]["examples"], state["undo"]["text"]) == (2, "1 example deleted")
    assert http.delete("/api/recordings/last").json()["classes"][0]["examples"] == 0
    nothing = http.delete("/api/recordings/last")
    assert (nothing.status_code, code_of(nothing)) == (409, "nothing_to_undo")
    http.post("/api/undo", json={})
    cleared = http.delete(f"/api/classes/{class_id}/examples").json()
    assert cleared["undo"]["text"] == "2 examples of Class 1 deleted"


def test_an_image_is_predicted_over_http_as_over_the_socket(server: RunningServer) -> None:
    with server.socket() as page:
        for item, color in zip(page.receive("state")["classes"], ("red", "blue"), strict=False):
            page.add(item["id"], plain(color), color, color)
        live = page.predict(plain("navy"))["prediction"]
    assert server.http.post("/api/predict", content=plain("navy")).json() == live
    refused = server.http.post("/api/predict", content=b"no image")
    assert (refused.status_code, code_of(refused)) == (400, "bad_image")


def test_errors_have_one_shape(server: RunningServer) -> None:
    http = server.http
    for reply in (
        http.get("/nothing/here"),
        http.get("/api/examples/99/image"),
        http.get("/api/examples/text/image"),
        http.get(f"/api/examples/{2**70}/image"),
        http.get("/api/examples", params={"before": 2**70}),
        http.put("/api/state"),
        http.post("/api/classes", content=b"{"),
        http.post("/api/classes", json={"name": 5}),
        http.post("/api/classes", json={"nickname": "x"}),
        http.post("/api/predict", content=iter([b"without", b"length"])),
        http.get("/api/examples", params={"limit": 0}),
    ):
        assert 400 <= reply.status_code < 500, reply.text
        body = reply.json()
        assert set(body) == {"type", "seq", "error"}
        assert set(body["error"]) == {"code", "message"}
        assert "\n" not in body["error"]["message"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: RunningServer) -> None:
    head = f"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {2**31}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.encode())
        reply = b""
        while b"}}" not in reply:
            reply += connection.recv(4096)
    assert reply.startswith(b"HTTP/1.1 413")
    assert b"too_large" in reply


def test_the_page_loads_nothing_from_elsewhere(server: RunningServer) -> None:
    page = server.http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy.replace("wasm-unsafe-eval", ""), "WebAssembly, but no eval"
    assert "http" not in policy
    for name in ("x-content-type-options", "referrer-policy", "cross-origin-opener-policy"):
        assert page.headers[name]
    assert "https://" not in page.text


def test_ctrl_c_ends_it_cleanly_and_everything_is_kept(tmp_path: Path, tiny_backbone: Path) -> None:
    project = tmp_path / "kept.db"
    with (
        start_server(project, "--backbone", tiny_backbone) as server,
        server.socket() as page,
    ):
        page.add(page.receive("state")["classes"][2]["id"], plain("red"), "a")
        assert server.stop() == 0
        assert "Traceback" not in (server.process.stdout.read() if server.process.stdout else "")
    assert [path.name for path in tmp_path.glob("kept.db*")] == ["kept.db"]
    with run_server(project, tiny_backbone) as server:
        assert server.http.get("/api/state").json()["classes"][2]["examples"] == 1


def test_killed_at_once_an_answered_example_is_kept(tmp_path: Path, tiny_backbone: Path) -> None:
    project = tmp_path / "kept.db"
    with (
        start_server(project, "--backbone", tiny_backbone) as server,
        server.socket() as page,
    ):
        page.add(page.receive("state")["classes"][0]["id"], plain("red"), "a")
        server.kill()
    with run_server(project, tiny_backbone) as server:
        assert server.http.get("/api/state").json()["classes"][0]["examples"] == 1


def test_the_api_describes_itself_and_the_socket(server: RunningServer) -> None:
    schema = server.http.get("/openapi.json").json()
    assert {"Answer", "AddFrame", "PredictFrame", "State"} <= set(schema["components"]["schemas"])
    text = json.dumps(schema)
    for name in set(text.split('"#/components/schemas/')[1:]):
        assert name.split('"')[0] in schema["components"]["schemas"]


def test_a_large_photograph_is_taken_over_the_socket(server: RunningServer) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4000, 3000), "red").save(buffer, "JPEG")
    with server.socket() as page:
        assert page.predict(buffer.getvalue())["prediction"]["label"] is None
