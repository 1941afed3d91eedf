"""The exported page's engine predicts and learns like the program."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classify_anything import Classifier
from classify_anything.backbones.views import MOST_IN_BROWSER, VIEWS
from classify_anything.heads.fitting import MAX_DIRECTIONS
from classify_anything.project.snapshot import take_snapshot
from tests.browser.exported import ask, coded, compare, queries, teach
from tests.browser.pages import ProjectPage
from tests.static_host import ISOLATING, hosted


@pytest.mark.parametrize("head", ["adaptive", "classic"])
@pytest.mark.parametrize("rejection_level", [0.0, 0.3])
def test_the_page_predicts_like_the_program(
    taught: Classifier,
    tmp_path: Path,
    visit: Callable[..., ProjectPage],
    head: str,
    rejection_level: float,
) -> None:
    taught.configure(head=head, rejection_level=rejection_level)
    with hosted(taught.export(tmp_path / "page", "web"), ISOLATING) as host:
        page = visit(host.url).page
        pictures = queries(taught)
        said = ask(page, pictures)
    assert said["threads"] > 1
    for picture, answer in zip(pictures, said["answers"], strict=True):
        expected = taught.predict(picture)
        np.testing.assert_allclose(answer["vector"], taught.embed(picture), atol=1e-6)
        compare(answer, expected, taught.project.labels)
    if rejection_level:
        assert None in [answer["label"] for answer in said["answers"]]


@pytest.mark.parametrize("head", ["adaptive", "classic"])
def test_the_page_learns_and_forgets_like_the_program(
    taught: Classifier, tmp_path: Path, visit: Callable[..., ProjectPage], head: str
) -> None:
    taught.configure(head=head)
    with hosted(taught.export(tmp_path / "page", "web")) as host:
        page = visit(host.url).page
        before = page_temperature(taught)
        pictures = queries(taught)
        added = [("cat", pictures[6]), ("noise", pictures[9]), ("noise", pictures[10])]
        lessons = []
        for label, picture in added:
            example = taught.add(label, picture, source="picture")
            lessons.append(
                {
                    "id": example.id,
                    "classId": example.class_id,
                    "recordingId": example.recording_id,
                    "picture": coded(picture),
                    "sha256": example.sha256,
                }
            )
        # The page has the same views of the remaining examples as the program.
        _, *others = taught.examples("coffee")[::-1]
        moved, gone = others[7], [example.id for example in [*others[3:7], *others[8:]]]
        taught.move(moved.id, "rocket")
        taught.remove(gone)
        classes = [
            {"id": item.id, "name": item.name, "color": item.color} for item in taught.classes()
        ]
        rocket = taught.find_class("rocket").id
        orders = [
            ("setClasses", classes),
            ("learn", lessons),
            ("learn", [{"id": moved.id, "classId": rocket, "recordingId": moved.recording_id}]),
            ("forget", gone),
        ]
        said = ask(page, pictures, orders)
    grown = page_temperature(taught) / before
    for picture, answer in zip(pictures, said["answers"], strict=True):
        expected = taught.predict(picture)
        power = grown if head == "adaptive" else 1
        shares = {label: share**power for label, share in expected.probabilities.items()}
        total = sum(shares.values())
        probabilities = {label: share / total for label, share in shares.items()}
        compare(answer, replace(expected, probabilities=probabilities), taught.project.labels)


def page_temperature(clf: Classifier) -> float:
    """Return the temperature for one recording per class, which the page keeps."""
    pairs = {(example.class_id, example.recording_id) for example in clf.examples()}
    recordings = len(pairs) / len({class_id for class_id, _ in pairs})
    with take_snapshot(clf.project) as snapshot:
        return float(snapshot.head.parameters.get("temperature", 1)) * recordings**0.5


@pytest.mark.parametrize(
    ("backbone", "precision"),
    [
        ("efficientnet-lite0", "fp32"),
        ("efficientnet-lite0", "int8"),
        ("efficientnet-lite0-160", "fp32"),
    ],
)
def test_bundled_networks_predict_the_same_in_the_browser(
    tmp_path: Path, visit: Callable[..., ProjectPage], backbone: str, precision: str
) -> None:
    """EfficientNet-Lite0 itself; in int8 the head is retrained, so only labels are compared."""
    with Classifier(tmp_path / "project.db", backbone=backbone) as clf:
        teach(clf, shifts=3)
        pictures = queries(clf)[:7]
        expected = [clf.predict(picture) for picture in pictures]
        labels = clf.project.labels
        folder = clf.export(tmp_path / "page", "web", precision=precision)
    with hosted(folder, ISOLATING) as host:
        page = visit(host.url).page
        sent = [(path, size) for path, size in host.sent if path != "/sw.js"]
        said = ask(page, pictures)
    assert first_visit(folder, sent, precision) < {"fp32": 26e6, "int8": 12e6}[precision]
    for answer, wanted in zip(said["answers"], expected, strict=True):
        if precision == "fp32":
            compare(answer, wanted, labels)
        elif wanted.probability > SURE:
            assert answer["label"] == wanted.label
    assert sum(wanted.probability > SURE for wanted in expected) >= 5


SURE = 0.999
PER_EXAMPLE = {"fp32": 6600, "int8": 1850}
"""Bytes of an embedding and a small picture, measured on a project with 1,000 examples."""
DIRECTION, VIEWS_OF_ONE = 4770, 18_600
"""Bytes of a direction of the metric and of an example's views, in the same project."""


def first_visit(folder: Path, sent: Sequence[tuple[str, int]], precision: str) -> float:
    """Return the bytes of a visit with 1,000 examples, if the host sends text gzipped."""
    total = 1000 * PER_EXAMPLE[precision] + MAX_DIRECTIONS * DIRECTION
    total += MOST_IN_BROWSER * VIEWS_OF_ONE
    of_examples = 0
    for name, size in sent:
        path = folder / (name.lstrip("/") or "index.html")
        if path.name in ("model.bin.gz", "thumbnails.bin"):
            of_examples += size
        else:
            total += size if path.suffix == ".gz" else len(gzip.compress(path.read_bytes()))
    # Both recordings of each of the 5 classes have one example with views.
    expected = 15 * PER_EXAMPLE[precision] + 10 * VIEWS_OF_ONE + (15 - 5 + 10 * VIEWS) * DIRECTION
    assert of_examples < expected + 15_000
    return total
