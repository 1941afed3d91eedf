"""Recording options: rate, delay and length."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import ProjectPage


def set_pace(page: ProjectPage, **values: int) -> None:
    """Set recording options in the stage's menu."""
    page.page.get_by_role("button", name="How to record").click()
    for name, value in values.items():
        page.page.get_by_role("slider", name=name.replace("_", " ")).fill(str(value))
    page.page.keyboard.press("Escape")


def test_a_recording_follows_its_delay_and_length(
    page: ProjectPage,
) -> None:
    set_pace(page, Start=2, Record=1, Pictures_per_second=5)
    page.page.get_by_role("button", name="Press to add to Class 1", exact=True).click()
    countdown = page.page.get_by_test_id("countdown")
    expect(countdown).to_have_text("2")
    expect(countdown).to_have_text("1")
    assert page.count("Class 1") == 0
    expect(countdown).to_have_count(0)
    assert 3 <= page.wait_until_added("Class 1") <= 6


def test_a_second_press_ends_the_recording(page: ProjectPage) -> None:
    set_pace(page, Record=60)
    page.page.keyboard.press("1")
    expect(page.card("Class 1").get_by_test_id("class-count")).not_to_have_text("0")
    page.page.keyboard.press("1")
    assert 1 <= page.wait_until_added("Class 1") < 100


def test_releasing_the_button_before_the_start_adds_nothing(page: ProjectPage) -> None:
    set_pace(page, Start=10)
    page.hold_button("Class 1").hover()
    page.page.mouse.down()
    expect(page.page.get_by_test_id("countdown")).to_be_visible()
    page.page.mouse.up()
    expect(page.page.get_by_test_id("countdown")).to_have_count(0)
    assert page.count("Class 1") == 0


def test_the_options_are_remembered_and_reset(page: ProjectPage) -> None:
    set_pace(page, Start=3, Record=7, Pictures_per_second=30)
    page.page.reload()
    page.wait_until_live()
    menu = page.page.get_by_role("button", name="How to record")
    expect(menu).to_have_text("in 3 s, for 7 s")
    menu.click()
    expect(page.page.get_by_text("as fast as it goes")).to_be_visible()
    page.page.get_by_role("button", name="Reset").click()
    expect(menu).to_have_text("")
    page.click("Class 1")
