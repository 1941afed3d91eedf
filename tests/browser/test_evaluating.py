"""The Evaluate view: accuracy, and advice that improves it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Playwright, expect

from tests.browser.chromium import context, launched, write_clip
from tests.browser.pages import ProjectPage
from tests.photos import encoded, photo
from tests.server import RunningServer

SLIPPED = (1, 5, 9)
"""Pictures in the wrong class, each between others of its own."""

WRONG = len(SLIPPED)


def pieces(name: str, count: int) -> list[bytes]:
    """Return slightly shifted crops of a photo."""
    whole = photo(name)
    return [encoded(whole[6 * n : 6 * n + 240, 9 * n : 9 * n + 240]) for n in range(count)]


@pytest.fixture
def badly_taught(page: ProjectPage, server: RunningServer) -> ProjectPage:
    """Two classes, one of which contains pictures of the other."""
    coffee, rocket = pieces("coffee", 12), pieces("rocket", 12)
    placed = [(1, image) for image in coffee]
    placed += [(1 if n in SLIPPED else 2, image) for n, image in enumerate(rocket)]
    for class_id, image in placed:
        reply = server.http.post(f"/api/examples?class_id={class_id}", content=image)
        reply.raise_for_status()
    page.page.get_by_role("link", name="Evaluate").click()
    return page


def accuracy(page: ProjectPage) -> int:
    return int(page.page.get_by_test_id("accuracy").inner_text().split()[0])


def test_following_the_advice_raises_the_accuracy(
    badly_taught: ProjectPage, server: RunningServer
) -> None:
    page = badly_taught.page
    expect(page.get_by_test_id("accuracy")).to_contain_text("%", timeout=15_000)
    before = accuracy(badly_taught)
    assert before < 95
    advice = page.locator("[data-testid=advice][data-kind=mislabelled]")
    expect(advice).to_contain_text(f"{WRONG} examples look mislabelled")
    advice.get_by_role("button", name="Show them").click()
    expect(page.get_by_test_id("behind")).to_have_count(WRONG)
    for left in range(WRONG - 1, -1, -1):
        page.get_by_role("button", name="Move to Class 2").first.click()
        expect(page.get_by_test_id("behind")).to_have_count(left)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("accuracy")).to_have_text("100 %", timeout=15_000)
    assert accuracy(badly_taught) > before
    expect(advice).to_have_count(0)
    counts = [item["examples"] for item in server.http.get("/api/state").json()["classes"][:2]]
    assert counts == [12, 12]


def in_light(picture: np.ndarray, light: tuple[float, float, float]) -> bytes:
    return encoded((picture * light).astype(np.uint8), quality=95)


def two_alike() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return a coffee with and without a white note, each in warm and cool light."""
    whole = photo("coffee")[:360, :480]
    noted = whole.copy()
    noted[180:, 180:300] = 255
    lights = {"warm": (1.0, 0.8, 0.4), "cool": (0.4, 0.8, 1.0)}
    plain, other = (
        {name: in_light(picture, light) for name, light in lights.items()}
        for picture in (whole, noted)
    )
    return plain, other


def test_following_the_advice_separates_two_confused_classes(
    playwright: Playwright, server: RunningServer, tmp_path: Path
) -> None:
    # The adaptive head learns at once that the light does not matter.
    server.http.patch("/api/settings", json={"head": "classic"}).raise_for_status()
    one, other = two_alike()
    scenes = [one["warm"], other["warm"], one["cool"], other["cool"]]
    clip = write_clip(tmp_path / "alike.mjpeg", scenes, 2)
    with launched(playwright, clip) as browser:
        page = ProjectPage(context(browser), server.url)
        page.wait_until_live()

        def teach() -> None:
            """Add each object once in each light."""
            for place, scene in enumerate(scenes):
                page.wait_for_scene(scenes, scene)
                page.hold(f"Class {place % 2 + 1}", 0.5)

        teach()
        page.page.get_by_role("link", name="Evaluate").click()
        expect(page.page.get_by_test_id("accuracy")).to_contain_text("%", timeout=15_000)
        badly = accuracy(page)
        assert badly < 60
        advice = page.page.locator("[data-testid=advice][data-kind=confused]")
        expect(advice).to_contain_text("Class 1 and Class 2 are confused")
        advice.get_by_role("button", name="Show more").click()
        told = page.page.get_by_role("status").filter(has_text="Show more of Class 1 and Class 2")
        expect(told).to_be_visible()
        teach()
        told.get_by_role("button", name="Evaluate again").click()
        expect(advice).to_have_count(0, timeout=15_000)
        assert accuracy(page) >= badly + 30
        assert page.faults == []


def test_a_class_with_one_recording_gets_another(page: ProjectPage, server: RunningServer) -> None:
    for class_id, name in ((1, "coffee"), (2, "rocket")):
        for place, image in enumerate(pieces(name, 10)):
            recording = "same" if class_id == 1 else str(place)
            told = {"class_id": class_id, "recording": recording}
            server.http.post("/api/examples", params=told, content=image).raise_for_status()
    page.page.get_by_role("link", name="Evaluate").click()
    advice = page.page.locator("[data-testid=advice][data-kind=one_recording]")
    expect(advice).to_contain_text(
        "All examples of Class 1 come from one recording", timeout=15_000
    )
    expect(page.page.get_by_text("the number is too good")).to_be_visible()
    advice.get_by_role("button", name="Show more").click()
    expect(page.page.get_by_role("status").filter(has_text="Show more of Class 1")).to_be_visible()
    page.click("Class 1")
    page.page.get_by_role("button", name="Evaluate again").click()
    expect(page.page.get_by_test_id("accuracy")).to_contain_text("%", timeout=15_000)
    expect(advice).to_have_count(0, timeout=15_000)
    expect(page.page.get_by_text("the number is too good")).to_have_count(0)


def test_the_map_shows_the_hovered_picture_and_the_camera_frame(
    badly_taught: ProjectPage,
) -> None:
    page = badly_taught.page
    dots = page.get_by_role("img", name="examples; similar ones are near each other").locator(
        "circle"
    )
    here = page.get_by_test_id("here")
    expect(here).to_have_count(1, timeout=15_000)
    expect(page.get_by_test_id("pointed-at")).to_have_count(0)
    dots.first.scroll_into_view_if_needed()
    dots.first.hover(force=True)
    shown = page.get_by_test_id("pointed-at")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 160
    page.mouse.move(0, 0)
    expect(shown).to_have_count(0)


def test_a_picture_of_a_matrix_cell_can_be_moved_to_any_class(
    badly_taught: ProjectPage, server: RunningServer
) -> None:
    page = badly_taught.page
    cell = page.get_by_role("button", name=re.compile("of Class 2 recognised as Class 2"))
    cell.click(timeout=15_000)
    before = page.get_by_test_id("behind").count()
    page.get_by_role("button", name="Move to", exact=True).first.click()
    page.get_by_role("textbox", name="A new class").filter(visible=True).fill("Sky")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("behind")).to_have_count(before - 1)
    state = server.http.get("/api/state").json()["classes"]
    assert {item["name"]: item["examples"] for item in state}["Sky"] == 1


def test_a_failed_move_keeps_the_pictures(badly_taught: ProjectPage) -> None:
    page = badly_taught.page
    page.get_by_role("button", name="recognised as Class 2").first.click(timeout=15_000)
    behind = page.get_by_test_id("behind")
    count = behind.count()
    page.route("**/api/examples/move", lambda route: route.abort("connectionrefused"))
    page.get_by_role("button", name="Move to Class 2").first.click()
    expect(badly_taught.toast("The server does not answer")).to_be_visible()
    expect(behind).to_have_count(count)


def test_confusion_matrix_names_are_complete_if_they_fit(
    badly_taught: ProjectPage, server: RunningServer
) -> None:
    page = badly_taught.page
    names = page.get_by_role("columnheader")
    expect(names).to_have_count(2, timeout=15_000)
    whole = names.locator(".start").evaluate_all(
        "names => names.map(name => name.scrollWidth <= name.clientWidth)"
    )
    assert whole == [True, True]
    page.set_viewport_size({"width": 320, "height": 640})
    server.http.patch(
        "/api/classes/1", json={"name": "Rindfleischetikettierung"}
    ).raise_for_status()
    expect(names.first).to_contain_text("Rindfleisch")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_a_cell_opens_its_pictures_and_moves_them_all(badly_taught: ProjectPage) -> None:
    page = badly_taught.page
    cell = page.get_by_role("button", name=f"{WRONG} examples of Class 1 recognised as Class 2")
    cell.click(timeout=15_000)
    expect(page.get_by_test_id("behind")).to_have_count(WRONG)
    page.get_by_role("button", name=f"Move all {WRONG} examples to Class 2").click()
    expect(page.get_by_text("You moved all of them.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(cell).to_have_count(0, timeout=15_000)


def test_the_head_and_the_rejection_level_are_chosen_on_the_page(
    badly_taught: ProjectPage, server: RunningServer
) -> None:
    page = badly_taught.page
    expect(page.get_by_test_id("accuracy")).to_contain_text("%", timeout=15_000)
    with page.expect_response("**/api/settings"):
        page.get_by_label("Classic k-NN votes").check()
    with page.expect_response("**/api/settings"):
        page.get_by_label("“None of these”").fill("0.2")
    expect(page.get_by_text("The answer is “none of these”")).to_be_visible()
    settings = server.http.get("/api/state").json()["settings"]
    assert (settings["head"], settings["rejection_level"]) == ("classic", 0.2)
    page.reload()
    expect(page.get_by_label("Classic k-NN votes")).to_be_checked(timeout=15_000)
    page.get_by_label("Classic k-NN votes").uncheck()
    expect(page.get_by_test_id("accuracy")).to_contain_text("%", timeout=15_000)
    assert server.http.get("/api/state").json()["settings"]["head"] == "adaptive"


def test_the_page_asks_for_two_classes(page: ProjectPage) -> None:
    page.page.get_by_role("link", name="Evaluate").click()
    expect(page.page.get_by_text("at least two classes")).to_be_visible(timeout=15_000)
    assert page.faults == []


def test_a_background_class_is_one_click(page: ProjectPage) -> None:
    page.page.get_by_role("button", name="Background", exact=True).click()
    expect(page.card("Background")).to_be_visible()
    expect(page.page.get_by_role("button", name="Background", exact=True)).to_have_count(0)


def test_an_unknown_object_is_none_of_these(page: ProjectPage, server: RunningServer) -> None:
    """The camera shows a coffee; the classes are cats and rockets."""
    for class_id, name in ((1, "cat"), (2, "rocket")):
        for image in pieces(name, 10):
            reply = server.http.post(f"/api/examples?class_id={class_id}", content=image)
            reply.raise_for_status()
    expect(page.label).to_have_attribute("data-state", "sure")
    server.http.patch("/api/settings", json={"rejection_level": 0.1}).raise_for_status()
    expect(page.label).to_have_text("None of these")
    expect(page.page.get_by_text("the nearest, and not near enough")).to_be_visible()
    server.http.patch("/api/settings", json={"rejection_level": 0}).raise_for_status()
    expect(page.label).to_have_attribute("data-state", "sure")
