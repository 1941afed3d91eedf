"""The Examples view: browse, select, move and delete."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.pages import ProjectPage
from tests.files import colored, write_zip
from tests.server import RunningServer


@pytest.fixture
def fill(server: RunningServer, tmp_path: Path) -> Callable[[Mapping[str, int]], None]:
    """Add this many examples to classes, each in a different colour."""

    def fill_(examples: Mapping[str, int]) -> None:
        files = {
            f"{name}/{number}.png": colored(number % 256, number // 256, 40 * place)
            for place, (name, count) in enumerate(examples.items())
            for number in range(count)
        }
        archive = write_zip(tmp_path / "set.zip", files)
        address = f"/api/imports/{server.http.post('/api/imports').json()['id']}"
        server.http.put(f"{address}/files/set.zip", content=archive.read_bytes())
        server.http.post(f"{address}/start", json={}).raise_for_status()
        while server.http.get(address).json()["status"] == "running":
            time.sleep(0.05)
        assert server.http.get(address).json()["added"] == len(files)

    return fill_


def selected(options: Locator) -> Locator:
    return options.and_(options.page.locator("[aria-selected=true]"))


def shown(page: ProjectPage) -> Locator:
    """The line with the number of examples."""
    return page.page.get_by_test_id("shown")


def bar(page: ProjectPage) -> Locator:
    """The toolbar of a selection."""
    return page.page.get_by_test_id("selection")


def expect_count(page: ProjectPage, name: str, count: int) -> None:
    page.page.get_by_role("link", name="Live", exact=True).click()
    expect(page.card(name).get_by_test_id("class-count")).to_have_text(str(count))


def test_only_visible_examples_are_rendered(
    page: ProjectPage, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 250, "Class 2": 150})
    options = page.open_examples()
    expect(shown(page)).to_have_text("400 examples")
    expect(options.first).to_have_attribute("aria-posinset", "1")
    assert 20 <= options.count() <= 120
    page.page.keyboard.press("End")
    last = options.and_(page.page.locator("[aria-posinset='400']"))
    expect(last).to_be_in_viewport()
    expect(last.locator("img")).to_have_js_property("naturalWidth", 160)
    assert options.count() <= 120
    expect(options.and_(page.page.locator("[aria-posinset='1']"))).to_have_count(0)


def test_clicks_select_one_and_more_and_ranges(
    page: ProjectPage, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 30})
    options = page.open_examples()
    options.nth(2).click()
    expect(bar(page)).to_contain_text("1 selected")
    options.nth(5).click(modifiers=["Control"])
    expect(selected(options)).to_have_count(2)
    options.nth(8).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("4 selected")
    options.nth(6).click(modifiers=["Control"])
    expect(bar(page)).to_contain_text("3 selected")
    bar(page).get_by_role("button", name="Clear").click()
    expect(bar(page)).to_have_count(0)
    page.page.get_by_role("button", name="Select all").click()
    expect(bar(page)).to_contain_text("30 selected")


def test_a_rectangle_drawn_with_the_mouse_selects_what_it_touches(
    page: ProjectPage, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 30})
    options = page.open_examples()
    start, end = options.nth(0).bounding_box(), options.nth(2).bounding_box()
    assert start is not None
    assert end is not None
    page.page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.page.mouse.down()
    page.page.mouse.move(end["x"] + 20, end["y"] + 60, steps=5)
    expect(selected(options)).to_have_count(3)
    page.page.mouse.up()
    expect(bar(page)).to_contain_text("3 selected")
    options.nth(4).click()
    expect(bar(page)).to_contain_text("1 selected")


def test_all_actions_work_from_the_keyboard(
    page: ProjectPage, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 30})
    options = page.open_examples()
    expect(options.first).to_be_visible()
    press = page.page.keyboard.press
    press("ArrowRight")
    press("ArrowRight")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    press("Shift+ArrowRight")
    press("Shift+ArrowRight")
    expect(bar(page)).to_contain_text("3 selected")
    press("Space")
    expect(bar(page)).to_contain_text("2 selected")
    press("Delete")
    expect(shown(page)).to_have_text("28 examples")
    press("Control+z")
    expect(shown(page)).to_have_text("30 examples")
    press("Control+a")
    expect(bar(page)).to_contain_text("30 selected")
    press("Escape")
    expect(bar(page)).to_have_count(0)
    press("1")
    expect(shown(page)).to_have_text("30 examples")


def test_a_selection_is_moved_and_restored(
    page: ProjectPage, server: RunningServer, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 20, "Class 2": 5})
    options = page.open_examples()
    page.page.get_by_role("combobox", name="Class").select_option("Class 1 (20)")
    expect(shown(page)).to_have_text("20 of 25 examples")
    options.nth(0).click()
    options.nth(11).click(modifiers=["Shift"])
    bar(page).get_by_role("button", name="Move to").click()
    page.page.get_by_role("button", name="Class 3", exact=True).click()
    expect(shown(page)).to_have_text("8 of 25 examples")
    expect(bar(page)).to_have_count(0)
    assert len(server.http.get("/api/examples?class_id=3").json()["examples"]) == 12
    page.page.get_by_test_id("toast").get_by_role("button", name="Undo").click()
    expect(shown(page)).to_have_text("20 of 25 examples")
    expect_count(page, "Class 1", 20)


def test_a_selection_is_deleted_and_restored(
    page: ProjectPage, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 20})
    options = page.open_examples()
    options.nth(0).click()
    options.nth(11).click(modifiers=["Shift"])
    bar(page).get_by_role("button", name="Delete").click()
    expect(shown(page)).to_have_text("8 examples")
    page.toast("12 examples deleted").get_by_role("button", name="Undo").click()
    expect(shown(page)).to_have_text("20 examples")


def test_filters_count_and_survive_a_reload(
    page: ProjectPage, server: RunningServer, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 12, "Class 2": 7})
    for number in range(3):
        picture = colored(200, 200, number)
        server.http.post(
            "/api/examples?class_id=1&source=python&recording=r", content=picture
        ).raise_for_status()
    page.open_examples()
    expect(shown(page)).to_have_text("22 examples")
    page.page.get_by_role("combobox", name="Source").select_option("Python (3)")
    expect(shown(page)).to_have_text("3 of 22 examples")
    classes = page.page.get_by_role("combobox", name="Class")
    expect(classes.get_by_role("option", name="Class 1 (3)")).to_have_count(1)
    expect(classes.get_by_role("option", name="Class 2 (0)")).to_have_count(1)
    page.page.get_by_role("combobox", name="Recording").select_option(index=1)
    expect(shown(page)).to_have_text("3 of 22 examples")
    page.page.reload()
    expect(shown(page)).to_have_text("3 of 22 examples")
    page.page.get_by_role("combobox", name="Source").select_option("Source")
    classes.select_option("Class 2 (7)")
    expect(shown(page)).to_have_text("7 of 22 examples")
    classes.select_option("Class 4 (0)")
    page.page.get_by_role("button", name="Show all").click()
    expect(shown(page)).to_have_text("22 examples")


def test_a_class_card_links_to_its_examples(
    page: ProjectPage, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 4, "Class 2": 6})
    page.card("Class 2").get_by_role("button", name="Show all 6 examples of Class 2").click()
    expect(shown(page)).to_have_text("6 of 10 examples")
    page.page.go_back()
    expect(page.card("Class 1")).to_be_visible()
    page.menu("Class 1", "Show all examples")
    expect(shown(page)).to_have_text("4 of 10 examples")


def test_an_example_is_enlarged_with_similar_examples(
    page: ProjectPage, server: RunningServer, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 20, "Class 2": 20})
    newest = server.http.get("/api/examples").json()["examples"]
    options = page.open_examples()
    options.nth(3).dblclick()
    viewer = page.page.get_by_test_id("viewer")
    expect(viewer).to_have_attribute("data-id", str(newest[3]["id"]))
    expect(viewer.locator("img").first).to_have_js_property("naturalWidth", 64)
    expect(viewer).to_contain_text("4 of 40")
    neighbors = viewer.get_by_test_id("viewer-neighbor")
    expect(neighbors).to_have_count(8)
    page.page.keyboard.press("ArrowRight")
    expect(viewer).to_have_attribute("data-id", str(newest[4]["id"]))
    viewer.get_by_role("button", name="Newer").click()
    expect(viewer).to_have_attribute("data-id", str(newest[3]["id"]))
    nearest = server.http.get(f"/api/examples/{newest[3]['id']}/neighbors").json()["neighbors"][0]
    neighbors.first.click()
    expect(viewer).to_have_attribute("data-id", str(nearest["example_id"]))
    page.page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)


def test_a_missing_picture_is_requested_once(
    page: ProjectPage, fill: Callable[[Mapping[str, int]], None]
) -> None:
    page.page.route("**/api/examples/*/*", lambda route: route.abort("connectionrefused"))
    fill({"Class 1": 1})
    page.open_examples().first.dblclick()
    image = page.page.get_by_test_id("viewer").locator("img").first
    expect(image).to_have_attribute("src", re.compile("thumbnail"))
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    for _ in range(5):
        page.page.evaluate("fetch('/api/examples/0/none').catch(() => undefined)")
    # The last request may be the viewer's own, which was on its way.
    assert len([url for url in asked if "/none" not in url]) <= 1


def test_the_enlarged_example_is_moved_and_deleted(
    page: ProjectPage, server: RunningServer, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 3})
    newest = server.http.get("/api/examples").json()["examples"]
    page.open_examples().nth(0).click()
    page.page.keyboard.press("Enter")
    viewer = page.page.get_by_test_id("viewer")
    viewer.get_by_role("button", name="Move to").click()
    viewer.get_by_role("button", name="Class 2", exact=True).click()
    expect(page.page.get_by_role("dialog", name="Class 2")).to_be_visible()
    viewer.get_by_role("button", name="Delete").click()
    expect(viewer).to_have_attribute("data-id", str(newest[1]["id"]))
    page.toast("1 example deleted").get_by_role("button", name="Undo").click()
    expect(viewer).to_contain_text("2 of 3")


def test_the_camera_keeps_running_in_the_examples_view(
    page: ProjectPage, server: RunningServer
) -> None:
    page.click("Class 1")
    options = page.open_examples()
    expect(options).to_have_count(1)
    now = page.page.get_by_title("What the camera sees now")
    expect(now).to_contain_text("Class 1")
    ids = [example["id"] for example in server.http.get("/api/examples").json()["examples"]]
    server.http.post("/api/examples/move", json={"ids": ids, "class_id": 2}).raise_for_status()
    expect(now).to_contain_text("Class 2")
    now.click()
    expect(page.page.get_by_test_id("rate")).to_contain_text("/s")


def test_the_grid_fits_every_size(
    page: ProjectPage, fill: Callable[[Mapping[str, int]], None]
) -> None:
    fill({"Class 1": 100})
    options = page.open_examples()
    expect(options.nth(2)).to_be_visible()
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for width, height in ((360, 640), (390, 844), (1280, 800), (2560, 1440)):
        page.resize(width, height)
        assert page.page.evaluate(overflow) <= 0
        box, other = options.nth(0).bounding_box(), options.nth(2).bounding_box()
        assert box is not None
        assert other is not None
        assert box["width"] == pytest.approx(box["height"])
        assert box["width"] >= 90
        assert box["y"] == other["y"]
        options.nth(0).click()
        options.nth(2).click(modifiers=["Shift"])
        edges = bar(page).bounding_box()
        assert edges is not None
        assert edges["x"] >= 0
        assert edges["x"] + edges["width"] <= width
