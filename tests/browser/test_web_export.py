"""A page that needs no server: exported, put on a static host, taught offline, and brought home."""

from __future__ import annotations

import base64
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, expect

from classify_anything import Classifier
from tests.browser.chromium import context, launched
from tests.browser.conftest import SCENES
from tests.browser.pages import ProjectPage
from tests.photos import encoded, photo
from tests.server import RunningServer
from tests.static_host import ISOLATING, StaticHost, hosted

CLOSE = 1e-4

ASK = """async ([size, pictures]) => {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const code = loaded.find((name) => name.includes("engine.worker"));
  const worker = new Worker(code, { type: "module" });
  const call = (id, name, ...given) => new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }) => {
      if (data.id !== id) return;
      if ("error" in data) reject(new Error(data.error));
      else resolve(data.result);
    });
    worker.postMessage({ id, name, given });
  });
  const { body } = await fetch("knowledge.bin.gz");
  const plain = body.pipeThrough(new DecompressionStream("gzip"));
  const knowledge = await new Response(plain).arrayBuffer();
  const { threads } = await call(0, "open", new URL("backbone.onnx", location).href, size, true);
  await call(1, "know", knowledge);
  const answers = [];
  for (const [place, picture] of pictures.entries()) {
    const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
    const answer = await call(2 + place, "predict", new Blob([bytes], { type: "image/png" }));
    answers.push({ ...answer.prediction, vector: [...answer.vector] });
  }
  worker.terminate();
  return { threads, answers };
}"""
"""Puts pictures to the page's own engine, in a worker of its own."""


def teach(clf: Classifier, shifts: int = 12) -> None:
    """Five classes, two recordings of each, of photographs seen from a little elsewhere."""
    for name in SCENES:
        for shift in range(shifts):
            picture = photo(name)[shift * 6 :, shift * 9 :]
            clf.add(name, picture, recording=f"{name} {shift % 2}")


@pytest.fixture
def taught(clf: Classifier) -> Classifier:
    teach(clf)
    return clf


@pytest.fixture
def host(taught: Classifier, tmp_path: Path) -> Iterator[StaticHost]:
    with hosted(taught.export(tmp_path / "page", "web", embed=True)) as running:
        yield running


@pytest.fixture
def seeing(playwright: Playwright, scenes_clip: Path) -> Iterator[Browser]:
    """A browser whose camera sees one scene after the other."""
    with launched(playwright, scenes_clip) as browser:
        yield browser


@pytest.fixture
def visit(watching: Browser) -> Iterator[Callable[..., ProjectPage]]:
    """Opens exported pages; afterwards, nothing may have gone wrong on any of them."""
    opened: list[ProjectPage] = []

    def open_(url: str) -> ProjectPage:
        opened.append(ProjectPage(context(watching), url))
        opened[-1].wait_until_live()
        return opened[-1]

    yield open_
    for page in opened:
        page.page.context.close()
        assert page.faults == []


def ask(page: Page, pictures: list[np.ndarray]) -> dict[str, Any]:
    coded = [base64.b64encode(encoded(Image.fromarray(one), "PNG")).decode() for one in pictures]
    answer: dict[str, Any] = page.evaluate(ASK, [pictures[0].shape[0], coded])
    return answer


def queries(clf: Classifier) -> list[np.ndarray]:
    """Squares as the backbone takes them: some known, some new, some of nothing known."""
    size = clf.backbone.size
    made = [
        np.asarray(Image.fromarray(photo(name)[30:, 80:]).resize((size, size))) for name in SCENES
    ]
    rng = np.random.default_rng(3)
    noise = [rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for _ in range(4)]
    mixed = [
        ((one.astype(int) + other) // 2).astype(np.uint8) for one, other in itertools.pairwise(made)
    ]
    return [*made, *mixed, *noise]


@pytest.mark.parametrize("head", ["knn", "means", "ridge"])
@pytest.mark.parametrize("strictness", [0.0, 0.3])
def test_the_page_says_what_the_program_says(
    taught: Classifier,
    tmp_path: Path,
    visit: Callable[..., ProjectPage],
    head: str,
    strictness: float,
) -> None:
    taught.configure(head=head, strictness=strictness)
    with hosted(taught.export(tmp_path / "page", "web"), ISOLATING) as host:
        page = visit(host.url).page
        pictures = queries(taught)
        said = ask(page, pictures)
    assert said["threads"] > 1
    for picture, answer in zip(pictures, said["answers"], strict=True):
        expected = taught.predict(picture)
        assert answer["label"] == expected.label
        np.testing.assert_allclose(answer["vector"], taught.embed(picture), atol=1e-6)
        own = {taught.labels[int(key)]: value for key, value in answer["probabilities"].items()}
        assert own == pytest.approx(expected.probabilities, abs=CLOSE)
        assert answer["familiarity"] == pytest.approx(expected.familiarity, abs=0.02)
        ids = [one["example_id"] for one in answer["neighbors"]]
        assert ids == [one.example_id for one in expected.neighbors]
    if strictness:
        assert None in [answer["label"] for answer in said["answers"]]


SHIP = 'Space "ship" </script>'
TAUGHT = {"cat": "Class 1", "coffee": "Class 2", "rocket": "Class 3"}


def test_from_the_page_to_a_host_taught_offline_and_home_again(
    seeing: Browser, server: RunningServer, tmp_path: Path
) -> None:
    """Every step that a person takes, in one go."""
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
    with zipfile.ZipFile(brought) as archive:
        pictures = [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")]
    assert len(pictures) == taught
    # The clip stands still, so some of its pictures are the same to the byte.
    expect(home.toast("added")).to_be_visible(timeout=20_000)
    assert examples_by_class(server) == {**before, SHIP: len(set(pictures))}
    shown(home, "astronaut", SHIP)
    home.page.context.close()


def examples_by_class(server: RunningServer) -> dict[str, int]:
    classes = server.http.get("/api/state").json()["classes"]
    return {item["name"]: item["examples"] for item in classes}


def shown(page: ProjectPage, scene: str, label: str) -> None:
    page.wait_for_scene(SCENES, scene)
    expect(page.label).to_have_text(label, timeout=3000)


def made_on_the_page(page: ProjectPage, folder: Path) -> None:
    """Export the project as a page, and unpack it into a folder."""
    page.page.get_by_role("link", name="Export", exact=True).click()
    card = page.page.get_by_role("region", name="A page that needs no server")
    expect(card).to_contain_text("about")
    with page.page.expect_download() as download:
        card.get_by_role("button", name="Make it", exact=True).click()
    assert download.value.suggested_filename == "project-page.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(folder)


def taught_offline(page: ProjectPage) -> int:
    """Teach a new class, and find it again after a reload; gives how many examples it has."""
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


def taken_home(page: ProjectPage, file: Path) -> Path:
    """What was taught, as the page's own zip."""
    page.page.get_by_role("link", name="Export", exact=True).click()
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Make it", exact=True).click()
    download.value.save_as(file)
    return file


def test_a_second_visit_fetches_nothing_and_is_isolated(
    visit: Callable[..., ProjectPage], host: StaticHost
) -> None:
    page = visit(host.url)
    assert page.page.evaluate("crossOriginIsolated") is False
    names = [path for path, _ in host.sent]
    assert len(set(names) - {"/"}) == len([name for name in names if name != "/"]), names
    host.sent.clear()
    page.page.reload()
    page.wait_until_live()
    assert host.sent == []
    assert page.page.evaluate("crossOriginIsolated") is True


def test_changes_can_be_undone_and_are_kept(
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


def test_pictures_and_zips_of_a_project_come_into_the_page(
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


def test_a_new_export_takes_over_what_was_taught(
    visit: Callable[..., ProjectPage], taught: Classifier, tmp_path: Path
) -> None:
    folder = taught.export(tmp_path / "page", "web")
    with hosted(folder) as host:
        page = visit(host.url)
        page.click("retina")
        assert page.count("retina") == 13
        taught.add("retina", photo("retina")[100:, 100:])
        taught.export(folder, "web", overwrite=True)
        page.page.wait_for_timeout(200)
        page.page.evaluate("navigator.serviceWorker.ready.then((found) => found.update())")
        expect(page.card("retina").get_by_test_id("class-count")).to_have_text("13")
        page.page.wait_for_timeout(1000)
        page.page.reload()
        page.wait_until_live()
        expect(page.card("retina").get_by_test_id("class-count")).to_have_text("14")


def test_a_frozen_page_only_answers(
    visit: Callable[..., ProjectPage], taught: Classifier, tmp_path: Path
) -> None:
    with hosted(taught.export(tmp_path / "page", "web", frozen=True)) as host:
        page = visit(host.url)
        expect(page.label).to_have_text("coffee")
        expect(page.page.get_by_role("button", name="Hold to add")).to_have_count(0)
        expect(page.page.get_by_role("link", name="Examples", exact=True)).to_have_count(0)
        what = tmp_path / "what.png"
        Image.fromarray(photo("rocket")).save(what)
        page.drop(page.page.get_by_test_id("stage"), what)
        expect(page.label).to_have_text("rocket")


def test_inside_another_page_it_tells_each_answer(watching: Browser, host: StaticHost) -> None:
    page = context(watching).new_page()
    page.goto(f"{host.url}embed.html")
    expect(page.locator("#said")).to_have_text("coffee", timeout=30_000)
    page.evaluate(
        "document.addEventListener('prediction', ({ detail }) => { window.last = detail; })"
    )
    page.wait_for_function("window.last")
    told = json.loads(page.evaluate("JSON.stringify(window.last)"))
    assert told["label"] == "coffee"
    assert sum(told["probabilities"].values()) == pytest.approx(1)
    assert set(told["probabilities"]) == set(SCENES)
    page.context.close()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("WebAssembly.validate = () => false", "no WebAssembly SIMD"),
        ("Object.defineProperty(window, 'indexedDB', { value: undefined })", "keeps nothing"),
    ],
)
def test_what_the_browser_lacks_is_said(
    watching: Browser, host: StaticHost, script: str, text: str
) -> None:
    browser_context = context(watching)
    browser_context.add_init_script(script)
    page = browser_context.new_page()
    page.goto(host.url)
    expect(page.get_by_text(text).first).to_be_visible()
    browser_context.close()


def test_a_full_browser_says_so_and_changes_nothing(
    visit: Callable[..., ProjectPage], host: StaticHost
) -> None:
    page = visit(host.url)
    session = page.page.context.new_cdp_session(page.page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": host.url.rstrip("/"), "quotaSize": 1})
    page.hold_button("cat").click()
    expect(page.toast("no space left")).to_be_visible()
    assert page.count("cat") == 12


def test_a_file_that_is_missing_is_named(
    watching: Browser, taught: Classifier, tmp_path: Path
) -> None:
    folder = taught.export(tmp_path / "page", "web")
    (folder / "knowledge.bin.gz").unlink()
    with hosted(folder) as host:
        page = context(watching).new_page()
        page.goto(host.url)
        expect(page.get_by_text("knowledge.bin could not be loaded: error 404")).to_be_visible()
        page.context.close()


def test_from_a_file_the_page_says_what_to_do(
    watching: Browser, taught: Classifier, tmp_path: Path
) -> None:
    page = context(watching).new_page()
    page.goto((taught.export(tmp_path / "page", "web") / "index.html").as_uri())
    expect(page.get_by_text("python -m http.server")).to_be_visible()
    page.context.close()
