"""The demo this project began with: one person puts on one thing after another, five presses each.

Each class contains all that the one before it has, so backgrounds, colours and the face tell
nothing. Votes in plain cosine are right on two thirds of such pictures.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance
from playwright.sync_api import Browser, Playwright, expect

from classify_anything import Classifier
from tests.browser.chromium import context, launched, write_clip
from tests.browser.pages import ProjectPage
from tests.photos import encoded, photo
from tests.server import RunningServer, run_server

CLASSES = 5
"""A head; with glasses; with a hat as well; with headphones as well; with a bottle as well."""

PRESSES, QUESTIONS = 5, 8
"""Pictures of a class that are taught, and others that are asked."""

SHOWN = (5,)
"""Those of the others that the camera shows as well."""

SCENE_SECONDS = 1.0
WIDTH, HEIGHT = 640, 480
SIDE = (WIDTH - HEIGHT) // 2
"""Width that the page crops on the left and on the right of a camera frame."""

BITS = 5
DARK, LIGHT = (20, 20, 20), (235, 235, 235)
FRAME, WOOL, PLASTIC, GLASS = (20, 20, 20), (150, 30, 40), (60, 60, 70), (40, 140, 90)

NOW = """bits => {
  const canvas = new OffscreenCanvas(64, 48);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(document.querySelector("video"), 0, 0, 64, 48);
  let scene = 0;
  for (let bit = 0; bit < bits; bit++) {
    const [red] = context.getImageData(3, ((bit + 0.5) * 48) / bits, 1, 1).data;
    scene += red > 128 ? 2 ** bit : 0;
  }
  const label = document.querySelector("[data-testid=answer-label]").textContent.trim();
  return { scene, label };
}"""
"""The number of the scene that the camera shows, and what the page says of it."""

Scene = tuple[int, int]
"""A class from 0, and the number of a picture of it."""

TAUGHT: list[Scene] = [(worn, take) for take in range(PRESSES) for worn in range(CLASSES)]
ASKED: list[Scene] = [
    (worn, take) for take in range(PRESSES, PRESSES + QUESTIONS) for worn in range(CLASSES)
]
SCENES = TAUGHT + [scene for scene in ASKED if scene[1] in SHOWN]


def person(worn: int) -> Image.Image:
    """Return the astronaut's head with this many accessories, without background."""
    head = Image.fromarray(photo("astronaut")).crop((126, -40, 326, 210)).convert("RGBA")
    shape = Image.new("L", head.size)
    ImageDraw.Draw(shape).ellipse((22, 46, 180, 240), fill=255)
    image = Image.new("RGBA", (240, 280))
    image.paste(head, (20, 0), shape)
    draw = ImageDraw.Draw(image)
    if worn >= 1:
        for x in (95, 141):
            draw.ellipse((x - 20, 122, x + 20, 158), outline=FRAME, width=6)
        for line in ((115, 138, 121, 138), (75, 136, 50, 130), (161, 136, 186, 130)):
            draw.line(line, fill=FRAME, width=5)
    if worn >= 2:
        draw.rounded_rectangle((62, 8, 178, 76), 14, fill=WOOL)
        draw.rectangle((62, 58, 178, 74), fill=(30, 30, 60))
        draw.ellipse((28, 66, 212, 92), fill=WOOL)
    if worn >= 3:
        draw.arc((34, 30, 206, 230), 185, 355, fill=PLASTIC, width=9)
        for x in (38, 202):
            draw.rounded_rectangle((x - 16, 112, x + 16, 172), 12, PLASTIC, LIGHT, 3)
    if worn >= 4:
        draw.rounded_rectangle((170, 170, 226, 276), 12, fill=GLASS)
        draw.rectangle((186, 140, 210, 174), fill=GLASS)
        draw.rectangle((184, 130, 212, 144), fill=LIGHT)
        draw.rectangle((172, 202, 224, 240), fill=(235, 230, 200))
    return image


def picture(scene: Scene) -> Image.Image:
    """Return a camera frame: the person at a random place before a coffee, in random light."""
    random = np.random.default_rng(scene)
    coffee, zoom = Image.fromarray(photo("coffee")), random.uniform(1.1, 1.4)
    coffee = coffee.resize((round(WIDTH * zoom), round(HEIGHT * zoom)))
    left = int(random.uniform(0, coffee.width - WIDTH))
    top = int(random.uniform(0, coffee.height - HEIGHT))
    image = coffee.crop((left, top, left + WIDTH, top + HEIGHT))
    size, turn = random.uniform(1.05, 1.5), random.uniform(-8, 8)
    shown = person(scene[0]).rotate(turn, Image.Resampling.BICUBIC, expand=True)
    shown = shown.resize((round(shown.width * size), round(shown.height * size)))
    x, y = WIDTH / 2 + random.uniform(-45, 45), HEIGHT / 2 + random.uniform(-30, 30)
    image.paste(shown, (round(x - shown.width / 2), round(y - shown.height / 2)), shown)
    image = ImageEnhance.Brightness(image).enhance(random.uniform(0.65, 1.3))
    return ImageEnhance.Color(image).enhance(random.uniform(0.7, 1.25))


def seen(scene: Scene) -> bytes:
    """Return the square that the page sends, as JPEG."""
    square = picture(scene).crop((SIDE, 0, WIDTH - SIDE, HEIGHT))
    return encoded(square.resize((224, 224), Image.Resampling.LANCZOS), quality=95)


def numbered(scene: Scene) -> bytes:
    """Return a clip frame, with the scene's number in the part that the page crops."""
    image, number = picture(scene), SCENES.index(scene)
    draw = ImageDraw.Draw(image)
    for bit in range(BITS):
        top = bit * HEIGHT // BITS
        color = LIGHT if number >> bit & 1 else DARK
        draw.rectangle((0, top, SIDE - 8, top + HEIGHT // BITS), fill=color)
    return encoded(image, quality=90)


@pytest.fixture
def watching_the_person(playwright: Playwright, tmp_path: Path) -> Iterator[Browser]:
    """A browser whose camera shows all scenes in turn."""
    frames = [numbered(scene) for scene in SCENES]
    clip = write_clip(tmp_path / "person.mjpeg", frames, SCENE_SECONDS)
    with launched(playwright, clip) as browser:
        yield browser
    clip.unlink()


def now(page: ProjectPage) -> tuple[Scene, str]:
    """Return the current scene and the page's label."""
    found: dict[str, Any] = page.page.evaluate(NOW, BITS)
    return SCENES[found["scene"] % len(SCENES)], found["label"]


def until(what: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline


def name(scene: Scene) -> str:
    return f"Class {scene[0] + 1}"


def teach(page: ProjectPage) -> None:
    """Press a class's button once during each of its scenes."""
    left = set(TAUGHT)

    def press() -> bool:
        scene, _ = now(page)
        if scene in left:
            before = page.count(name(scene))
            page.click(name(scene))
            if now(page)[0] == scene:
                left.remove(scene)
            else:  # the next scene may have been taken already
                page.page.keyboard.press("Control+z")
                count = page.card(name(scene)).get_by_test_id("class-count")
                expect(count).to_have_text(str(before))
        page.page.wait_for_timeout(20)
        return not left

    until(press, 150)


def settle(page: ProjectPage, server: RunningServer, project: Path) -> None:
    """Wait until the server answers like a reopened project, with all views."""
    count = "SELECT count(*) FROM views JOIN examples ON id = example_id WHERE NOT removed"

    def made() -> bool:
        page.page.wait_for_timeout(100)
        with closing(sqlite3.connect(project)) as raw:
            return raw.execute(count).fetchone() == (len(TAUGHT),)

    until(made, 60)
    with Classifier(project) as fresh:
        expected = fresh.predict(seen(ASKED[0])).probability

    def current() -> bool:
        page.page.wait_for_timeout(100)
        answer = server.http.post("/api/predict", content=seen(ASKED[0])).json()
        return abs(answer["probability"] - expected) < 1e-3

    until(current, 30)


@pytest.mark.timeout(300)
def test_five_presses_per_class_distinguish_nested_accessories(
    watching_the_person: Browser, tmp_path: Path
) -> None:
    project = tmp_path / "nested.db"
    with run_server(project) as server, context(watching_the_person) as browser:
        page = ProjectPage(browser, server.url)
        page.wait_until_live()
        teach(page)
        assert [page.count(f"Class {number + 1}") for number in range(CLASSES)] == [5] * CLASSES
        settle(page, server, project)
        answers = [
            server.http.post("/api/predict", content=seen(scene)).json()["label"] for scene in ASKED
        ]
        assert np.mean([answers[at] == name(scene) for at, scene in enumerate(ASKED)]) >= 0.9
        left = set(SCENES) - set(TAUGHT)

        def recognised() -> bool:
            scene, label = now(page)
            # The scene before was of another class: this answer is not left over from it.
            if label == name(scene):
                left.discard(scene)
            page.page.wait_for_timeout(20)
            return not left

        until(recognised, 2 * len(SCENES) * SCENE_SECONDS)
        assert page.faults == []
