"""The page says how good it is, and what would help; who follows it gets a better classifier."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.pages import ProjectPage
from tests.photos import encoded, photo
from tests.server import RunningServer

SLIPPED = (1, 5, 9)
"""Pictures that lie in the wrong class, each between others of its own."""

WRONG = len(SLIPPED)


def pieces(name: str, count: int) -> list[bytes]:
    """Pieces of a photograph, each a little elsewhere."""
    whole = photo(name)
    return [encoded(whole[6 * n : 6 * n + 240, 9 * n : 9 * n + 240]) for n in range(count)]


@pytest.fixture
def badly_taught(page: ProjectPage, server: RunningServer) -> ProjectPage:
    """Two classes, into one of which pictures of the other have slipped."""
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


def test_who_follows_the_advice_is_right_more_often(
    badly_taught: ProjectPage, server: RunningServer
) -> None:
    page = badly_taught.page
    expect(page.get_by_test_id("accuracy")).to_contain_text("%", timeout=15_000)
    before = accuracy(badly_taught)
    assert before < 95
    advice = page.locator("[data-testid=advice][data-kind=mislabelled]")
    expect(advice).to_contain_text(f"{WRONG} examples look mislabelled")
    advice.get_by_role("button", name="Look at them").click()
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


def test_a_cell_opens_its_pictures_and_moves_them_all(badly_taught: ProjectPage) -> None:
    page = badly_taught.page
    cell = page.get_by_role("button", name=f"{WRONG} examples of Class 1 taken for Class 2")
    cell.click(timeout=15_000)
    expect(page.get_by_test_id("behind")).to_have_count(WRONG)
    page.get_by_role("button", name=f"Move all {WRONG} examples to Class 2").click()
    expect(page.get_by_text("All of them are moved.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(cell).to_have_count(0, timeout=15_000)


def test_the_head_and_the_strictness_are_chosen_on_the_page(
    badly_taught: ProjectPage, server: RunningServer
) -> None:
    page = badly_taught.page
    expect(page.get_by_test_id("accuracy")).to_contain_text("%", timeout=15_000)
    page.get_by_label("Automatic").check()
    expect(page.get_by_text(re.compile(r"^now \w+"))).to_be_visible(timeout=15_000)
    page.get_by_label("“None of these”").fill("0.2")
    expect(page.get_by_text("is none of these")).to_be_visible()
    settings = server.http.get("/api/state").json()["settings"]
    assert (settings["head"], settings["strictness"]) == ("auto", 0.2)
    page.reload()
    expect(page.get_by_label("Automatic")).to_be_checked(timeout=15_000)


def test_with_nothing_to_tell_apart_the_page_says_so(page: ProjectPage) -> None:
    page.page.get_by_role("link", name="Evaluate").click()
    expect(page.page.get_by_text("add examples of two classes")).to_be_visible(timeout=15_000)
    assert page.faults == []


def test_a_background_class_is_one_click(page: ProjectPage) -> None:
    page.page.get_by_role("button", name="Background", exact=True).click()
    expect(page.card("Background")).to_be_visible()
    expect(page.page.get_by_role("button", name="Background", exact=True)).to_have_count(0)


def test_what_is_like_nothing_taught_is_none_of_these_on_the_page(
    page: ProjectPage, server: RunningServer
) -> None:
    """The camera sees a coffee; cats and rockets are taught, each several times."""
    for class_id, name in ((1, "cat"), (2, "rocket")):
        for image in pieces(name, 10):
            reply = server.http.post(f"/api/examples?class_id={class_id}", content=image)
            reply.raise_for_status()
    expect(page.label).to_have_attribute("data-state", "sure")
    server.http.patch("/api/settings", json={"strictness": 0.1}).raise_for_status()
    expect(page.label).to_have_text("None of these")
    expect(page.page.get_by_text("the nearest, and not near enough")).to_be_visible()
    server.http.patch("/api/settings", json={"strictness": 0}).raise_for_status()
    expect(page.label).to_have_attribute("data-state", "sure")
