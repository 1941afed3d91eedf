"""Teach the page by holding a button."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Playwright, expect

from classify_anything import Classifier, load_backbone
from classify_anything.images import to_square
from tests.browser.chromium import context, frame, launched
from tests.browser.exported import SCENES
from tests.browser.pages import ProjectPage
from tests.server import RunningServer, run_server

WHOLE_FRAME = """async () => {
  const video = document.querySelector("video");
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/png" });
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}"""
"""The uncropped camera frame, as a PNG in base64."""


@pytest.mark.timeout(300)
def test_the_label_follows_the_camera_between_five_classes(
    tmp_path: Path, playwright: Playwright, scenes_clip: Path
) -> None:
    project = tmp_path / "five.db"
    with run_server(project) as server, launched(playwright, scenes_clip) as browser:
        page = ProjectPage(context(browser), server.url)
        page.wait_until_live()
        expect(page.label).to_have_attribute("data-state", "empty")
        for number, scene in enumerate(SCENES, 1):
            page.wait_for_scene(SCENES, scene)
            page.hold(f"Class {number}", 0.8)
        for number, scene in enumerate(SCENES, 1):
            page.wait_for_scene(SCENES, scene)
            expect(page.label).to_have_text(f"Class {number}", timeout=2500)
            expect(page.label).to_have_attribute("data-state", "sure")
            neighbor = page.page.get_by_test_id("neighbor").first
            expect(neighbor).to_be_visible()
        assert page.faults == []
    with Classifier(project) as clf:
        for number, scene in enumerate(SCENES, 1):
            prediction = clf.predict(frame(scene))
            assert prediction.label == f"Class {number}"
            assert prediction.probability > 0.9
        assert all(2 <= clf.project.count(item.id) <= 30 for item in clf.classes())


def test_a_click_adds_one_example_and_holding_adds_many(page: ProjectPage) -> None:
    page.click("Class 1")
    expect(page.label).to_have_text("Class 1")
    expect(page.toast("1 example added.")).to_be_visible()
    page.hold("Class 2", 1.5)
    assert page.count("Class 2") >= 10
    expect(page.toast(f"{page.count('Class 2')} examples added.")).to_be_visible()


def test_number_keys_hold_a_class_but_not_while_typing(page: ProjectPage) -> None:
    page.page.keyboard.down("3")
    page.page.wait_for_timeout(1000)
    page.page.keyboard.up("3")
    assert page.wait_until_added("Class 3") >= 5
    name = page.card("Class 4").get_by_role("textbox")
    name.click()
    page.page.keyboard.type("4 1 2")
    page.page.keyboard.press("Escape")
    assert [page.count(f"Class {n}") for n in (1, 2, 4, 5)] == [0, 0, 0, 0]


def test_teaching_works_from_the_keyboard(page: ProjectPage) -> None:
    page.hold_button("Class 2").focus()
    page.page.keyboard.press("Enter")
    expect(page.card("Class 2").get_by_test_id("class-count")).to_have_text("1")
    page.dismiss()
    page.page.keyboard.down("Space")
    page.page.wait_for_timeout(800)
    page.page.keyboard.up("Space")
    taught = page.wait_until_added("Class 2", before=1)
    assert taught >= 2
    page.page.keyboard.press("Control+z")
    expect(page.card("Class 2").get_by_test_id("class-count")).to_have_text("1")
    page.page.keyboard.press("Control+Shift+z")
    expect(page.card("Class 2").get_by_test_id("class-count")).to_have_text(str(taught))


def test_the_page_crops_like_python(page: ProjectPage, server: RunningServer) -> None:
    page.click("Class 1")
    (example,) = server.http.get("/api/examples?class_id=1").json()["examples"]
    assert (example["width"], example["height"]) == (224, 224)
    picture = server.http.get(f"/api/examples/{example['id']}/image").content
    seen = to_square(picture, 224).astype(int)
    whole = base64.b64decode(page.page.evaluate(WHOLE_FRAME))
    expected = to_square(whole, 224).astype(int)
    assert np.abs(seen - expected).mean() < 3
    mirrored = expected[:, ::-1]
    assert np.abs(seen - mirrored).mean() > 12
    backbone = load_backbone()
    one, other = backbone.embed(np.stack([to_square(picture, 224), to_square(whole, 224)]))
    assert one @ other > 0.97


def test_the_video_is_shown_mirrored(page: ProjectPage, tmp_path: Path) -> None:
    page.page.locator("video").screenshot(path=tmp_path / "video.png")
    with Image.open(tmp_path / "video.png") as shot:
        shown = np.asarray(shot.convert("RGB").resize((64, 48))).astype(int)[8:-8, 16:-16]
    with Image.open(io.BytesIO(frame("coffee"))) as taken:
        upright = np.asarray(taken.resize((64, 48))).astype(int)[8:-8, 16:-16]
    assert np.abs(shown - upright[:, ::-1]).mean() < np.abs(shown - upright).mean() / 2


def test_the_nearest_examples_are_shown(page: ProjectPage) -> None:
    page.hold("Class 1", 0.6)
    neighbors = page.page.get_by_test_id("neighbor")
    expect(neighbors).to_have_count(3)
    expect(neighbors.first).to_contain_text(re.compile(r"\d\.\d\d"))
    expect(neighbors.first.locator("img")).to_have_js_property("naturalWidth", 160)


def test_the_answer_is_announced_politely(page: ProjectPage) -> None:
    page.click("Class 1")
    announced = page.page.locator("[aria-live=polite], [role=status]")
    expect(announced.filter(has_text="Class 1").first).to_be_attached(timeout=5000)
    changes = page.page.evaluate(
        """async () => {
          let changes = 0;
          const observer = new MutationObserver((list) => (changes += list.length));
          for (const region of document.querySelectorAll("[aria-live=polite]"))
            observer.observe(region, { childList: true, characterData: true, subtree: true });
          await new Promise((done) => setTimeout(done, 2000));
          return changes;
        }"""
    )
    assert changes <= 2


def test_two_pages_of_a_project_stay_in_sync(open_page: Callable[..., ProjectPage]) -> None:
    one, two = open_page(), open_page()
    one.click("Class 1")
    expect(two.card("Class 1").get_by_test_id("class-count")).to_have_text("1")
    expect(two.label).to_have_text("Class 1")
    name = two.card("Class 1").get_by_role("textbox")
    name.fill("Coffee")
    name.press("Escape")
    name.fill("Coffee")
    name.blur()
    expect(one.label).to_have_text("Coffee")
    two.menu("Coffee", "Delete class")
    expect(one.card("Coffee")).to_have_count(0)
    expect(one.label).to_have_attribute("data-state", "empty")
