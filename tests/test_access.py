"""A page on another site must not reach the project of the person at the camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.photos import plain
from tests.server import RunningServer, run_server


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[RunningServer]:
    path = tmp_path_factory.mktemp("local") / "project.db"
    with run_server(path, tiny_backbone) as running:
        yield running


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path
) -> Iterator[RunningServer]:
    """Listens on every address, as with ``--host 0.0.0.0``; only this machine talks to it."""
    path = tmp_path_factory.mktemp("shared") / "project.db"
    with run_server(path, tiny_backbone, host="0.0.0.0", token="s3cret") as running:
        running.http.base_url = httpx.URL(f"http://127.0.0.1:{running.port}")
        yield running


FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:7654"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "evil.example@127.0.0.1:x"},
    {"Host": "[::1"},
    {"Host": "["},
    {"Host": "localhost:x"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "http://[x]"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_foreign_request_is_refused(local: RunningServer, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/api/state"), ("POST", "/api/undo"), ("GET", "/openapi.json")):
        reply = local.http.request(method, path, headers=headers)
        assert reply.status_code in (400, 403), path
        assert "classes" not in reply.text
    assert local.http.post("/api/predict", headers=headers, content=plain("red")).is_error


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
def test_a_foreign_page_gets_no_socket(local: RunningServer, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="403"), local.socket(origin=origin):
        pass


def test_the_page_itself_is_let_in(local: RunningServer) -> None:
    own = f"http://127.0.0.1:{local.port}"
    headers = {"Origin": own, "Sec-Fetch-Site": "same-origin"}
    assert local.http.get("/api/state", headers=headers).is_success
    assert local.http.get("/api/state", headers={"Host": f"localhost:{local.port}"}).is_success
    assert local.http.get("/", headers={"Sec-Fetch-Site": "cross-site"}).is_success, "a link"
    with local.socket(origin=own) as page:
        page.receive("state")


def test_on_another_address_nothing_goes_without_the_token(shared: RunningServer) -> None:
    for path in ("/", "/api/state", "/healthz", "/?token=wrong", "/assets/x.js"):
        reply = shared.http.get(path)
        assert reply.status_code == 403, path
        assert "terminal" in reply.json()["error"]["message"]
    with pytest.raises(InvalidStatus, match="403"), shared.socket():
        pass
    assert shared.http.get("/api/state", headers={"Cookie": 'x="'}).status_code == 403


def test_with_the_token_in_a_header_everything_goes(shared: RunningServer) -> None:
    bearer = {"Authorization": "Bearer s3cret"}
    assert shared.http.get("/api/state", headers=bearer).is_success
    with shared.socket(additional_headers=bearer) as page:
        page.receive("state")
    foreign = {**bearer, "Origin": "https://evil.example"}
    assert shared.http.get("/api/state", headers=foreign).status_code == 403


def test_the_printed_address_moves_the_token_into_a_cookie(shared: RunningServer) -> None:
    assert "?token=s3cret" in shared.url
    reply = shared.http.get("/?token=s3cret", follow_redirects=False)
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert shared.http.get("/api/state").is_success, "the client kept the cookie"


def test_two_servers_on_one_host_keep_their_cookies_apart(
    shared: RunningServer, tmp_path: Path, tiny_backbone: Path
) -> None:
    path = tmp_path / "project.db"
    with (
        run_server(path, tiny_backbone, host="0.0.0.0", token="another") as second,
        httpx.Client(follow_redirects=True) as browser,
    ):
        addresses = [f"http://127.0.0.1:{one.port}" for one in (shared, second)]
        for address, token in zip(addresses, ("s3cret", "another"), strict=True):
            assert browser.get(f"{address}/?token={token}").is_success
        assert [browser.get(f"{one}/api/state").status_code for one in addresses] == [200, 200]
