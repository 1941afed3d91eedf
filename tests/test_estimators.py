"""Heads and the embedder pass scikit-learn's checks, except those listed here."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from classify_anything import ImageEmbedder, KNeighborsHead
from classify_anything.errors import ImageError, InputError
from classify_anything.heads import Head
from tests.photos import encoded, photo

ALL_HEADS = {
    "check_estimators_unfitted": "the error is an InputError, so that nothing imports scikit-learn",
    "check_n_features_in_after_fitting": "partial_fit says it in the words of the project",
    "check_estimators_dtypes": "it feeds rows of zeros, which have no direction to compare",
}
LAZY = {"check_dict_unchanged": "the metric is fitted when it is first needed, and kept"}
HEADS: dict[str, tuple[Head, dict[str, str]]] = {
    "adaptive": (KNeighborsHead(), ALL_HEADS | LAZY),
    "votes": (KNeighborsHead(metric="cosine"), ALL_HEADS),
    "votes, balanced": (KNeighborsHead(3, "cosine", "distance", balanced=True), ALL_HEADS),
}
UNREAD = "fit reads no image: transform reports a bad one"
UNCOUNTED = "an image has no number of features"
EMBEDDER = {
    "check_complex_data": UNREAD,
    "check_estimators_empty_data_messages": UNREAD,
    "check_estimators_nan_inf": UNREAD,
    "check_fit1d": UNREAD,
    "check_fit2d_predict1d": "the error says what an image is, not to reshape a table",
    "check_n_features_in": UNCOUNTED,
    "check_n_features_in_after_fitting": UNCOUNTED,
    "check_transformer_data_not_an_array": "it feeds an object that is not a sequence",
}


class Painter(ImageEmbedder):
    """Paints a row of numbers as an image of grey stripes: scikit-learn's checks have no photos."""

    def transform(self, X: Any) -> np.ndarray:
        rows = np.asarray(X)
        if rows.ndim != 2:
            return super().transform(X)
        greys = np.clip(128 + 20 * rows.astype(float), 0, 255).astype(np.uint8)
        count, width = greys.shape
        return super().transform(np.broadcast_to(greys[:, None, :, None], (count, 8, width, 3)))


def images() -> tuple[list[bytes], list[str]]:
    """Pieces of two photographs, and which they are of."""
    pieces, labels = [], []
    for name in ("coffee", "rocket"):
        whole = photo(name)
        for number in range(6):
            piece = whole[10 * number : 10 * number + 200, 20 * number : 20 * number + 200]
            pieces.append(encoded(piece, "PNG"))
            labels.append(name)
    return pieces, labels


def failures(estimator: Any, expected: dict[str, str]) -> dict[str, set[str]]:
    """The checks that failed, by whether that was expected."""
    found: dict[str, set[str]] = {"failed": set(), "xfail": set()}
    checks = check_estimator(estimator, on_fail=None, on_skip=None, expected_failed_checks=expected)
    for check in checks:
        found.setdefault(check["status"], set()).add(check["check_name"])
    assert len(found["passed"]) > 30
    return found


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit from")
@pytest.mark.parametrize(("head", "expected"), HEADS.values(), ids=HEADS.keys())
def test_a_head_is_an_estimator(head: Head, expected: dict[str, str]) -> None:
    found = failures(head, expected)
    assert found["failed"] == set()
    assert found["xfail"] == set(expected), "an exception that is no longer needed"


def test_the_embedder_is_a_transformer(tiny_backbone: Path) -> None:
    found = failures(Painter(tiny_backbone), EMBEDDER)
    assert found["failed"] == set()
    assert found["xfail"] == set(EMBEDDER), "an exception that is no longer needed"


def test_every_exception_is_documented() -> None:
    page = Path(__file__).parent.parent / "docs" / "scikit-learn.md"
    tables = "".join(re.findall(r"^\|.*", page.read_text(encoding="utf-8"), re.MULTILINE))
    documented = set(re.findall(r"`(check_\w+)`", tables))
    assert documented == {*ALL_HEADS, *LAZY, *EMBEDDER}


def test_images_go_through_a_pipeline_as_they_come(tiny_backbone: Path, tmp_path: Path) -> None:
    X, y = images()
    for last in (
        LogisticRegression(max_iter=500),
        KNeighborsHead(),
        KNeighborsHead(metric="cosine"),
    ):
        pipeline = make_pipeline(ImageEmbedder(tiny_backbone), last)
        assert pipeline.fit(X, y).score(X, y) == 1
        assert pipeline.predict(X[:1]) == ["coffee"]
        again = pickle.loads(pickle.dumps(pipeline))
        np.testing.assert_array_equal(again.predict(X), pipeline.predict(X))
        assert cross_val_score(clone(pipeline), X, y, cv=2).mean() > 0.8
    path = tmp_path / "1.png"
    path.write_bytes(X[0])
    embedder = ImageEmbedder(tiny_backbone)
    forms = [X[0], path, str(path)]
    rows = embedder.fit_transform(forms)
    assert (rows.dtype, rows.shape) == (np.float32, (3, 48))
    np.testing.assert_array_equal(rows, rows[:1].repeat(3, axis=0))
    same = np.stack([photo("coffee")[:200, :200]])
    np.testing.assert_allclose(embedder.transform(same), rows[:1], atol=1e-6)
    assert list(embedder.get_feature_names_out())[:2] == ["embedding0", "embedding1"]


def test_a_copy_keeps_its_settings_and_opens_the_backbone_anew(tiny_backbone: Path) -> None:
    embedder = ImageEmbedder(tiny_backbone).set_output(transform="pandas").fit(["mug.jpg"])
    for copy in (clone(embedder), pickle.loads(pickle.dumps(embedder))):
        settings = {"backbone": tiny_backbone, "_sklearn_output_config": {"transform": "pandas"}}
        assert vars(copy) == settings
        copy.set_output(transform="default")
        assert copy.transform(images()[0]).shape == (12, 48)


def test_parameters_are_searched(tiny_backbone: Path) -> None:
    X, y = images()
    rows = ImageEmbedder(tiny_backbone).transform(X)
    grid = {"n_neighbors": [1, 3], "weights": ["uniform", "distance"]}
    search = GridSearchCV(KNeighborsHead(), grid, cv=2).fit(rows, y)
    assert search.best_score_ > 0.8
    assert search.best_params_["n_neighbors"] in (1, 3)
    with pytest.raises(ValueError, match="Invalid parameter 'k'"):
        KNeighborsHead().set_params(k=3)


def test_a_score_needs_a_label_for_each_row() -> None:
    X, y = np.eye(4), np.array(["a", "b", "a", "b"])
    head = KNeighborsHead(1).fit(X, y.tolist())
    assert head.score(X, y) == 1
    assert head.score(X, ["a"] * 4) == 0.5
    with pytest.warns(DataConversionWarning, match="column-vector"):
        assert head.score(X, y[:, None]) == 1
    with pytest.raises(InputError, match="4 embeddings, but 1 labels"):
        head.score(X, ["a"])


def test_anything_but_a_sequence_of_images_is_refused(tiny_backbone: Path) -> None:
    embedder = ImageEmbedder(tiny_backbone)
    for bad in ("mug.jpg", b"bytes", 5):
        with pytest.raises(InputError, match="sequence of images"):
            embedder.transform(bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no images"):
        embedder.fit([])
    with pytest.raises(ImageError, match=r"nothing\.png"):
        embedder.transform(["nothing.png"])


def test_without_scikit_learn_one_line_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "sys.modules['sklearn'] = None\n"
        "import classify_anything\n"
        "classify_anything.KNeighborsHead().fit([[1, 0]], ['a'])\n"
        "try:\n"
        "    classify_anything.ImageEmbedder\n"
        "except classify_anything.ClassifyAnythingError as error:\n"
        "    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == (
        'ImageEmbedder requires scikit-learn: pip install "classify-anything[sklearn]"\n'
    )
