"""A backbone that says it runs on a graphics card, and tells how it was asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify_anything.backbones import load_backbone
from classify_anything.backbones.backbone import Backbone


class OnCard(Backbone):
    """The tests' own backbone as a graphics card would run it; tells how it was asked."""

    provider = "cuda"

    def __init__(self, path: Path, batch: int) -> None:
        self._network = load_backbone(path)
        self.name, self.fingerprint = "on card", self._network.fingerprint + " on card"
        self.size, self.dimension = self._network.size, self._network.dimension
        self.batch = batch
        self.batches: list[int] = []

    def for_workers(self) -> Backbone:
        return self

    def _run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.batches.append(len(images))
        return self._network.embed(images)
