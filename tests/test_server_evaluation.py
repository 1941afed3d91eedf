"""Evaluations over HTTP, and the head that is chosen beside the live answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.photos import plain
from tests.server import RunningServer


def teach(server: RunningServer, views: int = 3) -> None:
    for label, color in (("Red", (255, 0, 0)), ("Blue", (0, 0, 255))):
        for view in range(views):
            shade = plain(f"rgb({color[0]}, {20 * view}, {color[2]})")
            query = {"label": label, "recording": f"{label} {view}"}
            assert server.http.post("/api/examples", params=query, content=shade).is_success


def test_an_evaluation_is_made_once_for_all_who_ask(server: RunningServer) -> None:
    teach(server)
    with ThreadPoolExecutor(4) as askers:
        answers = list(askers.map(lambda _: server.http.get("/api/evaluation"), range(4)))
    first = answers[0].json()
    assert all(answer.json() == first for answer in answers)
    assert first["evaluation"]["accuracy"] == 1
    red = first["evaluation"]["per_class"][-2]
    assert (red["examples"], red["recordings"], red["single_recording"]) == (3, 3, False)
    assert red["interval"][0] < red["accuracy"] == red["interval"][1] == 1
    teach(server, views=4)
    newer = server.http.get("/api/evaluation").json()["evaluation"]
    assert newer["revision"] > first["evaluation"]["revision"]
    assert sum(map(sum, newer["confusion"])) == 14


def test_what_cannot_be_judged_yet_is_told(server: RunningServer) -> None:
    teach(server, views=1)
    answer = server.http.get("/api/evaluation")
    assert answer.status_code == 400
    assert "Add a second example of a class" in answer.json()["error"]["message"]
