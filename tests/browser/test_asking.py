""" "What is this?": a picture instead of the camera, from a file or the clipboard."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chromium import frame
from tests.browser.pages import ProjectPage
from tests.files import write_tree
from tests.photos import encoded, photo
from tests.server import RunningServer

COPY = """async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const image = new Blob([bytes], { type: "image/png" });
  await navigator.clipboard.write([new ClipboardItem({ "image/png": image })]);
}"""


@pytest.fixture
def taught(page: ProjectPage, server: RunningServer) -> ProjectPage:
    """A page with examples of a coffee, which the camera shows, and a rocket."""
    for class_id, name in ((1, "coffee"), (2, "rocket")):
        picture = frame(name)
        server.http.post(f"/api/examples?class_id={class_id}", content=picture).raise_for_status()
    expect(page.label).to_have_text("Class 1")
    return page


@pytest.fixture
def rocket(tmp_path: Path) -> Path:
    return write_tree(tmp_path, {"rocket.jpg": frame("rocket")}) / "rocket.jpg"


def stage(page: ProjectPage) -> Locator:
    return page.page.get_by_test_id("stage")


def asked(page: ProjectPage) -> Locator:
    """The picture on the stage."""
    return page.page.get_by_test_id("question")


def test_a_dropped_picture_is_predicted_instead_of_the_camera(
    taught: ProjectPage, rocket: Path
) -> None:
    fall = taught.drag(stage(taught), rocket)
    expect(taught.page.get_by_test_id("drop")).to_have_text("What is this?")
    fall()
    expect(asked(taught)).to_be_visible()
    expect(taught.label).to_have_text("Class 2")
    neighbors = taught.page.get_by_test_id("neighbor")
    expect(neighbors.first).to_have_attribute("data-class-id", "2")
    expect(neighbors.first).to_contain_text("1.00")
    taught.page.get_by_role("button", name="Back to the camera").click()
    expect(asked(taught)).to_have_count(0)
    expect(taught.label).to_have_text("Class 1")


def test_the_page_predicts_like_the_server(
    taught: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    # The classic head has no fit that could end between the two predictions.
    server.http.patch("/api/settings", json={"head": "classic"}).raise_for_status()
    picture = encoded(photo("astronaut"))
    expected = server.http.post("/api/predict", content=picture).json()
    taught.drop(stage(taught), write_tree(tmp_path, {"a.jpg": picture}) / "a.jpg")
    expect(asked(taught)).to_be_visible()
    expect(taught.page.get_by_test_id("answer-probability")).to_have_text(
        f"{round(100 * expected['probability'])} %"
    )


def test_a_picture_is_added_once_by_key_and_button(
    taught: ProjectPage, server: RunningServer, rocket: Path
) -> None:
    taught.drop(stage(taught), rocket)
    expect(asked(taught)).to_be_visible()
    taught.page.keyboard.press("3")
    taught.toast("1 example added.").get_by_role("button", name="Undo").wait_for()
    expect(taught.card("Class 3").get_by_test_id("class-count")).to_have_text("1")
    button = taught.page.get_by_role("button", name="Add this picture to Class 3", exact=True)
    button.click()
    expect(taught.toast("This picture is in Class 3 already.")).to_be_visible()
    assert taught.count("Class 3") == 1
    taught.page.keyboard.press("Control+z")
    expect(taught.card("Class 3").get_by_test_id("class-count")).to_have_text("0")
    button.click()
    expect(taught.card("Class 3").get_by_test_id("class-count")).to_have_text("1")
    (example,) = server.http.get("/api/examples?class_id=3").json()["examples"]
    kept = server.http.get(f"/api/examples/{example['id']}/image").content
    assert kept == rocket.read_bytes()


def test_adding_a_picture_changes_the_answer_and_escape_returns_to_the_camera(
    page: ProjectPage, rocket: Path
) -> None:
    page.drop(stage(page), rocket)
    expect(asked(page)).to_be_visible()
    expect(page.label).to_have_attribute("data-state", "empty")
    page.page.keyboard.press("2")
    expect(page.label).to_have_text("Class 2")
    expect(asked(page)).to_be_visible()
    page.page.keyboard.press("Escape")
    expect(asked(page)).to_have_count(0)


def test_a_picture_is_pasted_from_another_view(taught: ProjectPage) -> None:
    taught.open_examples()
    taught.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    picture = base64.b64encode(encoded(photo("rocket"), "PNG")).decode()
    taught.page.evaluate(COPY, picture)
    taught.page.keyboard.press("Control+v")
    expect(asked(taught)).to_be_visible()
    expect(taught.label).to_have_text("Class 2")


def test_a_picture_that_the_browser_cannot_show_is_predicted(
    taught: ProjectPage, tmp_path: Path
) -> None:
    (tmp_path / "rocket.tiff").write_bytes(encoded(photo("rocket"), "TIFF"))
    taught.drop(stage(taught), tmp_path / "rocket.tiff")
    expect(taught.page.get_by_text("This browser cannot show this picture")).to_be_visible()
    expect(taught.label).to_have_text("Class 2")


def test_a_picture_is_picked(taught: ProjectPage, rocket: Path) -> None:
    with taught.page.expect_file_chooser() as chooser:
        taught.page.get_by_role("button", name="What is this?").click()
    chooser.value.set_files(rocket)
    expect(taught.label).to_have_text("Class 2")


def test_an_unreadable_picture_shows_an_error_and_returns_to_the_camera(
    taught: ProjectPage, tmp_path: Path
) -> None:
    taught.drop(stage(taught), write_tree(tmp_path, {"a.jpg": b"no picture"}) / "a.jpg")
    expect(taught.page.get_by_test_id("toast")).to_be_visible()
    expect(asked(taught)).to_have_count(0)
    expect(taught.label).to_have_text("Class 1")
