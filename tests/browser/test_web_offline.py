"""The exported page's files: cached, updated by a new export, and installable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from classify_anything import Classifier
from tests.browser.chromium import context
from tests.browser.pages import ProjectPage, renewed
from tests.photos import photo
from tests.static_host import StaticHost, hosted

Visit = Callable[..., ProjectPage]

FOR_LONG = {"Cache-Control": "public, max-age=31536000"}

NO_PATIENCE = """
  // The time that offline.ts waits for the service worker never ends.
  const begin = window.setTimeout;
  window.setTimeout = (job, delay, ...rest) => (delay === 10000 ? 0 : begin(job, delay, ...rest));
"""


def test_a_second_visit_fetches_nothing_and_is_isolated(visit: Visit, host: StaticHost) -> None:
    page = visit(host.url)
    assert page.page.evaluate("crossOriginIsolated") is False
    names = [path for path, _ in host.sent]
    assert len(set(names) - {"/"}) == len([name for name in names if name != "/"]), names
    host.sent.clear()
    page.page.reload()
    page.wait_until_live()
    assert host.sent == []
    assert page.page.evaluate("crossOriginIsolated") is True


def test_a_new_export_loads_despite_long_caching(
    visit: Visit, taught: Classifier, tmp_path: Path
) -> None:
    folder = taught.export(tmp_path / "page", "web")
    with hosted(folder, FOR_LONG) as host:
        page = visit(host.url)
        assert page.count("retina") == 12
        taught.add("retina", photo("retina")[100:, 100:])
        taught.export(folder, "web", overwrite=True)
        renewed(page)
        assert page.count("retina") == 13
        host.sent.clear()
        page.page.reload()
        page.wait_until_live()
        assert host.sent == []


def test_other_pages_of_the_folder_are_unaffected(watching: Browser, host: StaticHost) -> None:
    page = context(watching).new_page()
    said = page.locator("#said")
    for _ in range(2):
        page.goto(f"{host.url}embed.html")
        expect(said).to_have_text("coffee", timeout=30_000)
    host.stop()
    page.reload()
    expect(said).to_have_text("coffee", timeout=30_000)
    page.context.close()


def test_the_page_works_without_space_for_the_cache(watching: Browser, host: StaticHost) -> None:
    browser_context = context(watching)
    page = browser_context.new_page()
    session = browser_context.new_cdp_session(page)
    origin = host.url.rstrip("/")
    # Enough for the page itself, not for the network.
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 1_500_000})
    page.goto(host.url)
    expect(page.get_by_test_id("answer-label")).to_have_text("coffee", timeout=30_000)
    browser_context.close()


def test_a_forced_reload_does_not_wait_for_the_service_worker(
    visit: Visit, host: StaticHost
) -> None:
    page = visit(host.url)
    page.page.add_init_script(NO_PATIENCE)
    session = page.page.context.new_cdp_session(page.page)
    with page.page.expect_event("load"):
        session.send("Page.reload", {"ignoreCache": True})
    page.wait_until_live()


def test_the_page_can_be_installed(visit: Visit, host: StaticHost) -> None:
    page = visit(host.url)
    session = page.page.context.new_cdp_session(page.page)
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # The profile of a test is a private one, from which nothing is installed.
    assert [error["errorId"] for error in errors] == ["in-incognito"]
    answer = session.send("Page.getAppManifest")
    assert answer["errors"] == []
    manifest = json.loads(answer["data"])
    assert manifest["name"] == "project"
    for icon in [one["src"] for one in manifest["icons"]] + ["apple-touch-icon.png"]:
        side = page.page.evaluate(
            """(address) => new Promise((resolve, reject) => {
              const image = new Image();
              image.onload = () => resolve(image.naturalWidth);
              image.onerror = reject;
              image.src = address;
            })""",
            icon,
        )
        assert side >= 150
    link = page.page.locator("link[rel=apple-touch-icon]")
    assert link.get_attribute("href") == "apple-touch-icon.png"


def test_a_new_export_keeps_added_examples(
    visit: Visit, taught: Classifier, tmp_path: Path
) -> None:
    folder = taught.export(tmp_path / "page", "web")
    with hosted(folder) as host:
        page = visit(host.url)
        page.click("retina")
        taught.add("retina", photo("retina")[100:, 100:])
        taught.export(folder, "web", overwrite=True)
        renewed(page)
        assert page.count("retina") == 14
