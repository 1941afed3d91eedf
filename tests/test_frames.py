"""Frames of several clients: together off the processor, one after the other on it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from classify_anything import Classifier
from classify_anything.errors import ImageError
from classify_anything.project.project import Project
from classify_anything.server.messages import AddFrame, Answer, PredictFrame
from classify_anything.server.project import LiveProject
from tests import loops
from tests.card import OnCard
from tests.photos import encoded, photo

NAMES = ("cat", "coffee", "rocket", "astronaut")


class Gated(OnCard):
    """Does nothing before the gate is open."""

    def __init__(self, path: Path, provider: str) -> None:
        super().__init__(path, batch=32)
        self.provider = provider
        self.gate, self.begun = threading.Event(), threading.Event()

    def _run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.begun.set()
        assert self.gate.wait(20)
        return super()._run(images)


async def asked(live: LiveProject, card: Gated, damaged: bool) -> list[Answer | BaseException]:
    """The answers to frames of which the first has begun when the others come."""
    card.gate.clear()
    card.begun.clear()
    card.batches.clear()

    async def ask(seq: int, image: bytes) -> Answer:
        return await live.answer(PredictFrame(type="predict", seq=seq), image, 0.0)

    first = asyncio.create_task(ask(0, encoded(photo("cat"))))
    await asyncio.to_thread(card.begun.wait, 20)
    images = [encoded(photo(name)) for name in NAMES]
    if damaged:
        images[1] = images[1][:200]
    rest = [asyncio.create_task(ask(seq, image)) for seq, image in enumerate(images, 1)]
    key = AddFrame(type="add", seq=9, class_id=1, recording="r", key="k")
    added = asyncio.create_task(live.answer(key, encoded(photo("cat")[30:]), 0.0))
    await asyncio.sleep(0)  # each of them is handed over
    card.gate.set()
    return await asyncio.gather(first, *rest, added, return_exceptions=True)


@pytest.mark.parametrize(
    ("provider", "damaged", "batches"),
    [
        ("cuda", False, [1, 5]),
        ("cuda", True, [1, 4]),
        ("cpu", False, [1, 1, 1, 1, 1, 1]),
    ],
)
def test_frames_that_wait_are_embedded_together_and_answered_each(
    tmp_path: Path, tiny_backbone: Path, provider: str, damaged: bool, batches: list[int]
) -> None:
    card = Gated(tiny_backbone, provider)
    card.gate.set()
    path = tmp_path / "desk.db"
    with Classifier(path, backbone=card) as clf:
        for name in NAMES:
            clf.add(name, photo(name))
    live = LiveProject(lambda: Project(path, backbone=card))
    try:
        found = loops.run(asked(live, card, damaged))
    finally:
        live.close()
    assert card.batches == batches
    first, *rest, added = found
    assert isinstance(first, Answer)
    for seq, (name, answer) in enumerate(zip(NAMES, rest, strict=True), 1):
        if damaged and name == "coffee":
            assert isinstance(answer, ImageError)
        else:
            assert isinstance(answer, Answer)
            assert (answer.seq, answer.prediction.label) == (seq, name)
    assert isinstance(added, Answer)
    assert added.example_id == 5
