"""A served export predicts, and hides what it cannot do."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from classify_anything import Classifier
from tests.browser.chromium import context
from tests.browser.pages import ProjectPage
from tests.photos import photo
from tests.server import run_export


def test_a_served_export_is_read_only(watching: Browser, clf: Classifier, tmp_path: Path) -> None:
    for name in ("cat", "coffee", "rocket"):
        clf.add(name, photo(name))
        clf.add(name, photo(name)[20:])
    with run_export(clf.export(tmp_path / "desk.onnx", "onnx")) as server:
        page = ProjectPage(context(watching), server.url)
        page.wait_until_live()
        expect(page.label).to_have_text("coffee")
        expect(page.page.get_by_role("button", name="Hold to add")).to_have_count(0)
        expect(page.page.get_by_role("link")).to_have_count(0)
        page.page.context.close()
        assert page.faults == []
