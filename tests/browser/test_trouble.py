"""The page reports problems with a remedy, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect

from classify_anything import Classifier
from tests.browser.chromium import context, launched
from tests.browser.pages import ProjectPage
from tests.photos import photo, plain
from tests.server import RunningServer, run_server, start_server
from tests.tiny import write_backbone


def test_a_reload_and_a_restart_lose_nothing(
    tmp_path: Path, tiny_backbone: Path, watching: Browser
) -> None:
    project = tmp_path / "kept.db"
    with run_server(project, tiny_backbone) as server:
        page = ProjectPage(context(watching), server.url)
        page.wait_until_live()
        page.hold("Class 2", 0.6)
        count = page.count("Class 2")
        page.page.reload()
        page.wait_until_live()
        assert page.count("Class 2") == count
        expect(page.label).to_have_text("Class 2")
        page.page.context.close()
    with run_server(project, tiny_backbone) as server:
        page = ProjectPage(context(watching), server.url)
        page.wait_until_live()
        assert page.count("Class 2") == count
        expect(page.label).to_have_text("Class 2")
        page.page.context.close()


def test_examples_recorded_while_the_server_is_down_are_kept(
    tmp_path: Path, tiny_backbone: Path, watching: Browser
) -> None:
    project = tmp_path / "kept.db"
    with start_server(project, "--backbone", tiny_backbone) as server:
        port = server.port
        page = ProjectPage(context(watching), server.url)
        page.wait_until_live()
        page.click("Class 1")
        server.kill()
        connection = page.page.get_by_test_id("connection")
        expect(connection).to_contain_text("Lost the connection to the server. Reconnecting")
        for stale in (
            page.label.locator(".."),
            page.page.get_by_role("list", name="Probability of each class").locator(".."),
            page.page.get_by_role("region", name="Because it looks like"),
        ):
            expect(stale).to_have_css("opacity", "0.45")
        page.hold_button("Class 2").hover()
        page.page.mouse.down()
        page.page.wait_for_timeout(700)
        page.page.mouse.up()
        expect(connection).to_contain_text("will be added when it is back")
    with run_server(project, tiny_backbone, port=port) as server:
        expect(connection).not_to_contain_text("gone", timeout=10_000)
        expect(page.card("Class 2").get_by_test_id("class-count")).not_to_have_text("0")
        page.wait_until_live()
        assert page.count("Class 1") == 1
        taught = page.wait_until_added("Class 2")
        assert 2 <= taught <= 14
        listed = server.http.get("/api/examples?class_id=2").json()["examples"]
        assert len(listed) == taught
        assert len({example["recording_id"] for example in listed}) == 1
        page.page.context.close()
        assert page.faults == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_server_messages_cover_nothing(
    tmp_path: Path, tiny_backbone: Path, watching: Browser, width: int, height: int
) -> None:
    """All links and buttons stay clickable; class buttons do not move."""
    gone = write_backbone(tmp_path / f"{'a-long-name-' * 6}.onnx", grid=2)
    with Classifier(tmp_path / "p.db", backbone=tiny_backbone) as clf:
        clf.add("cat", photo("cat"))
        clf.change_backbone(gone)
    gone.unlink()
    with start_server(tmp_path / "p.db") as server:
        page = ProjectPage(context(watching, width, height), server.url)
        page.wait_until_live()
        told = page.page.get_by_test_id("connection")
        expect(told).to_contain_text("no such backbone file")

        def press_all() -> None:
            header = page.page.get_by_role("banner")
            for link in header.get_by_role("link").all():
                link.click(trial=True)
            header.get_by_role("button", name="More", exact=True).click(trial=True)

        press_all()
        server.http.post("/api/backbones", json={"names": ["efficientnet-lite0"], "use": True})
        expect(told).to_be_empty()
        teaching = page.hold_button("cat")
        before = teaching.bounding_box()
        server.kill()
        expect(told).to_contain_text("Lost the connection to the server.")
        page.page.wait_for_timeout(100)
        assert teaching.bounding_box() == pytest.approx(before, abs=1)
        for view in ("Examples", "Evaluate", "Export", "How it works"):
            page.page.get_by_role("link", name=view, exact=True).click()
            press_all()
            if view == "Evaluate":
                expect(page.page.get_by_text("The server does not answer")).to_be_visible()
        page.page.context.close()
        assert page.faults == []


def test_another_project_at_the_same_address_shows_its_own_pictures(
    tmp_path: Path, tiny_backbone: Path, watching: Browser
) -> None:

    def red_of(page: ProjectPage) -> bool:
        picture = page.card("Class 1").locator("img")
        red, _, blue = page.color(picture.first)
        return red > blue

    def teach(server: RunningServer, color: str) -> None:
        server.http.post("/api/examples", params={"class_id": 1}, content=plain(color))

    with run_server(tmp_path / "one.db", tiny_backbone) as server:
        port = server.port
        teach(server, "red")
        page = ProjectPage(context(watching), server.url)
        page.wait_until_live()
        assert red_of(page)
    with start_server(tmp_path / "two.db", "--backbone", tiny_backbone, port=port) as server:
        teach(server, "blue")
        page.page.reload()
        page.wait_until_live()
        expect(page.card("Class 1").get_by_test_id("class-count")).to_have_text("1")
        assert not red_of(page)
    with run_server(tmp_path / "one.db", tiny_backbone, port=port):
        expect(page.page.locator(".project")).to_have_text("one")
        page.wait_until_live()
        assert red_of(page), "the page was open all the time"
        page.page.context.close()


def test_a_missing_camera_is_reported(playwright: Playwright, server: RunningServer) -> None:
    with launched(playwright, None) as browser:
        page = ProjectPage(context(browser), server.url)
        expect(page.page.get_by_test_id("problem")).to_contain_text("No camera found.")
        expect(page.page.get_by_role("button", name="Try again")).to_be_visible()
        page.hold_button("Class 1").click()
        expect(page.toast("the camera is not running")).to_be_visible()


def test_a_blocked_camera_shows_how_to_allow_it(
    playwright: Playwright, server: RunningServer, still_clip: Path
) -> None:
    with launched(playwright, still_clip, permission=False) as browser:
        profile = context(browser)
        profile.grant_permissions([], origin=server.url.rstrip("/"))  # and so none is asked for
        page = ProjectPage(profile, server.url)
        expect(page.page.get_by_test_id("problem")).to_contain_text("blocked for this page")
        expect(page.page.get_by_role("button", name="Try again")).to_be_visible()
        profile.grant_permissions(["camera"], origin=server.url.rstrip("/"))
        page.wait_until_live()  # it need not even be pressed


def test_the_chosen_camera_is_remembered(playwright: Playwright, server: RunningServer) -> None:
    with launched(playwright, None, cameras=2) as browser:
        page = ProjectPage(context(browser), server.url)
        page.wait_until_live()
        picker = page.page.get_by_role("combobox", name="Camera")
        other = picker.locator("option:not(:checked)").inner_text()
        picker.select_option(label=other)
        expect(picker.locator("option:checked")).to_have_text(other)
        page.page.reload()
        page.wait_until_live()
        expect(picker.locator("option:checked")).to_have_text(other)
        assert page.faults == []


def test_other_addresses_require_the_token(
    tmp_path: Path, tiny_backbone: Path, watching: Browser
) -> None:
    project = tmp_path / "p.db"
    with run_server(project, tiny_backbone, host="0.0.0.0", token="s3cret") as server:
        address = f"http://127.0.0.1:{server.port}/"
        profile = context(watching)
        refused = profile.new_page().goto(address)
        assert refused is not None
        assert refused.status == 403
        page = ProjectPage(profile, f"{address}?token=s3cret")
        page.wait_until_live()
        assert page.page.url == address
        page.click("Class 1")
        profile.close()
        assert page.faults == []


def test_a_stopped_camera_is_reported(page: ProjectPage) -> None:
    page.click("Class 1")
    page.page.evaluate(
        """() => {
          const track = document.querySelector("video").srcObject.getVideoTracks()[0];
          track.stop();
          track.dispatchEvent(new Event("ended"));
        }"""
    )
    problem = page.page.get_by_test_id("problem")
    expect(problem).to_contain_text("The camera was unplugged.")
    page.page.get_by_role("button", name="Try again").click()
    expect(problem).to_have_count(0)
    page.wait_until_live()
    assert page.count("Class 1") == 1


def test_the_page_fits_every_size(page: ProjectPage) -> None:
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for size in ((360, 640), (390, 844), (640, 400), (1280, 800), (2560, 1440)):
        page.resize(*size)
        assert page.page.evaluate(overflow) <= 0
        for name in ("Class 1", "Class 2"):
            button = page.hold_button(name)
            button.scroll_into_view_if_needed()
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44
            assert box["width"] >= 44
        page.click("Class 1")
        before = page.hold_button("Class 1").bounding_box()
        page.hold("Class 1", 0.4)
        button = page.hold_button("Class 1")
        button.evaluate("one => Promise.all(one.getAnimations().map(({ finished }) => finished))")
        assert button.bounding_box() == before
