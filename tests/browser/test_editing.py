"""Rename, delete and undo."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import ProjectPage


def names(page: ProjectPage) -> list[str]:
    fields = page.page.get_by_role("article").get_by_role("textbox")
    return [fields.nth(number).input_value() for number in range(fields.count())]


def test_a_name_is_typed_in_place_and_enter_moves_on(page: ProjectPage) -> None:
    page.card("Class 1").get_by_role("textbox").click()
    for name in ("Mug", "قلم", "A name that is much longer than the card it stands on"):
        page.page.keyboard.type(name)
        page.page.keyboard.press("Enter")
    page.page.keyboard.press("Escape")
    expect(page.card("Mug")).to_be_visible()
    expect(page.card("قلم")).to_be_visible()
    assert names(page)[2:] == [
        "A name that is much longer than the card it stands on",
        "Class 4",
        "Class 5",
    ]


def test_a_duplicate_name_is_rejected_with_a_reason(page: ProjectPage) -> None:
    name = page.card("Class 1").get_by_role("textbox")
    name.fill("class 2")
    name.blur()
    expect(page.toast("A class named 'Class 2' exists already.")).to_be_visible()
    expect(name).to_have_value("Class 1")


def test_a_class_is_added_named_deleted_and_restored(page: ProjectPage) -> None:
    page.page.get_by_role("button", name="Add a class").click()
    expect(page.card("Class 6")).to_be_visible()
    page.click("Class 6")
    page.menu("Class 6", "Delete class")
    expect(page.card("Class 6")).to_have_count(0)
    page.toast("Class 6 deleted").get_by_role("button", name="Undo").click()
    expect(page.card("Class 6")).to_be_visible()
    assert page.count("Class 6") == 1
    expect(page.label).to_have_text("Class 6")


def test_examples_are_cleared_and_restored(page: ProjectPage) -> None:
    page.hold("Class 1", 0.6)
    count = page.count("Class 1")
    page.menu("Class 1", "Clear examples")
    expect(page.card("Class 1").get_by_test_id("class-count")).to_have_text("0")
    expect(page.label).to_have_attribute("data-state", "empty")
    page.page.keyboard.press("Control+z")
    expect(page.card("Class 1").get_by_test_id("class-count")).to_have_text(str(count))


def test_one_example_is_deleted_and_restored(page: ProjectPage) -> None:
    page.click("Class 1")
    page.click("Class 1")
    card = page.card("Class 1")
    card.get_by_role("listitem").first.hover()
    card.get_by_role("button", name="Delete this example").first.click()
    expect(card.get_by_test_id("class-count")).to_have_text("1")
    page.toast("1 example deleted").get_by_role("button", name="Undo").click()
    expect(card.get_by_test_id("class-count")).to_have_text("2")


def test_the_last_recording_is_undone_from_its_toast(page: ProjectPage) -> None:
    page.click("Class 1")
    page.hold("Class 2", 0.6)
    page.toast("examples added").last.get_by_role("button", name="Undo").click()
    expect(page.card("Class 2").get_by_test_id("class-count")).to_have_text("0")
    assert page.count("Class 1") == 1


def test_undo_is_ignored_while_typing(page: ProjectPage) -> None:
    page.click("Class 1")
    page.card("Class 2").get_by_role("textbox").click()
    page.page.keyboard.press("Control+z")
    # A press after that is answered after an undo would have been.
    page.click("Class 2")
    assert page.count("Class 1") == 1


def test_a_class_gets_another_colour(page: ProjectPage) -> None:
    page.menu("Class 1", "Red")
    expect(page.card("Class 1")).to_have_attribute("data-tone", "5")
