"""The view How it works: compare and change networks."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Locator, Route, expect

from classify_anything import Classifier
from tests.browser.chromium import context, frame
from tests.browser.pages import ProjectPage
from tests.photos import encoded, photo
from tests.server import RunningServer, run_server, start_server
from tests.tiny import write_backbone

LITE = "efficientnet-lite0"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide downloaded networks; only bundled ones remain."""
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def server(tmp_path: Path, tiny_backbone: Path, cache: None) -> Iterator[RunningServer]:
    with run_server(tmp_path / "project.db", tiny_backbone) as running:
        yield running


def teach(server: RunningServer, **pictures: bytes) -> None:
    """Add each picture twice, in separate recordings."""
    for label, picture in pictures.items():
        for recording in ("a", "b"):
            query = {"label": label.replace("_", " "), "recording": f"{label} {recording}"}
            server.http.post("/api/examples", params=query, content=picture)


def use(page: ProjectPage, name: str) -> Locator:
    return page.page.get_by_role("button", name=f"Use {name}", exact=True)


def test_networks_are_requested_once_per_project_change(page: ProjectPage) -> None:
    asked: list[str] = []

    def note(request: object) -> None:
        if "/api/backbones" in request.url:  # type: ignore[attr-defined]
            asked.append(request.url)  # type: ignore[attr-defined]

    page.page.on("request", note)
    page.page.get_by_role("link", name="How it works").click()
    expect(page.page.locator(f"tr[data-name={LITE}]")).to_be_visible()
    page.page.wait_for_timeout(500)  # in which hundreds would be asked
    assert len(asked) == 1
    with page.page.expect_request("**/api/backbones"):
        page.page.evaluate(
            "fetch('/api/classes', {method: 'POST', body: '{}', headers: "
            "{'Content-Type': 'application/json'}})"
        )
    page.page.wait_for_timeout(500)
    assert len(asked) == 2


def test_network_comparisons_are_shown_as_a_table_and_a_chart(
    page: ProjectPage, server: RunningServer, tiny_backbone: Path
) -> None:
    teach(server, Class_1=encoded(photo("cat")), Class_2=encoded(photo("coffee")))
    page.page.get_by_role("link", name="How it works").click()
    rows = page.page.get_by_test_id("network")
    lite, light, tiny = (
        page.page.locator(f"tr[data-name='{one}']") for one in (LITE, f"{LITE}-160", tiny_backbone)
    )
    expect(tiny).to_contain_text("in use")
    sums = page.page.get_by_test_id("network-sums")
    expect(sums).to_contain_text("48 numbers. It has no layers with weights")
    expect(sums).not_to_contain_text("NaN")
    expect(tiny.locator("td").first).to_have_text("tiny")
    picture = page.page.get_by_role("img", name="Accuracy and time of each network")
    expect(picture).to_have_count(0)
    page.page.get_by_role("button", name="Compare these 3").click()
    expect(picture.locator("circle")).to_have_count(3, timeout=30_000)
    for row in (lite, light, tiny):
        expect(row.locator("td").nth(1)).to_contain_text("100 %")
        expect(row.locator("td").nth(2)).to_contain_text("ms")
    expect(picture).to_contain_text("tiny 100 %")
    expect(picture).to_contain_text(f"{LITE} 100 %")
    expect(rows.filter(has_text="100 %")).to_have_count(3)
    lite.get_by_role("button", name="Use").click()
    expect(lite).to_contain_text("in use", timeout=20_000)
    expect(rows.filter(has_text="100 %")).to_have_count(3)
    expect(rows.filter(has_text="outdated")).to_have_count(0)
    teach(server, Class_1=encoded(photo("rocket")))
    expect(rows.filter(has_text="100 %")).to_have_count(3)
    expect(rows.filter(has_text="outdated")).to_have_count(3)
    tiny.get_by_role("button", name="Use").click()
    expect(tiny).to_contain_text("in use", timeout=20_000)


def test_the_browser_uses_the_new_network_after_a_change(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    """One network gives a picture the embedding that the other gives its negative."""
    other = write_backbone(tmp_path / "negative.onnx", name="negative", negative=True)
    with Image.open(io.BytesIO(frame("coffee"))) as image:
        opposite = encoded(np.asarray(ImageOps.invert(image.convert("RGB"))))
    teach(server, Class_1=frame("coffee"), Class_2=opposite)
    page.page.get_by_test_id("rate").click()
    page.page.get_by_label("in this browser").check()
    expect(page.page.locator("#stages").get_by_text("/s ·")).to_have_count(2, timeout=20_000)
    expect(page.label).to_have_text("Class 1")
    with page.page.expect_response("**/api/backbone?fingerprint=*", timeout=20_000) as fetched:
        server.http.post("/api/backbones", json={"names": [str(other)], "use": True})
    assert fetched.value.ok
    classes = server.http.get("/api/state").json()["classes"]
    server.http.patch(f"/api/classes/{classes[0]['id']}", json={"name": "Mug"})
    server.http.patch(f"/api/classes/{classes[1]['id']}", json={"name": "Its negative"})
    expect(page.label).to_have_text("Mug")


def test_the_browser_fetches_only_the_vectors_it_lacks(
    page: ProjectPage, server: RunningServer
) -> None:
    teach(server, Class_1=encoded(photo("cat")), Class_2=encoded(photo("rocket")))
    page.page.get_by_test_id("rate").click()
    page.page.get_by_label("in this browser").check()
    expect(page.page.locator("#stages").get_by_text("/s ·")).to_have_count(2, timeout=20_000)
    newest = server.http.get("/api/examples", params={"limit": 1}).json()["examples"][0]["id"]
    with page.page.expect_request(f"**/api/model?*after={newest}", timeout=20_000):
        teach(server, Mug=frame("coffee"))
    expect(page.label).to_have_text("Mug")
    cat = server.http.get("/api/state").json()["classes"][0]["id"]
    with page.page.expect_request("**/api/model?*", timeout=20_000):
        server.http.delete(f"/api/classes/{cat}")
    with page.page.expect_request("**/api/model?*after=0", timeout=20_000):
        server.http.post("/api/undo", json={})  # its vectors are needed again
    expect(page.label).to_have_text("Mug")


def test_the_server_predicts_if_the_browser_cannot_load_the_model(
    page: ProjectPage, server: RunningServer
) -> None:
    teach(server, Class_1=frame("coffee"), Class_2=encoded(photo("cat")))
    page.page.get_by_test_id("rate").click()
    page.page.get_by_label("in this browser").check()
    expect(page.page.locator("#stages").get_by_text("/s ·")).to_have_count(2, timeout=20_000)
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        error = {"code": "bad_setting", "message": "It cannot be exported."}
        route.fulfill(
            status=400, content_type="application/json", body=json.dumps({"error": error})
        )

    page.page.route("**/api/model?*", refuse)
    classes = server.http.get("/api/state").json()["classes"]
    server.http.patch(f"/api/classes/{classes[0]['id']}", json={"name": "Mug"})
    expect(page.toast("Using the program again")).to_be_visible(timeout=20_000)
    expect(page.label).to_have_text("Mug")
    expect(page.page.get_by_label("in the program")).to_be_checked()
    assert len(asked) == 4
    with page.page.expect_response("**/api/state"):
        page.page.evaluate("fetch('/api/state')")
    assert len(asked) == 4


def test_a_missing_network_is_reported_until_another_is_chosen(
    tmp_path: Path, tiny_backbone: Path, open_page: Callable[..., ProjectPage]
) -> None:
    other = write_backbone(tmp_path / "gone.onnx", name="gone", grid=2)
    project = tmp_path / "project.db"
    with Classifier(project, backbone=tiny_backbone) as clf:
        clf.add("cat", photo("cat"))
        clf.change_backbone(other)
    other.unlink()
    with run_server(project) as running:
        page = open_page(running.url)
        told = page.page.get_by_test_id("connection")
        expect(told).to_contain_text(f"Using {LITE} for now.")
        expect(told).to_contain_text("gone.onnx: no such backbone file.")
        page.page.get_by_role("link", name="How it works").click()
        row = page.page.locator(f"tr[data-name={LITE}]")
        expect(page.page.get_by_test_id("network-sums")).to_be_visible(timeout=20_000)
        row.get_by_role("button", name="Keep it").click()
        expect(row).to_contain_text("in use")
        expect(told).to_be_empty()
    with Classifier(project) as clf:
        assert (clf.backbone.name, clf.notice) == (LITE, "")


def test_a_network_with_a_larger_input_gets_larger_pictures(
    tmp_path: Path, open_page: Callable[..., ProjectPage]
) -> None:
    large = write_backbone(tmp_path / "large.onnx", size=256)
    with run_server(tmp_path / "project.db", large) as running:
        page = open_page(running.url)
        page.click("Class 1")
        (example,) = running.http.get("/api/examples").json()["examples"]
        assert (example["width"], example["height"]) == (256, 256)


def test_everything_loads_when_the_server_returns(
    tmp_path: Path, tiny_backbone: Path, watching: Browser
) -> None:
    project = tmp_path / "project.db"
    with run_server(project, tiny_backbone) as server:
        port = server.port
        page = ProjectPage(context(watching), server.url)
        page.wait_until_live()
    connection = page.page.get_by_test_id("connection")
    expect(connection).to_contain_text("Lost the connection to the server.")
    page.page.get_by_role("link", name="How it works").click()
    expect(page.page.get_by_text("The measurement starts when the server is back.")).to_be_visible()
    with run_server(project, tiny_backbone, port=port):
        expect(page.page.get_by_test_id("network-sums")).to_contain_text("tiny", timeout=10_000)
        expect(page.page.locator(f"tr[data-name={LITE}]")).to_be_visible()
        page.page.context.close()
    assert page.faults == []


def test_work_is_shown_on_every_page_and_ends_with_its_server(
    tmp_path: Path, tiny_backbone: Path, watching: Browser
) -> None:
    project = tmp_path / "project.db"
    with start_server(project, "--backbone", tiny_backbone) as server:
        port = server.port
        teach(server, Class_1=encoded(photo("cat")), Class_2=encoded(photo("coffee")))
        pages = [ProjectPage(context(watching), server.url) for _ in range(2)]
        for page in pages:
            page.page.get_by_role("link", name="How it works").click()
            expect(use(page, LITE)).to_be_enabled()
        one, other = pages
        one.page.get_by_role("button", name="Compare these").click()
        expect(one.page.get_by_role("button", name="Cancel")).to_be_visible()
        server.kill()
    expect(one.page.get_by_role("button", name="Cancel")).to_have_count(0)
    for page in pages:
        expect(use(page, LITE)).to_be_disabled()
    with run_server(project, tiny_backbone, port=port) as server:
        for page in pages:
            expect(use(page, LITE)).to_be_enabled(timeout=10_000)
        expect(one.toast("The server stopped before this was done.")).to_be_visible()
        server.http.post("/api/backbones", json={"names": [LITE] * 200})
        for page in pages:
            expect(page.page.get_by_role("progressbar", name="Evaluating")).to_be_visible(
                timeout=10_000
            )
            expect(use(page, LITE)).to_be_disabled()
        other.page.get_by_role("button", name="Cancel").click()
        for page in pages:
            expect(use(page, LITE)).to_be_enabled(timeout=20_000)
            page.page.context.close()
            assert page.faults == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1024, 768), (1280, 800)])
def test_a_network_shows_its_name_actions_and_progress(
    open_page: Callable[..., ProjectPage], server: RunningServer, width: int, height: int
) -> None:
    teach(server, Class_1=encoded(photo("cat")), Class_2=encoded(photo("coffee")))
    page = open_page(width=width, height=height)
    page.page.get_by_role("link", name="How it works").click()
    page.page.get_by_role("button", name="Compare these").click()
    cancel = page.page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_in_viewport()
    expect(cancel).to_have_count(0, timeout=30_000)
    teach(server, Class_1=encoded(photo("rocket")))
    row = page.page.locator(f"tr[data-name={LITE}]")
    expect(row).to_contain_text("outdated")
    list_ = page.page.locator(".scroll").filter(has=row)
    assert list_.evaluate("list => list.scrollWidth <= list.clientWidth")
    get = page.page.get_by_role("button", name="Get mobilenet-v2")
    get.click()
    expect(list_.locator("code")).to_have_text("classify-anything backbones pull mobilenet-v2")
    assert list_.evaluate("list => list.scrollWidth <= list.clientWidth")
    name, button = row.locator(".name").bounding_box(), use(page, LITE).bounding_box()
    assert name is not None
    assert button is not None
    assert abs(name["y"] + name["height"] / 2 - button["y"] - button["height"] / 2) < 24
    assert button["x"] + button["width"] <= width
    use(page, LITE).scroll_into_view_if_needed()
    use(page, LITE).click()
    expect(cancel).to_be_in_viewport()
    expect(row).to_contain_text("in use", timeout=20_000)


def test_keyboard_focus_moves_to_cancel_and_back(
    page: ProjectPage, server: RunningServer, tiny_backbone: Path
) -> None:
    teach(server, Class_1=encoded(photo("cat")), Class_2=encoded(photo("coffee")))
    page.page.get_by_role("link", name="How it works").click()
    compare = page.page.get_by_role("button", name="Compare these")
    cancel = page.page.get_by_role("button", name="Cancel")
    compare.press("Enter")
    expect(cancel).to_be_focused()
    expect(compare).to_be_focused(timeout=30_000)
    use(page, LITE).press("Enter")
    expect(cancel).to_be_focused()
    lite, tiny = (page.page.locator(f"tr[data-name='{one}']") for one in (LITE, tiny_backbone))
    expect(lite.get_by_text("in use")).to_be_focused(timeout=20_000)
    expect(page.toast(f"Now using {LITE}.")).to_be_visible()
    expect(tiny.get_by_role("button", name="Use tiny")).to_be_enabled()


def test_a_custom_file_is_used_by_its_path(page: ProjectPage, tmp_path: Path) -> None:
    own = write_backbone(tmp_path / "my own.onnx", name="my own", grid=2)
    page.page.get_by_role("link", name="How it works").click()
    path = page.page.get_by_label("Your own file (.onnx or .tflite)")
    form = page.page.locator("form").filter(has=path)
    path.fill(str(tmp_path / "none.onnx"))
    path.press("Enter")
    expect(form.get_by_role("alert")).to_have_text(f"{tmp_path}/none.onnx: no such backbone file.")
    expect(path).to_be_focused()
    path.fill(str(own))
    form.get_by_role("button", name="Use this file").click()
    expect(page.page.locator(f"tr[data-name='{own}']")).to_contain_text("in use", timeout=20_000)
    expect(form.get_by_role("alert")).to_be_empty()
    expect(path).to_be_empty()


def test_numbers_explain_how_they_were_measured(page: ProjectPage) -> None:
    page.page.get_by_role("link", name="How it works").click()
    networks = page.page.get_by_role("region", name="Networks", exact=True)
    expect(networks.locator("tr[data-name=dinov2-small]")).to_contain_text("81.1 %*")
    expect(networks.locator("tr[data-name=dinov2-small]")).to_contain_text("6,100 M")
    expect(networks).to_contain_text("dinov2-small (with a linear classifier on its embeddings)")
    expect(networks).to_contain_text("each seen without its recording")
