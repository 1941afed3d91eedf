"""Projects to measure on, made of real photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.photos import PHOTOS, encoded, photo

from classify_anything import Classifier
from classify_anything.images import read_picture
from classify_anything.store import NewExample

_BATCH = 100


def write_project(path: Path, examples: int, backbone: Path | None = None) -> Path:
    """A project whose examples are random crops of five photographs, a class each."""
    random = np.random.default_rng(0)
    with Classifier(path, backbone=backbone) as clf:
        classes = [clf.add_class(name).id for name in PHOTOS]
        photos = [photo(name) for name in PHOTOS]
        for start in range(0, examples, _BATCH):
            batch = []
            for number in range(start, min(start + _BATCH, examples)):
                data = encoded(_crop(photos[number % len(photos)], random), quality=95)
                picture = read_picture(data, clf.backbone.size)
                batch.append(
                    NewExample(
                        label=classes[number % len(classes)],
                        image=picture.data,
                        media_type=picture.media_type,
                        width=picture.width,
                        height=picture.height,
                        source="benchmark",
                        embedding=clf.embed(picture),
                    )
                )
            clf.project.store.add(batch, clf.backbone.fingerprint)  # in one transaction
    return path


def _crop(image: np.ndarray, random: np.random.Generator, size: int = 224) -> np.ndarray:
    top = int(random.integers(0, image.shape[0] - size))
    left = int(random.integers(0, image.shape[1] - size))
    return image[top : top + size, left : left + size]
