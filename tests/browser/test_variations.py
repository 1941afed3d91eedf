"""The page shows the progress of variations, which are computed in the background."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.chromium import context
from tests.photos import encoded, photo
from tests.server import run_server
from tests.tiny import write_backbone


def test_the_page_shows_the_progress_of_variations(watching: Browser, tmp_path: Path) -> None:
    slow = write_backbone(tmp_path / "slow.onnx", slow=True)
    with (
        run_server(tmp_path / "project.db", slow) as server,
        context(watching) as browser,
    ):
        page = browser.new_page()
        page.goto(server.url)
        progress = page.get_by_test_id("progress")
        for shift in range(22):
            picture = encoded(photo("cat")[shift:])
            label = ("cat", "hat")[shift % 2]
            server.http.post("/api/examples", params={"label": label}, content=picture)
        expect(progress).to_contain_text("Making variations of your examples")
        expect(progress).to_contain_text("of 22")
        expect(progress.get_by_role("button")).to_have_count(0)
        expect(progress).to_have_count(0, timeout=60_000)
