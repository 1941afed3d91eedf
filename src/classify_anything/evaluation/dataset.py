"""Evaluate a head on a dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classify_anything.backbones import Backbone
from classify_anything.backbones.bulk import embedded
from classify_anything.datasets.items import Item
from classify_anything.datasets.read import read_dataset
from classify_anything.errors import DatasetError, InputError
from classify_anything.evaluation.evaluate import Evaluation, TrainingSet, summarize
from classify_anything.heads import Head, HeldOut
from classify_anything.images import to_square
from classify_anything.store import clean_label
from classify_anything.types import UInt8Array


def evaluate_dataset(
    folder: Path, training_set: TrainingSet, name: str, new_head: Head, backbone: Backbone
) -> Evaluation:
    """Fit a head to a training set, and evaluate it on a folder with one sub-folder per class.

    Raises:
        DatasetError: it contains no images of the classes of the training set.
    """
    head = training_set.fit(name, new_head)
    codes = {
        clean_label(label).casefold(): n for n, label in enumerate(training_set.labels.values())
    }
    items = (item for item in read_dataset([folder]).items if isinstance(item, Item))
    coded = [(item, codes.get(str(item.label).casefold())) for item in items]
    known = [(item, code) for item, code in coded if code is not None]

    def prepare(pair: tuple[Item, int]) -> tuple[int, UInt8Array | None]:
        item, code = pair
        try:
            return code, to_square(item.read(), backbone.size)
        except (InputError, OSError):
            return code, None

    found = embedded(backbone, known, prepare)
    rows = [(one, code) for code, one in found if one is not None]
    if not rows or not len(head):
        raise DatasetError(f"{folder}: contains no images of the classes of this project.")
    count = len(rows)
    held = HeldOut(
        keys=np.arange(count),
        codes=np.array([code for _, code in rows]),
        probabilities=head.predict_proba(np.stack([one for one, _ in rows])),
        typicalities=np.zeros(count, np.float32),
        single_recording=np.zeros(count, np.bool_),
    )
    return summarize(name, held, range(count), training_set.labels)
