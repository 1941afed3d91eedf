"""A page without a server: export, host, teach offline, and import the new examples."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from classify_anything import Classifier
from tests.browser.chromium import context
from tests.browser.exported import SCENES
from tests.browser.pages import ProjectPage, taken_home
from tests.photos import photo
from tests.server import RunningServer
from tests.static_host import StaticHost, hosted

SHIP = 'Space "ship" </script>'
TAUGHT = {"cat": "Class 1", "coffee": "Class 2", "rocket": "Class 3"}


def test_an_exported_page_is_taught_offline_and_imported_again(
    seeing: Browser, server: RunningServer, tmp_path: Path
) -> None:
    """Do every user step in one test."""
    home = ProjectPage(context(seeing), server.url)
    home.wait_until_live()
    for scene, label in TAUGHT.items():
        home.wait_for_scene(SCENES, scene)
        home.hold(label, 0.5)
    before = examples_by_class(server)
    made_on_the_page(home, tmp_path / "page")
    home.page.get_by_role("link", name="Live", exact=True).click()
    for scene, label in TAUGHT.items():
        shown(home, scene, label)
    home.page.context.close()

    with hosted(tmp_path / "page") as host:
        away = ProjectPage(context(seeing), host.url)
        away.wait_until_live()
        for scene, label in TAUGHT.items():
            shown(away, scene, label)
        host.stop()
        taught = taught_offline(away)
        brought = taken_home(away, tmp_path / "taught.zip")
        assert away.faults == []
        away.page.context.close()

    home = ProjectPage(context(seeing), server.url)
    home.wait_until_live()
    home.drop(home.page.get_by_test_id("stage"), brought)
    expect(home.toast(f"{taught} examples added")).to_be_visible(timeout=20_000)
    assert examples_by_class(server) == {**before, SHIP: taught}
    shown(home, "astronaut", SHIP)
    home.page.context.close()


def examples_by_class(server: RunningServer) -> dict[str, int]:
    classes = server.http.get("/api/state").json()["classes"]
    return {item["name"]: item["examples"] for item in classes}


def shown(page: ProjectPage, scene: str, label: str) -> None:
    page.wait_for_scene(SCENES, scene)
    expect(page.label).to_have_text(label, timeout=3000)


def made_on_the_page(page: ProjectPage, folder: Path) -> None:
    """Export the project as a page and unpack it."""
    page.page.get_by_role("link", name="Export", exact=True).click()
    card = page.page.get_by_role("region", name="A page that needs no server")
    expect(card).to_contain_text("about")
    with page.page.expect_download() as download:
        card.get_by_role("button", name="Create", exact=True).click()
    assert download.value.suggested_filename == "project-page.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(folder)


def taught_offline(page: ProjectPage) -> int:
    """Teach a new class and reload; return its number of examples."""
    page.page.get_by_role("button", name="Add a class").click()
    expect(page.card("Class 6").get_by_role("textbox")).to_be_focused()
    page.page.keyboard.type(SHIP)
    page.page.keyboard.press("Enter")
    page.wait_for_scene(SCENES, "astronaut")
    page.hold(SHIP, 0.6)
    taught = page.count(SHIP)
    assert taught >= 2
    expect(page.label).to_have_text(SHIP, timeout=3000)
    page.page.reload()
    page.wait_until_live()
    assert page.count(SHIP) == taught
    shown(page, "astronaut", SHIP)
    return taught


def test_changes_are_stored_and_can_be_undone(
    visit: Callable[..., ProjectPage], host: StaticHost
) -> None:
    page = visit(host.url)
    page.menu("coffee", "Clear examples")
    expect(page.card("coffee").get_by_test_id("class-count")).to_have_text("0")
    page.page.get_by_role("button", name="Undo", exact=True).first.click()
    expect(page.card("coffee").get_by_test_id("class-count")).to_have_text("12")
    expect(page.label).to_have_text("coffee")
    page.menu("coffee", "Clear examples")
    expect(page.label).not_to_have_text("coffee")
    page.page.reload()
    page.wait_until_live()
    assert page.count("coffee") == 0
    assert page.count("cat") == 12
    examples = page.open_examples()
    expect(examples.first).to_be_visible()
    assert (
        examples.locator("img").first.evaluate(
            "image => image.decode().then(() => image.naturalWidth)"
        )
        > 50
    )


def test_pictures_and_project_zips_are_added_to_the_page(
    visit: Callable[..., ProjectPage], host: StaticHost, taught: Classifier, tmp_path: Path
) -> None:
    page = visit(host.url)
    with Classifier(tmp_path / "other.db", backbone=taught.backbone) as other:
        other.add('blue, "sky"', Image.new("RGB", (300, 200), "skyblue"))
        other.add('blue, "sky"', Image.new("RGB", (200, 300), "lightblue"))
        other.add("cat", photo("cat"))
        packed = other.export(tmp_path / "other.zip")
    page.drop(page.page.get_by_test_id("stage"), packed)
    expect(page.toast("3 examples added")).to_be_visible()
    assert page.count('blue, "sky"') == 2
    assert page.count("cat") == 13
    what = tmp_path / "what.png"
    Image.new("RGB", (90, 90), "skyblue").save(what)
    page.drop(page.page.get_by_test_id("stage"), what)
    expect(page.label).to_have_text('blue, "sky"')
    page.page.keyboard.press("Escape")
    page.drop(page.page.get_by_test_id("stage"), packed)
    expect(page.toast("3 already there")).to_be_visible()


SAID = """
  window.said = [];
  new MutationObserver(() => {
    const label = document.querySelector("[data-testid=answer-label]");
    if (label && label.textContent !== window.said.at(-1)) window.said.push(label.textContent);
  }).observe(document, { subtree: true, childList: true, characterData: true });
"""


def test_a_loading_page_shows_a_message(watching: Browser, host: StaticHost) -> None:
    browser_context = context(watching)
    browser_context.add_init_script(SAID)
    page = ProjectPage(browser_context, host.url)
    expect(page.label).to_have_text("coffee", timeout=30_000)
    said = page.page.evaluate("window.said")
    assert said[0] == "Loading…"
    assert "Nothing learnt yet" not in said
    browser_context.close()


def test_a_read_only_page_only_predicts(
    visit: Callable[..., ProjectPage], taught: Classifier, tmp_path: Path
) -> None:
    with hosted(taught.export(tmp_path / "page", "web", read_only=True)) as host:
        page = visit(host.url)
        expect(page.label).to_have_text("coffee")
        expect(page.page.get_by_role("button", name="Hold to add")).to_have_count(0)
        expect(page.page.get_by_role("link", name="Examples", exact=True)).to_have_count(0)
        what = tmp_path / "what.png"
        Image.fromarray(photo("rocket")).save(what)
        page.drop(page.page.get_by_test_id("stage"), what)
        expect(page.label).to_have_text("rocket")


def test_an_embedded_page_reports_each_prediction(watching: Browser, host: StaticHost) -> None:
    page = context(watching).new_page()
    page.add_init_script("""
      document.addEventListener("ready", () => { window.isReady = true; });
    """)
    page.goto(f"{host.url}embed.html")
    expect(page.locator("#said")).to_have_text("coffee", timeout=30_000)
    assert page.evaluate("window.isReady") is True
    page.evaluate(
        "document.addEventListener('prediction', ({ detail }) => { window.last = detail; })"
    )
    page.wait_for_function("window.last")
    told = json.loads(page.evaluate("JSON.stringify(window.last)"))
    assert told["label"] == "coffee"
    assert sum(told["probabilities"].values()) == pytest.approx(1)
    assert set(told["probabilities"]) == set(SCENES)
    page.context.close()


def test_an_embedded_page_reports_none_of_these_as_null(
    watching: Browser, clf: Classifier, tmp_path: Path
) -> None:
    for name in ("cat", "retina"):
        for shift in range(6):
            clf.add(name, photo(name)[shift * 9 :], recording=f"{name} {shift % 2}")
    clf.configure(rejection_level=0.5)
    with hosted(clf.export(tmp_path / "page", "web", embed=True)) as host:
        page = context(watching).new_page()
        page.goto(f"{host.url}embed.html")
        expect(page.locator("#said")).to_have_text("none of these", timeout=30_000)
        page.evaluate("""
          document.addEventListener("prediction", ({ detail }) => { window.last = detail; });
        """)
        page.wait_for_function("window.last")
        assert page.evaluate("window.last.label") is None
        assert page.evaluate("window.last.probability") == 0
        page.context.close()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("delete window.DecompressionStream", "too old for this page"),
        ("delete window.OffscreenCanvas", "too old for this page"),
        ("Object.defineProperty(window, 'isSecureContext', { value: false })", "with https"),
        ("WebAssembly.validate = () => false", "no WebAssembly SIMD"),
        (
            "Object.defineProperty(window, 'indexedDB', { value: undefined })",
            "cannot save your examples",
        ),
    ],
)
def test_missing_browser_features_are_reported(
    watching: Browser, host: StaticHost, script: str, text: str
) -> None:
    browser_context = context(watching)
    browser_context.add_init_script(script)
    page = browser_context.new_page()
    page.goto(host.url)
    expect(page.get_by_text(text).first).to_be_visible()
    browser_context.close()


def test_a_full_disk_is_reported_and_changes_nothing(
    visit: Callable[..., ProjectPage], host: StaticHost
) -> None:
    page = visit(host.url)
    session = page.page.context.new_cdp_session(page.page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": host.url.rstrip("/"), "quotaSize": 1})
    page.hold_button("cat").click()
    expect(page.toast("no space left")).to_be_visible()
    assert page.count("cat") == 12


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("model.bin.gz", "model.bin could not be loaded: error 404"),
        ("assets/engine.worker-*.js", "The part that predicts pictures has stopped"),
    ],
)
def test_a_missing_file_is_named(
    watching: Browser, taught: Classifier, tmp_path: Path, file: str, text: str
) -> None:
    folder = taught.export(tmp_path / "page", "web")
    for missing in folder.glob(file):
        missing.unlink()
    with hosted(folder) as host:
        page = context(watching).new_page()
        page.goto(host.url)
        expect(page.get_by_text(text)).to_be_visible(timeout=10_000)
        page.context.close()


def test_the_page_shows_that_no_picture_leaves_the_device(
    watching: Browser, host: StaticHost, server: RunningServer
) -> None:
    for url, text in (
        (host.url, "The pictures never leave this device."),
        (server.url, "The pictures stay on the machine this page comes from."),
    ):
        page = context(watching).new_page()
        # As long as nobody has answered the browser's question.
        page.add_init_script("navigator.mediaDevices.getUserMedia = () => new Promise(() => {})")
        page.goto(url)
        expect(page.get_by_text("May this page use the camera?")).to_be_visible()
        expect(page.get_by_test_id("stage").get_by_text(text)).to_be_visible()
        page.get_by_role("button", name="More", exact=True).click()
        expect(page.get_by_role("banner").get_by_text(text)).to_be_visible()
        page.context.close()


def test_touch_adds_examples_on_a_phone(watching: Browser, host: StaticHost) -> None:
    phone = watching.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = ProjectPage(phone, host.url)
    page.wait_until_live()
    assert page.page.evaluate("document.documentElement.scrollWidth") == 390
    button = page.hold_button("cat")
    button.tap()
    expect(page.card("cat").get_by_test_id("class-count")).to_have_text("13")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    page.dismiss()
    session = phone.new_cdp_session(page.page)
    touch = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [touch]})
    page.page.wait_for_timeout(600)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.wait_until_added("cat", before=13) >= 15
    assert page.faults == []
    phone.close()


def test_a_page_opened_as_a_file_shows_instructions(
    watching: Browser, taught: Classifier, tmp_path: Path
) -> None:
    page = context(watching).new_page()
    page.goto((taught.export(tmp_path / "page", "web") / "index.html").as_uri())
    expect(page.get_by_text("python -m http.server")).to_be_visible()
    page.context.close()
