"""Examples added on an exported page: stored once, synced between tabs, and importable."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect

from classify_anything import Classifier
from classify_anything.backbones.views import VIEWS
from tests.browser.chromium import context
from tests.browser.pages import ProjectPage, renewed, taken_home
from tests.photos import encoded, photo
from tests.static_host import StaticHost, hosted
from tests.tiny import write_backbone

Visit = Callable[..., ProjectPage]


def exported_to(folder: Path, clf: Classifier) -> Path:
    return clf.export(folder, "web", overwrite=True)


def total(clf: Classifier) -> int:
    return len(clf.examples())


def test_importing_a_project_into_its_own_page_adds_nothing(
    visit: Visit, host: StaticHost, taught: Classifier, tmp_path: Path
) -> None:
    page = visit(host.url)
    page.drop(page.page.get_by_test_id("stage"), taught.export(tmp_path / "project.zip"))
    expect(page.toast(f"{total(taught)} already there")).to_be_visible(timeout=20_000)
    assert page.count("cat") == 12


def test_importing_page_examples_back_into_their_project_adds_nothing(
    visit: Visit, host: StaticHost, taught: Classifier, tmp_path: Path
) -> None:
    page = visit(host.url)
    with Classifier(tmp_path / "other.db", backbone=taught.backbone) as other:
        other.add_class("empty, but blue")
        other.edit_class("empty, but blue", color=5)
        for shift in range(3):
            other.add("sky", photo("astronaut")[shift:], source="camera")
        page.drop(page.page.get_by_test_id("stage"), other.export(tmp_path / "other.zip"))
        expect(page.toast("3 examples added")).to_be_visible()
        assert page.card("empty, but blue").get_attribute("data-tone") == "5"
        page.click("sky")
        brought = taken_home(page, tmp_path / "back.zip")
        report = other.import_dataset(brought)
        assert (len(report.examples), report.known) == (1, 3)


def test_downloaded_examples_are_merged_once(
    visit: Visit, taught: Classifier, tmp_path: Path
) -> None:
    folder = exported_to(tmp_path / "page", taught)
    with hosted(folder) as host:
        page = visit(host.url)
        page.hold("retina", 0.5)
        count = page.count("retina")
        report = taught.import_dataset(taken_home(page, tmp_path / "taught.zip"))
        assert len(report.examples) == count - 12
        page.click("cat")
        exported_to(folder, taught)
        renewed(page)
        assert (page.count("retina"), page.count("cat")) == (count, 13)
        report = taught.import_dataset(taken_home(page, tmp_path / "again.zip"))
        assert (len(report.examples), report.known) == (1, 0)


def test_each_project_at_an_address_has_its_own_storage(
    visit: Visit, taught: Classifier, tmp_path: Path
) -> None:
    folder = exported_to(tmp_path / "page", taught)
    with hosted(folder) as host:
        page = visit(host.url)
        page.click("retina")
        with Classifier(tmp_path / "other.db", backbone=taught.backbone) as other:
            for name in ("cat", "retina"):
                other.add(name, photo(name))
            exported_to(folder, other)
        renewed(page)
        assert page.count("retina") == 1
        page.click("cat")
        assert page.count("cat") == 2
        exported_to(folder, taught)
        renewed(page)
        assert (page.count("retina"), page.count("cat")) == (13, 12)


KEPT_VIEWS = """async () => {
  const settled = (request) => new Promise((resolve) => {
    request.onsuccess = () => resolve(request.result);
  });
  const [{ name }] = await indexedDB.databases();
  const database = await settled(indexedDB.open(name));
  const views = [];
  for (let tries = 0; tries < 200 && views.length === 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const store of database.objectStoreNames) {
      for (const one of await settled(database.transaction(store).objectStore(store).getAll())) {
        if (one.kept?.views) views.push(one.kept.views.length / one.kept.vector.length);
      }
    }
  }
  database.close();
  return views;
}"""
"""Return the number of stored views per added example, once there are any."""


def test_views_of_added_examples_are_embedded_and_stored(visit: Visit, host: StaticHost) -> None:
    page = visit(host.url)
    page.click("cat")
    assert page.page.evaluate(KEPT_VIEWS) == [VIEWS]
    page.page.reload()
    page.wait_until_live()
    assert page.count("cat") == 13
    assert page.page.evaluate(KEPT_VIEWS) == [VIEWS]


def test_added_examples_are_re_embedded_for_another_network(
    visit: Visit, taught: Classifier, tmp_path: Path
) -> None:
    folder = exported_to(tmp_path / "page", taught)
    with hosted(folder) as host:
        page = visit(host.url)
        expect(page.label).to_have_text("coffee")
        page.menu("coffee", "Clear examples")
        page.click("retina")
        expect(page.label).to_have_text("retina")
        taught.remove([example.id for example in taught.examples("coffee")])
        taught.change_backbone(write_backbone(tmp_path / "other.onnx", grid=2))
        exported_to(folder, taught)
        renewed(page)
        assert page.count("retina") == 13
        expect(page.label).to_have_text("retina")
        nearest = page.page.get_by_test_id("neighbor").first
        expect(nearest.locator("img")).to_have_attribute("alt", "retina")


def test_the_address_with_and_without_index_html_is_the_same(
    visit: Visit, host: StaticHost
) -> None:
    page = visit(host.url)
    page.click("cat")
    page.page.goto(f"{host.url}index.html")
    page.wait_until_live()
    assert page.count("cat") == 13


def test_two_tabs_stay_in_sync(watching: Browser, host: StaticHost) -> None:
    browser_context = context(watching)
    one, other = ProjectPage(browser_context, host.url), ProjectPage(browser_context, host.url)
    for page in (one, other):
        page.page.bring_to_front()
        page.wait_until_live()
    other.menu("coffee", "Clear examples")
    count = one.card("coffee").get_by_test_id("class-count")
    expect(count).to_have_text("0")
    one.page.bring_to_front()
    one.hold("cat", 0.5)
    taught = one.count("cat")
    expect(other.card("cat").get_by_test_id("class-count")).to_have_text(str(taught))
    other.page.bring_to_front()
    other.click("retina")
    expect(one.card("retina").get_by_test_id("class-count")).to_have_text("13")
    # What the other has done since would be lost with it.
    expect(one.page.get_by_role("button", name="Undo", exact=True).first).to_be_disabled()
    other.page.close()
    one.page.reload()
    one.wait_until_live()
    assert (one.count("cat"), one.count("coffee"), one.count("retina")) == (taught, 0, 13)
    assert one.faults == other.faults == []
    browser_context.close()


COUNT = """
  window.written = [];
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (...given) {
    if (!given[0].kept?.views) window.written.push(this.name);
    return put.apply(this, given);
  };
  window.revoked = [];
  const revoke = URL.revokeObjectURL;
  URL.revokeObjectURL = (address) => (window.revoked.push(address), revoke(address));
"""
"""Record what the page writes, except views, which come later, and which URLs it revokes."""


def test_an_added_picture_is_one_record_and_its_url_is_revoked(
    watching: Browser, host: StaticHost
) -> None:
    browser_context = context(watching)
    browser_context.add_init_script(COUNT)
    page = ProjectPage(browser_context, host.url)
    page.wait_until_live()
    page.click("cat")
    page.page.evaluate("window.written.length = 0")
    page.click("cat")
    assert page.page.evaluate("window.written") == ["examples"]
    newest = page.card("cat").locator("img").first.get_attribute("src")
    page.menu("cat", "Clear examples")
    expect(page.card("cat").get_by_test_id("class-count")).to_have_text("0")
    assert newest in page.page.evaluate("window.revoked")
    page.page.get_by_role("button", name="Undo", exact=True).first.click()
    expect(page.card("cat").get_by_test_id("class-count")).to_have_text("14")
    page.page.reload()
    page.wait_until_live()
    assert page.count("cat") == 14
    shown = page.card("cat").locator("img").first
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") > 50
    assert page.faults == []
    browser_context.close()


def test_a_cancelled_import_adds_nothing(visit: Visit, host: StaticHost, tmp_path: Path) -> None:
    page = visit(host.url)
    folder = tmp_path / "many"
    (folder / "blue").mkdir(parents=True)
    picture = encoded(Image.new("RGB", (3000, 3000), "blue"))
    for number in range(80):  # what follows the end of a JPEG is no part of the picture
        (folder / "blue" / f"{number}.jpg").write_bytes(picture + bytes([number]))
    page.drop(page.page.get_by_test_id("stage"), folder)
    expect(page.card("blue")).to_be_visible()
    page.page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.toast("Cancelled")).to_be_visible()
    expect(page.card("blue")).to_have_count(0)
    page.page.reload()
    page.wait_until_live()
    expect(page.card("blue")).to_have_count(0)


def test_macos_metadata_in_zips_is_ignored(visit: Visit, host: StaticHost, tmp_path: Path) -> None:
    page = visit(host.url)
    Image.new("RGB", (90, 90), "skyblue").save(tmp_path / "sky.png")
    packed = tmp_path / "sky.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(tmp_path / "sky.png", "sky/what it is.data")
        archive.writestr("__MACOSX/sky/._what it is.data", b"\x00\x05\x16\x07")
        archive.writestr("sky/.DS_Store", b"\x00\x00\x00\x01Bud1")
    page.drop(page.page.get_by_test_id("stage"), packed)
    expect(page.toast("1 example added.")).to_be_visible()
    home = taken_home(page, tmp_path / "home.zip")
    with zipfile.ZipFile(home) as archive:
        (name,) = [name for name in archive.namelist() if not name.endswith(".csv")]
        assert name.endswith(".png")
        assert archive.read(name) == (tmp_path / "sky.png").read_bytes()


def test_the_page_requests_persistent_storage_and_offers_a_download(
    watching: Browser, host: StaticHost
) -> None:
    browser_context = context(watching)
    browser_context.add_init_script(
        "window.asked = 0; navigator.storage.persist = async () => (window.asked += 1, false)"
    )
    page = ProjectPage(browser_context, host.url)
    page.wait_until_live()
    assert page.page.evaluate("window.asked") == 0
    page.click("cat")
    page.click("cat")
    assert page.page.evaluate("window.asked") == 1
    page.page.get_by_role("link", name="Export", exact=True).click()
    card = page.page.get_by_role("region", name="Pictures added here")
    expect(card).to_contain_text("Download them")
    expect(card).to_contain_text("about")
    with page.page.expect_download() as download:
        card.get_by_role("button", name="Create").click()
    assert download.value.suggested_filename == "project-taught.zip"
    expect(card).to_contain_text("may delete these pictures when space runs low")
    assert page.faults == []
    browser_context.close()
