from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from classify_anything import Classifier
from tests.browser.chromium import context, launched, write_clip
from tests.browser.exported import SCENES, teach
from tests.browser.pages import ProjectPage
from tests.server import RunningServer
from tests.static_host import StaticHost, hosted

SCENE_SECONDS = 3.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def scenes_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "scenes.mjpeg", SCENES, SCENE_SECONDS)


@pytest.fixture(scope="session")
def still_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera clip with one still picture."""
    return write_clip(tmp_path_factory.mktemp("clip") / "still.mjpeg", ["coffee"], 1)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def watching(playwright: Playwright, still_clip: Path) -> Iterator[Browser]:
    """A browser whose camera shows a still picture."""
    with launched(playwright, still_clip) as browser:
        yield browser


@pytest.fixture
def open_page(watching: Browser, server: RunningServer) -> Iterator[Callable[..., ProjectPage]]:
    """Open pages of the server; afterwards, fail if any page had errors."""
    opened: list[ProjectPage] = []

    def open_(url: str = server.url, width: int = 1280, height: int = 800) -> ProjectPage:
        opened.append(ProjectPage(context(watching, width, height), url))
        opened[-1].wait_until_live()
        return opened[-1]

    yield open_
    for page in opened:
        page.page.context.close()
        assert page.faults == []


@pytest.fixture
def page(open_page: Callable[..., ProjectPage]) -> ProjectPage:
    return open_page()


@pytest.fixture(scope="session")
def training_set(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Path:
    """A folder with a trained ``project.db`` and its exported ``page``, to copy."""
    folder = tmp_path_factory.mktemp("lesson")
    with Classifier(folder / "project.db", backbone=tiny_backbone) as clf:
        teach(clf)
        clf.export(folder / "page", "web", embed=True)
    return folder


@pytest.fixture
def taught(training_set: Path, tmp_path: Path, tiny_backbone: Path) -> Iterator[Classifier]:
    shutil.copy(training_set / "project.db", tmp_path)
    with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as classifier:
        yield classifier


@pytest.fixture
def host(training_set: Path, tmp_path: Path) -> Iterator[StaticHost]:
    with hosted(shutil.copytree(training_set / "page", tmp_path / "page")) as running:
        yield running


@pytest.fixture
def seeing(playwright: Playwright, scenes_clip: Path) -> Iterator[Browser]:
    """A browser whose camera shows one scene after the other."""
    with launched(playwright, scenes_clip) as browser:
        yield browser


@pytest.fixture
def visit(watching: Browser) -> Iterator[Callable[..., ProjectPage]]:
    """Open exported pages; afterwards, fail if any page had errors."""
    opened: list[ProjectPage] = []

    def open_(url: str) -> ProjectPage:
        opened.append(ProjectPage(context(watching), url))
        opened[-1].wait_until_live()
        return opened[-1]

    yield open_
    for page in opened:
        page.page.context.close()
        assert page.faults == []
