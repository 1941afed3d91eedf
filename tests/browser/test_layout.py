"""Everything has its room, on any page and with any number of classes."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chromium import context
from tests.browser.pages import ProjectPage
from tests.photos import encoded, photo
from tests.server import RunningServer, run_server


def add_classes(server: RunningServer, *names: str) -> list[int]:
    """Classes, each with two examples that the camera does not see."""
    whole, ids = photo("rocket"), []
    for number, name in enumerate(names):
        reply = server.http.post("/api/classes", json={"name": name}).raise_for_status()
        ids.append(reply.json()["id"])
        for n in range(2):
            piece = whole[5 * number + n : 5 * number + n + 200, 9 * number : 9 * number + 200]
            told = {"class_id": ids[-1]}
            server.http.post("/api/examples", params=told, content=encoded(piece))
    return ids


def bars(page: Page) -> Locator:
    return page.get_by_role("list", name="Probability of each class").get_by_role("listitem")


def test_the_most_probable_class_always_has_a_bar(
    open_page: Callable[..., ProjectPage], server: RunningServer
) -> None:
    add_classes(server, *(f"Thing {n}" for n in range(6, 31)))
    page = open_page()
    page.click("Thing 29")
    expect(page.label).to_have_text("Thing 29")
    row = bars(page.page).filter(has_text="Thing 29")
    for width, height in ((1280, 800), (768, 1024), (1920, 1080), (390, 844)):
        page.page.set_viewport_size({"width": width, "height": height})
        expect(row).to_be_in_viewport(ratio=1)
        expect(row).to_contain_text("%")
        shown = bars(page.page).count()
        page.page.get_by_role("button", name=f"and {30 - shown} more", exact=True).click()
        expect(bars(page.page)).to_have_count(30)
        page.page.get_by_role("button", name="Show fewer", exact=True).click()
        expect(bars(page.page)).to_have_count(shown)


def test_six_classes_all_have_a_bar(
    open_page: Callable[..., ProjectPage], server: RunningServer
) -> None:
    add_classes(server, "A name that is so long that it takes three lines where the answer stands")
    page = open_page().page
    expect(bars(page)).to_have_count(6)
    for row in bars(page).all():
        expect(row).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name=re.compile("^and .* more"))).to_have_count(0)


def test_a_cell_of_many_classes_keeps_the_name_of_its_row(
    open_page: Callable[..., ProjectPage], server: RunningServer
) -> None:
    add_classes(server, *(f"Class number {n}" for n in range(1, 21)))
    page = open_page(width=390, height=844).page
    page.goto(f"{server.url}#/evaluate")
    name = page.get_by_role("rowheader", name="Class number 7").locator("span").first
    cell = page.get_by_test_id("confusion-cell").last
    cell.scroll_into_view_if_needed(timeout=15_000)
    name.scroll_into_view_if_needed()
    table = page.locator("table").locator("..")
    assert table.evaluate("box => { box.scrollLeft = 1e4; return box.scrollLeft }") > 100
    expect(name).to_be_in_viewport(ratio=1)


def test_names_that_differ_at_the_end_are_distinguishable(
    open_page: Callable[..., ProjectPage], server: RunningServer
) -> None:
    add_classes(server, *(f"Donaudampfschifffahrtsgesellschaft {n}" for n in (41, 42)))
    page = open_page(width=390, height=844).page
    for number in (41, 42):
        end = page.get_by_role("navigation", name="Hold to add").locator(
            ".end", has_text=str(number)
        )
        end.scroll_into_view_if_needed()
        expect(end).to_be_in_viewport(ratio=1)
        assert end.evaluate("end => end.closest('li').clientWidth - end.offsetWidth") > 10


def test_a_right_to_left_name_does_not_reverse_its_sentence(
    open_page: Callable[..., ProjectPage], server: RunningServer
) -> None:
    add_classes(server, "كوب القهوة", "Rocket")
    page = open_page().page
    page.get_by_role("link", name="Evaluate").click()
    advice = page.get_by_test_id("advice").filter(has_text="كوب القهوة has only 2 examples.")
    sentence = advice.locator("p")
    expect(sentence.locator("bdi")).to_have_text("كوب القهوة", timeout=15_000)
    assert sentence.evaluate("one => getComputedStyle(one).direction") == "ltr"
    before = sentence.evaluate(
        "one => one.querySelector('bdi').getBoundingClientRect().x - one.getBoundingClientRect().x"
    )
    assert before == pytest.approx(0, abs=2)


def test_header_items_do_not_overlap(
    tmp_path: Path, tiny_backbone: Path, watching: Browser
) -> None:
    project = tmp_path / "A project whose name is long enough to need half of the page.db"
    with run_server(project, tiny_backbone) as server:
        page = ProjectPage(context(watching), server.url)
        page.click("Class 1")
        live = page.page.get_by_role("link", name="Live", exact=True)
        header = page.page.locator("header :is(h1, .project, nav a, .now, button)")
        for width in (640, 768, 960, 1024, 1280):
            live.click()
            page.resize(width, 800)
            expect(page.label).to_have_text("Class 1")
            place = live.bounding_box()
            page.page.get_by_role("link", name="Export", exact=True).click()
            expect(page.page.get_by_role("region", name="One ONNX file")).to_be_visible()
            assert live.bounding_box() == place
            parts = header.filter(visible=True).all()
            edges = [box for one in parts if (box := one.bounding_box())]
            for left, right in pairwise(edges):
                assert left["x"] + left["width"] <= right["x"] + 0.5
            assert edges[-1]["x"] + edges[-1]["width"] <= width
        page.page.context.close()


def test_nothing_covers_the_bars_at_200_percent_zoom(
    open_page: Callable[..., ProjectPage],
) -> None:
    page = open_page(width=640, height=400).page
    rate = page.get_by_test_id("rate").bounding_box()
    bar = bars(page).first.bounding_box()
    assert rate
    assert bar
    assert rate["x"] + rate["width"] <= bar["x"]


def test_a_phone_shows_the_current_tab_and_hints_at_more(
    open_page: Callable[..., ProjectPage], server: RunningServer
) -> None:
    page = open_page(width=390, height=844).page
    nav = page.get_by_role("navigation", name="Views")
    expect(nav).to_have_css("mask-image", re.compile(r"rgba\(0, 0, 0, 0\)\)$"))
    page.evaluate("location.hash = '#/how'")
    link = nav.get_by_role("link", name="How it works")
    expect(link).to_have_attribute("aria-current", "page")
    expect(link).to_be_in_viewport(ratio=1)
    expect(nav).to_have_css("mask-image", re.compile(r"right, rgba\(0, 0, 0, 0\)"))
    page.evaluate("location.hash = '#/live'")
    expect(nav.get_by_role("link", name="Live")).to_be_in_viewport(ratio=1)
