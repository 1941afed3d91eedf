"""Notebooks show predictions with their neighbours, and evaluations."""

from __future__ import annotations

import base64
import io
import pickle
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from classify_anything import Classifier, Evaluation
from classify_anything.types import Prediction
from tests.photos import plain

HOSTILE = "<script>alert(1)</script>\"' onload=x"


TAGS = ("div", "span", "figure", "figcaption", "img", "bdi", "table", "tr", "th", "td")


TAGS = ("div", "span", "figure", "figcaption", "img", "bdi", "table", "tr", "th", "td")


class Strict(HTMLParser):
    """Every tag is closed, and none can do harm."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert {name for name, _ in attrs} <= {"style", "src", "alt", "width", "height", "dir"}
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(prediction: Prediction | Evaluation) -> tuple[str, list[bytes]]:
    """The text, and the pictures."""
    html = prediction._repr_html_()
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    return parser.text, [base64.b64decode(picture) for picture in pictures]


def test_a_prediction_shows_bars_and_neighbours(clf: Classifier) -> None:
    clf.add("Mug", plain("red"))
    clf.add("شاي", plain("blue"))
    text, pictures = shown(clf.predict(plain("darkred")))
    assert text.startswith("Mug ")
    assert "شاي" in text
    assert re.search(r"because it looks likeMug 1\.00", text)
    nearest = np.asarray(Image.open(io.BytesIO(pictures[0])))
    assert nearest.shape == (160, 160, 3)
    assert nearest[80, 80].tolist() == pytest.approx([255, 0, 0], abs=6)
    (many,) = clf.predict_many([plain("darkred")])
    assert many
    assert shown(many)[1] == pictures


def test_a_hostile_label_is_escaped(clf: Classifier) -> None:
    clf.add(HOSTILE, plain("red"))
    assert HOSTILE in shown(clf.predict(plain("red")))[0]


def test_a_prediction_without_its_project_has_no_pictures(clf: Classifier) -> None:
    assert shown(clf.predict(plain("red"))) == ("No examples yet", [])
    for number in range(12):
        clf.add(f"Class {number}", plain(f"rgb({20 * number}, 0, 0)"))
    prediction = clf.predict(plain("red"))
    assert "and 2 more" in shown(prediction)[0]
    alone = pickle.loads(pickle.dumps(prediction))
    assert alone == prediction
    assert shown(alone)[1] == []
    clf.close()
    assert shown(prediction)[1] == []


def test_an_evaluation_shows_its_mistakes(clf: Classifier) -> None:
    for number in range(4):
        clf.add("Red", plain(f"rgb({255 - number}, 0, 0)"))
        clf.add("Blue", plain(f"rgb(0, 0, {255 - number})"))
    slipped = clf.add("Red", plain("rgb(0, 0, 250)"))
    text, pictures = shown(clf.evaluate())
    assert text.startswith("89% accuracy (95% confidence interval: ")
    assert "predicted as another class" in text
    assert pictures == [clf.thumbnail(slipped.id)]
    assert shown(pickle.loads(pickle.dumps(replace(clf.evaluate(), thumbnail=None))))[1] == []
