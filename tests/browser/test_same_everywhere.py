"""The same picture gets the same prediction through every interface."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from classify_anything import Classifier
from tests.browser.pages import ProjectPage
from tests.command import objects, run
from tests.photos import encoded, photo
from tests.server import RunningServer

CLOSE = 1e-5


def test_page_socket_http_python_and_command_line_agree(
    page: ProjectPage, server: RunningServer, tmp_path: Path, tiny_backbone: Path
) -> None:
    for label in ("cat", "coffee", "rocket", "retina"):
        for shift in (0, 40):
            image = encoded(photo(label)[shift:, shift:])
            server.http.post("/api/examples", params={"label": label}, content=image)
    file = tmp_path / "what.jpg"
    file.write_bytes(encoded(photo("astronaut")[:, 60:470], quality=80))
    names = {item["id"]: item["name"] for item in server.http.get("/api/state").json()["classes"]}

    def named(answer: dict[str, dict[str, float]]) -> dict[str, float]:
        return {names[int(key)]: share for key, share in answer["probabilities"].items()}

    project = tmp_path / "project.db"
    with Classifier(project, backbone=tiny_backbone) as clf:
        alone = clf.predict(file)
        (many,) = clf.predict_many([file])
    assert many is not None
    # The server makes views and fits its head in the background.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = server.http.post("/api/predict", content=file.read_bytes()).json()
        if named(answer) == pytest.approx(alone.probabilities, abs=CLOSE):
            break
        time.sleep(0.1)
    with page.page.expect_response("**/api/predict") as response:
        page.drop(page.page.get_by_test_id("stage"), file)
    shown = response.value.json()
    expect(page.label).to_have_text(shown["label"])
    with server.socket() as socket:
        socket.receive("state")
        live = socket.predict(file.read_bytes())["prediction"]
    http = server.http.post("/api/predict", content=file.read_bytes()).json()
    printed = run("predict", "--project", project, "--backbone", tiny_backbone, "--json", file)
    (line,) = objects(printed.stdout)
    everywhere = [
        named(shown),
        named(live),
        named(http),
        alone.probabilities,
        many.probabilities,
        line["probabilities"],
    ]
    assert {shown["label"], live["label"], http["label"], alone.label, line["label"]} == {
        many.label
    }
    for probabilities in everywhere[1:]:
        assert probabilities == pytest.approx(everywhere[0], abs=CLOSE)
    nearest = [one["similarity"] for one in shown["neighbors"]]
    assert [one.similarity for one in alone.neighbors] == pytest.approx(nearest, abs=CLOSE)
