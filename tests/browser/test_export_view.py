"""The Export view: exports predict like the page, and their code can be copied."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from PIL import Image
from playwright.sync_api import Browser, Download, Locator, expect

from classify_anything.images import to_square
from tests.browser.chromium import context
from tests.browser.pages import ProjectPage
from tests.command import run
from tests.photos import encoded, photo
from tests.server import RunningServer, run_server
from tests.static_host import hosted
from tests.tiny import SIZE

NAMES = {"cat": "cat", 'a "cup" </script>': "coffee", "it's a rocket": "rocket"}
"""Classes and their scenes."""

RUNTIME = Path(__file__).parents[2] / "web" / "node_modules" / "onnxruntime-web" / "dist"

PAGE = """<!doctype html>
<script type="importmap">{"imports": {"onnxruntime-web": "./ort/ort.wasm.min.mjs"}}</script>
<img src="what.jpg" />
<script type="module">SNIPPET</script>
"""


@pytest.fixture
def taught(tmp_path: Path, tiny_backbone: Path) -> Iterator[RunningServer]:
    """A project whose name requires quoting."""
    project = tmp_path / "it's my desk.db"
    with run_server(project, tiny_backbone) as server:
        for label, name in NAMES.items():
            for shift in range(3):
                picture = encoded(photo(name)[12 * shift :])
                server.http.post("/api/examples", params={"label": label}, content=picture)
        yield server


def exports(page: ProjectPage) -> Callable[[str], Locator]:
    """Open the Export view; return a function that finds a format's card."""
    page.page.get_by_role("link", name="Export", exact=True).click()
    return lambda name: page.page.get_by_role("region", name=name, exact=True)


def made(page: ProjectPage, card: Locator) -> Download:
    with page.page.expect_download(timeout=60_000) as download:
        card.get_by_role("button", name="Create", exact=True).click()
    expect(card.get_by_role("button", name="Create again", exact=True)).to_be_visible()
    return download.value


def copied(page: ProjectPage, card: Locator, language: str) -> str:
    """Press the copy button; return the clipboard."""
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card.get_by_role("button", name=language, exact=True).click()
    card.get_by_role("button", name="Copy", exact=True).click()
    expect(page.toast("Copied.")).to_be_visible()
    text: str = page.page.evaluate("() => navigator.clipboard.readText()")
    assert text == card.locator("code").inner_text()
    return text


def said(server: RunningServer, picture: bytes) -> Any:
    return server.http.post("/api/predict", content=picture).json()["label"]


def test_an_exported_onnx_file_predicts_like_the_page(
    taught: RunningServer, open_page: Callable[..., ProjectPage], tmp_path: Path
) -> None:
    page = open_page(taught.url)
    page.page.evaluate("() => localStorage.setItem('smoothing', '210')")
    card = exports(page)("One ONNX file")
    download = made(page, card)
    assert download.suggested_filename == "it's my desk.onnx"
    expect(card.get_by_text("Checked on 9 pictures and ")).to_be_visible()
    path = tmp_path / "made.onnx"
    download.save_as(path)
    expect(card.get_by_role("button", name="it's my desk.onnx")).to_be_visible()
    session = onnxruntime.InferenceSession(str(path))
    facts = session.get_modelmeta().custom_metadata_map
    labels = json.loads(facts["labels"])
    assert labels[-3:] == list(NAMES)
    assert json.loads(facts["smoothing"]) == {"milliseconds": 210}
    for name in (*NAMES.values(), "retina"):
        picture = encoded(photo(name)[40:-7], "PNG")
        square = to_square(picture, SIZE)[None]
        probabilities, similarity, _ = session.run(None, {"image": square})
        threshold = json.loads(facts["threshold"])
        known = threshold is None or similarity[0] > threshold
        assert (labels[probabilities[0].argmax()] if known else None) == said(taught, picture)


@pytest.mark.parametrize("any_size", [False, True])
def test_the_copied_onnx_code_runs(
    taught: RunningServer,
    open_page: Callable[..., ProjectPage],
    watching: Browser,
    tmp_path: Path,
    any_size: bool,
) -> None:
    taught.http.patch("/api/settings", json={"rejection_level": 0.1})
    page = open_page(taught.url)
    card = exports(page)("One ONNX file")
    card.get_by_label("Accept pictures of any size").set_checked(any_size)
    folder = tmp_path / "used"
    download = made(page, card)
    download.save_as(folder / download.suggested_filename)
    answers = set()
    for name in (*NAMES.values(), "retina"):
        Image.fromarray(photo(name)[30:-9]).save(folder / "what.jpg", quality=95)
        program = copied(page, card, "Python")
        assert "classify_anything" not in program
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=60
        )
        answer = said(taught, (folder / "what.jpg").read_bytes()) or "none of these"
        assert (done.stdout.strip(), done.stderr) == (answer, "")
        answers.add(answer)
        script = copied(page, card, "JavaScript").replace("</script>", "<\\/script>")
        (folder / "index.html").write_text(PAGE.replace("SNIPPET", script))
        (folder / "ort").mkdir(exist_ok=True)
        for file in (
            "ort.wasm.min.mjs",
            "ort-wasm-simd-threaded.mjs",
            "ort-wasm-simd-threaded.wasm",
        ):
            shutil.copyfile(RUNTIME / file, folder / "ort" / file)
        with hosted(folder) as host:
            other = context(watching).new_page()
            with other.expect_console_message(lambda one: one.type == "log") as message:
                other.goto(host.url)
            assert message.value.args[0].json_value() == answer
            other.context.close()
    assert "none of these" in answers
    assert len(answers) > 2
    terminal = copied(page, card, "Terminal")
    assert terminal.startswith("classify-anything serve --export 'it'\\''s my desk.onnx' ")


def test_an_exported_page_predicts_like_the_page(
    taught: RunningServer,
    open_page: Callable[..., ProjectPage],
    watching: Browser,
    tmp_path: Path,
) -> None:
    page = open_page(taught.url)
    expect(page.label).to_have_text('a "cup" </script>')
    card = exports(page)("A page that needs no server")
    download = made(page, card)
    assert download.suggested_filename == "it's my desk-page.zip"
    packed = tmp_path / "page.zip"
    download.save_as(packed)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "page")
    with hosted(tmp_path / "page") as host:
        visited = ProjectPage(context(watching), host.url)
        visited.wait_until_live()
        expect(visited.label).to_have_text('a "cup" </script>')
        visited.page.context.close()
        assert visited.faults == []
    agreed = run("verify", packed)
    assert agreed.stdout.splitlines()[-1] == "The predictions agree."


def test_sizes_and_code_follow_the_options(
    taught: RunningServer, open_page: Callable[..., ProjectPage]
) -> None:
    page = open_page(taught.url)
    bytes_ = taught.http.get("/api/exports").json()["bytes"]
    assert bytes_["web-int8"] < bytes_["web-fp16"] < bytes_["web"]
    cards = exports(page)
    card = cards("One ONNX file")
    expect(card.locator(".about")).to_have_text(f"about {bytes_['onnx'] / 1000:.1f} kB")
    card.get_by_role("combobox").select_option("int8")
    expect(card.locator(".about")).to_have_text(f"about {bytes_['onnx-int8'] / 1000:.1f} kB")
    web = cards("A page that needs no server")
    expect(web.get_by_role("button", name="HTML", exact=True)).to_have_count(0)
    web.get_by_label("Add an element for other pages").check()
    assert "<classify-anything" in copied(page, web, "HTML")
    assert copied(page, web, "Terminal").startswith("unzip 'it'\\''s my desk-page.zip' -d page\n")
    web.get_by_label("Add an element for other pages").uncheck()
    expect(web.locator("code")).to_contain_text("unzip")


def test_progress_is_shown_and_the_work_can_be_cancelled(
    taught: RunningServer, open_page: Callable[..., ProjectPage]
) -> None:
    page = open_page(taught.url)
    cards = exports(page)
    card = cards("A page that needs no server")
    card.get_by_role("button", name="Create", exact=True).click()
    expect(card.get_by_role("progressbar")).to_be_visible()
    expect(cards("One ONNX file").get_by_role("button", name="Create")).to_be_disabled()
    card.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.toast("Cancelled.")).to_be_visible()
    expect(card.get_by_role("button", name="Create", exact=True)).to_be_enabled()
    made(page, cards("One ONNX file"))


def test_an_empty_project_shows_what_is_missing(page: ProjectPage) -> None:
    cards = exports(page)
    for name in (
        "One ONNX file",
        "A page that needs no server",
        "The pictures",
        "For TensorFlow.js",
    ):
        expect(cards(name).get_by_role("button", name="Create", exact=True)).to_be_disabled()
        expect(cards(name).get_by_text("Nothing to export yet")).to_be_visible()
        expect(cards(name).get_by_text("about")).to_have_count(0)
    page.page.get_by_role("link", name="Live", exact=True).click()
    page.click("Class 1")
    for name in ("One ONNX file", "A page that needs no server"):
        exports(page)(name).get_by_role("button", name="Create", exact=True).click()
        expect(page.toast("Add examples of at least two classes first.")).to_be_visible()


def test_an_expired_export_is_not_offered(
    taught: RunningServer, open_page: Callable[..., ProjectPage]
) -> None:
    page = open_page(taught.url)
    card = exports(page)("The pictures")
    made(page, card)
    with page.page.expect_download():
        card.get_by_role("button", name="it's my desk.zip").click()
    for _ in range(7):
        begun = taught.http.post("/api/exports", json={"format": "zip"}).json()
        deadline = time.monotonic() + 20
        while taught.http.get(f"/api/exports/{begun['id']}").json()["status"] == "running":
            assert time.monotonic() < deadline
    page.faults.clear()
    card.get_by_role("button", name="it's my desk.zip").click()
    expect(page.toast("it's my desk.zip no longer exists. Create it again.")).to_be_visible()
    expect(card.get_by_role("button", name="Create", exact=True)).to_be_visible()
    # The browser itself notes the answer 404.
    assert all("404" in fault for fault in page.faults)
    page.faults.clear()
