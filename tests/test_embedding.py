"""Many images are embedded on all cores of a processor, and in batches on anything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify_anything import Classifier
from classify_anything.backbones import load_backbone
from classify_anything.backbones.bulk import embedded
from classify_anything.project.reembed import reembed
from tests.card import OnCard
from tests.networks import pictures
from tests.photos import photo

COUNT = 20


def prepared(number: int) -> tuple[int, npt.NDArray[np.uint8] | None]:
    """Every fifth has no picture."""
    return number, None if number % 5 == 4 else pictures(COUNT)[number]


def test_off_the_processor_whole_batches_are_embedded_in_order(tiny_backbone: Path) -> None:
    card = OnCard(tiny_backbone, batch=8)
    found = list(embedded(card, range(COUNT), prepared))
    assert [number for number, _ in found] == list(range(COUNT))
    assert card.batches == [1, 7, 6, 2], "of 1, 8, 8 and 3, without those that have no picture"
    expected = load_backbone(tiny_backbone).embed(pictures(COUNT))
    for number, vector in found:
        if number % 5 == 4:
            assert vector is None
        else:
            np.testing.assert_allclose(vector, expected[number], atol=1e-6)


def test_on_a_processor_it_gives_the_same(tiny_backbone: Path) -> None:
    on_card = embedded(OnCard(tiny_backbone, batch=8), range(COUNT), prepared)
    on_processor = embedded(load_backbone(tiny_backbone), range(COUNT), prepared)
    for (number, one), (same, other) in zip(on_card, on_processor, strict=True):
        assert number == same
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_imports_predictions_and_stored_images_all_go_in_batches(
    tmp_path: Path, tiny_backbone: Path
) -> None:
    card = OnCard(tiny_backbone, batch=8)
    images = [photo("cat")[shift:] for shift in range(COUNT)]
    with Classifier(tmp_path / "desk.db", backbone=card) as clf:
        report = clf.add_many([("cat", image) for image in images])
        assert len(report.examples) == COUNT
        assert card.batches[:4] == [1, 8, 8, 3], "the first does not wait for others"
        assert card.batches[4:] == [8] * COUNT, "the views of each example"
        card.batches.clear()
        assert [one.label for one in clf.predict_many(images) if one] == ["cat"] * COUNT
        assert card.batches == [1, 8, 8, 3]
        other = OnCard(tiny_backbone, batch=16)
        other.fingerprint = "other"
        assert reembed(clf.project, other) == COUNT
        assert other.batches == [1, 16, 3]
        clf.project.use_backbone(other)
        assert clf.predict(images[0]).label == "cat"
