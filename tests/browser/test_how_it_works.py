"""The view that says how it works, with this network's own numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import frame
from tests.browser.pages import ProjectPage
from tests.server import RunningServer, run_server


def test_the_calculation_follows_the_camera(page: ProjectPage) -> None:
    page.page.get_by_role("link", name="How it works").click()
    expect(page.page.get_by_test_id("cost-standard")).to_have_text("13,716,864")
    expect(page.page.get_by_test_id("cost-separable")).to_contain_text("= 1,952,748")
    expect(page.page.get_by_test_id("share")).to_have_text("14.2 %")
    page.page.locator("label", has_text="Kernels, N").locator("input").fill("64")
    expect(page.page.get_by_test_id("cost-standard")).to_have_text("27,433,728")
    expect(page.page.get_by_test_id("share")).to_have_text("12.7 %")


def test_each_slider_has_a_name_and_a_label(page: ProjectPage) -> None:
    page.page.get_by_role("link", name="How it works").click()
    for name in ("Picture", "Channels, M", "Kernels, N", "Kernel size, k"):
        slider = page.page.get_by_role("slider", name=name, exact=True)
        page.page.get_by_text(name, exact=True).click()
        expect(slider).to_be_focused()


def test_the_neighbours_are_shown_and_another_network_can_be_used(page: ProjectPage) -> None:
    for name in ("Class 1", "Class 2", "Class 1", "Class 2"):
        page.hold(name, 0.2)
    page.page.get_by_role("link", name="How it works").click()
    field = page.page.get_by_label("What the camera sees, among its nearest examples")
    expect(field.locator("figure")).to_have_count(3)
    row = page.page.locator("tr[data-name=efficientnet-lite0]")
    row.get_by_role("button", name="Use").click()
    expect(row).to_contain_text("in use", timeout=20_000)
    sums = page.page.get_by_test_id("network-sums")
    expect(sums).to_contain_text("efficientnet-lite0 turns 224×224 pixels into 1,280 numbers")
    expect(sums).to_contain_text("384 M")
    page.page.get_by_role("button", name="Show the table").click()
    expect(page.page.locator("tfoot")).to_contain_text("Total")


OVERLAPS = """() => {
  const field = document.querySelector(".field");
  const overlaps = (window.overlaps = []);
  const look = () => {
    const pictures = [...field.querySelectorAll("img, .now")];
    const boxes = pictures.map((one) => one.getBoundingClientRect());
    boxes.forEach((a, place) => boxes.slice(place + 1).forEach((b) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 0 && down > 0) overlaps.push([a, b]);
    }));
    requestAnimationFrame(look);
  };
  look();
}"""
"""Notes in each frame which pictures of the nearest examples cover each other or the middle."""

SETTLED = """() => {
  const moving = document.querySelector(".field").getAnimations({ subtree: true });
  return Promise.allSettled(moving.map(({ finished }) => finished)).then(() => undefined);
}"""


def test_pictures_of_near_neighbours_never_overlap(
    open_page: Callable[..., ProjectPage], server: RunningServer
) -> None:
    server.http.patch("/api/settings", json={"head": "classic"}).raise_for_status()
    page = open_page(width=320, height=800)
    for _ in range(5):
        server.http.post("/api/examples?class_id=1", content=frame("coffee")).raise_for_status()
    page.page.evaluate("location.hash = '#/how'")
    field = page.page.get_by_label("What the camera sees, among its nearest examples")
    expect(field.locator("figure", has_text="1.00")).to_have_count(3)
    page.page.evaluate(OVERLAPS)
    nearest = page.page.evaluate("document.querySelector('.field img').src")
    first = re.search(r"examples/(\d+)/", nearest)
    assert first
    server.http.post("/api/examples/remove", json={"ids": [int(first[1])]}).raise_for_status()
    expect(field.locator(f"img[src='{nearest}']")).to_have_count(0)
    page.page.evaluate(SETTLED)
    assert page.page.evaluate("window.overlaps") == []


def test_a_long_name_does_not_widen_the_page(
    open_page: Callable[..., ProjectPage], server: RunningServer
) -> None:
    name = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"
    server.http.patch("/api/classes/1", json={"name": name}).raise_for_status()
    teacher, phone = open_page(), open_page(width=390, height=844).page
    teacher.click(name)
    phone.evaluate("location.hash = '#/how'")
    field = phone.get_by_label("What the camera sees, among its nearest examples")
    expect(phone.get_by_text(f"These are the nearest examples of {name}.")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    expect(field.locator("figure b")).to_be_in_viewport(ratio=1)
    server.http.patch("/api/settings", json={"head": "classic"}).raise_for_status()
    expect(phone.get_by_text(f"The most similar examples vote for {name}: 100 %.")).to_be_visible()


def test_touching_the_chart_describes_the_layer(
    watching: Browser, tmp_path: Path, tiny_backbone: Path
) -> None:
    with run_server(tmp_path / "project.db") as server:
        phone = watching.new_context(
            viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
        )
        page = phone.new_page()
        page.goto(f"{server.url}#/how")
        chart = page.get_by_role("img", name="Multiplications of each layer")
        chart.scroll_into_view_if_needed(timeout=15_000)
        box = chart.bounding_box()
        assert box
        for place, told in ((0.001, "1: Standard 3×3, 3 → 32 channels, "), (0.999, ": Dense, ")):
            page.touchscreen.tap(box["x"] + place * box["width"], box["y"] + box["height"] / 2)
            expect(page.get_by_test_id("layer")).to_contain_text(told)
        phone.close()


def test_the_browser_gives_the_same_answer_as_the_server(page: ProjectPage) -> None:
    page.hold("Class 1", 0.4)
    page.hold("Class 2", 0.2)
    expect(page.label).to_have_text("Class 1")
    page.page.get_by_test_id("rate").click()
    page.page.get_by_label("in this browser").check()
    stages = page.page.locator("#stages")
    expect(stages.get_by_text("/s ·")).to_have_count(2, timeout=20_000)
    expect(page.label).to_have_text("Class 1")
    page.menu("Class 1", "Clear examples")
    expect(page.label).not_to_have_text("Class 1")


def test_the_page_describes_the_current_head(page: ProjectPage, server: RunningServer) -> None:
    page.page.get_by_role("link", name="How it works").click()
    region = page.page.get_by_role("region", name="Nearest neighbours")
    expect(region).to_contain_text("it learns which differences matter")
    server.http.patch("/api/settings", json={"head": "classic"})
    expect(region).to_contain_text("the three most similar ones vote")
    expect(region).not_to_contain_text("it learns")


def test_measurements_stay_until_the_other_network_is_measured(
    page: ProjectPage, server: RunningServer
) -> None:
    page.page.get_by_role("link", name="How it works").click()
    sheet = page.page.get_by_role("region", name="This network, layer by layer")
    expect(sheet).to_contain_text("tiny turns")
    server.http.post("/api/backbones", json={"names": ["efficientnet-lite0"], "use": True})
    expect(sheet).to_contain_text("measuring the current network")
    expect(sheet).to_contain_text("tiny turns")
    expect(sheet).to_contain_text("efficientnet-lite0 turns", timeout=20_000)
    expect(sheet).not_to_contain_text("measuring the current network")


def test_the_cards_fill_their_row(page: ProjectPage) -> None:
    page.page.get_by_role("link", name="How it works").click()
    for width in (1280, 1920):
        page.resize(width, 1080)
        whole = page.page.get_by_role("region", name="Networks", exact=True).bounding_box()
        last = page.page.get_by_role("region", name="Depthwise-separable").bounding_box()
        assert whole is not None
        assert last is not None
        assert last["x"] + last["width"] == pytest.approx(whole["x"] + whole["width"], abs=1)
