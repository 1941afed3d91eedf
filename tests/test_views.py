"""Views of examples: how they are made, which examples get them, and where they are kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from classify_anything import Classifier
from classify_anything.backbones import load_backbone
from classify_anything.backbones.views import TABLE, VIEWS, make_views, wanted_views
from classify_anything.errors import StoreError
from classify_anything.images import to_square
from classify_anything.types import Progress
from tests.card import OnCard
from tests.photos import encoded, photo
from tests.tiny import DIMENSION, write_backbone

SHAS = [f"{first:02x}" for first in range(4)]
LOWEST = np.array([0.75, 0, 0, -10, 0.7, 0.6, 0.8])
HIGHEST = np.array([1, 1, 1, 10, 1.3, 1.4, 1.2])


def squares() -> st.SearchStrategy[npt.NDArray[np.uint8]]:
    """Noise of any size."""
    return st.builds(
        lambda seed, size: np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8),
        st.integers(0, 2**32 - 1),
        st.integers(8, 64),
    )


def test_each_eight_rows_have_a_value_in_each_eighth_of_each_range() -> None:
    places = (np.array(TABLE) - LOWEST) / (HIGHEST - LOWEST)
    assert places.shape == (32, 7)
    for block in places.reshape(4, VIEWS, 7):
        eighths = np.sort((block * 8).astype(int), axis=0)
        assert (eighths == np.arange(8)[:, None]).all()


@given(square=squares(), sha256=st.sampled_from(SHAS))
def test_views_differ_from_their_square_and_are_always_the_same(
    square: npt.NDArray[np.uint8], sha256: str
) -> None:
    before = square.copy()
    views = make_views(square, sha256)
    assert views.shape == (8, *square.shape)
    assert views.dtype == np.uint8
    assert (views == make_views(square, sha256)).all()
    assert (square == before).all()
    for view in views:
        assert (view != square).any()


def test_four_images_have_views_of_their_own_and_the_fifth_has_the_first_one_s() -> None:
    square = to_square(photo("cat"), 64)
    made = [make_views(square, f"{first:02x}").tobytes() for first in range(5)]
    assert len(set(made)) == 4
    assert made[4] == made[0]


@pytest.mark.parametrize("sha256", SHAS)
def test_no_view_is_mirrored(sha256: str) -> None:
    """Red grows to the right and green downwards, as in the square."""
    ramp = np.linspace(0, 255, 64).round().astype(np.uint8)
    across = np.broadcast_to(ramp, (64, 64))
    square = np.stack([across, across.T, np.full((64, 64), 99, np.uint8)], axis=-1)
    for view in make_views(square, sha256).astype(int):
        assert view[:, 40:, 0].mean() > view[:, :24, 0].mean() + 30
        assert view[40:, :, 1].mean() > view[:24, :, 1].mean() + 30


def grey(square: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.fromarray(square).convert("L"))


@pytest.mark.parametrize("row", range(len(TABLE)))
def test_a_view_shows_the_window_that_its_row_says(row: int) -> None:
    """A white dot at the window's centre comes to the view's centre, however it is turned."""
    size = 128
    scale, x, y = TABLE[row][:3]
    center = [size * (place * (1 - scale) + scale / 2) for place in (x, y)]
    rows, columns = np.mgrid[:size, :size] + 0.5
    near = (columns - center[0]) ** 2 + (rows - center[1]) ** 2 < 36
    square = np.where(near[..., None], 255, 40).astype(np.uint8).repeat(3, axis=2)
    view = grey(make_views(square, f"{row // VIEWS:02x}")[row % VIEWS])
    white = view > view.mean() + 60
    assert abs(rows[white].mean() - size / 2) < 1
    assert abs(columns[white].mean() - size / 2) < 1
    assert np.sqrt(white.sum() / np.pi) == pytest.approx(6 / scale, abs=0.5)


def test_of_each_recording_every_fourth_example_is_wanted_up_to_the_thirteenth() -> None:
    keys = list(range(100, 130))
    assert wanted_views([1] * 30, keys, [7] * 30) == [100, 104, 108, 112]
    two = wanted_views([1] * 30, keys, [7] * 25 + [8] * 5)
    assert two == [100, 104, 108, 112, 125, 129]
    assert wanted_views([1, 2], [5, 4], [7, 7]) == [4, 5], "a recording may have two classes"
    assert wanted_views([], [], []) == []


def test_a_class_has_at_most_twenty_and_many_recordings_need_none() -> None:
    assert len(wanted_views([1] * 25, range(25), range(25))) == 20
    assert wanted_views([1] * 26, range(26), range(26)) == []
    assert len(wanted_views([1] * 26 + [2], range(27), range(27))) == 21


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6)), max_size=80))
def test_newer_examples_never_change_the_choice_of_older_ones(
    examples: list[tuple[int, int]],
) -> None:
    class_ids, groups = [one for one, _ in examples], [group for _, group in examples]
    keys = range(len(examples))
    whole = wanted_views(class_ids, keys, groups)
    for count in keys:
        part = wanted_views(class_ids[:count], keys[:count], groups[:count])
        assert part == [key for key in whole if key < count]


def test_missing_views_are_made_once(clf: Classifier) -> None:
    assert clf.project.missing_views() == []
    ids = [clf.add("cat", photo("cat")[shift:], recording="a").id for shift in range(10)]
    wanted = [ids[0], ids[4], ids[8]]
    assert clf.project.missing_views() == wanted
    told = list[Progress]()
    clf.project.make_views(told.append)
    assert told[-1] == Progress(3, 3, "Making variations of your examples")
    assert clf.project.missing_views() == []
    views = clf.project.store.views_of(wanted, clf.backbone.fingerprint)
    assert list(views) == wanted
    for id_ in wanted:
        example = clf.example(id_)
        square = to_square(clf.image(id_)[0], clf.backbone.size)
        expected = clf.backbone.embed(make_views(square, example.sha256))
        np.testing.assert_allclose(views[id_], expected, atol=1e-3)
    told.clear()
    clf.project.make_views(told.append)
    assert told == [], "there was nothing left to do"


def test_views_follow_the_backbone_and_those_of_the_former_one_stay(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path
) -> None:
    ids = [clf.add("cat", photo("cat")[shift:]).id for shift in range(3)]
    clf.project.make_views()
    clf.change_backbone(write_backbone(tmp_path / "other.onnx", name="other", grid=2))
    assert clf.project.missing_views() == ids
    clf.project.make_views()
    assert clf.project.store.views_of(ids, clf.backbone.fingerprint)[ids[0]].shape == (8, 12)
    clf.change_backbone(tiny_backbone)
    assert clf.project.missing_views() == []


def test_undone_examples_want_no_views_and_a_shorter_recording_wants_others(
    clf: Classifier,
) -> None:
    ids = [clf.add("cat", photo("cat")[shift:], recording="a").id for shift in range(6)]
    clf.project.make_views()
    clf.remove(ids[0])
    assert clf.project.missing_views() == [ids[1], ids[5]]
    clf.undo()
    assert clf.project.missing_views() == []


def test_a_project_decides_as_it_would_if_it_was_opened_now(
    clf: Classifier, tiny_backbone: Path
) -> None:
    """Whatever happened to its examples before."""

    def same_as_fresh() -> None:
        with Classifier(clf.path, backbone=tiny_backbone) as fresh:
            for name in ("cat", "coffee", "rocket"):
                one, other = clf.predict(photo(name)), fresh.predict(photo(name))
                assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
                assert one.typicality == other.typicality

    ids = dict[str, list[int]]()
    for name in ("cat", "coffee"):
        ids[name] = [
            clf.add(name, photo(name)[shift:], recording=f"{name} {shift % 2}").id
            for shift in range(12)
        ]
        same_as_fresh()
    clf.remove(ids["cat"][:3])
    same_as_fresh()
    clf.move(ids["cat"][4:6], "coffee")
    same_as_fresh()
    clf.undo()
    same_as_fresh()
    clf.configure(head="classic")
    same_as_fresh()
    clf.configure(head="adaptive")
    same_as_fresh()
    clf.project.clear_class("cat")
    same_as_fresh()
    clf.undo()
    clf.remove_class("coffee")
    same_as_fresh()


@pytest.mark.parametrize(
    "damaged", [b"", b"odd", bytes(8 * 2 * DIMENSION), b"\xff" * (8 * 2 * DIMENSION), bytes(16)]
)
def test_damaged_views_are_made_again(clf: Classifier, tiny_backbone: Path, damaged: bytes) -> None:
    ids = [clf.add("cat", photo("cat")[shift:]).id for shift in range(2)]
    clf.project.make_views()
    with closing(sqlite3.connect(clf.path, isolation_level=None)) as raw:
        raw.execute("UPDATE views SET vectors = ? WHERE example_id = ?", (damaged, ids[0]))
    with Classifier(clf.path, backbone=tiny_backbone) as again:
        assert again.project.missing_views() == [ids[0]]
        assert again.predict(photo("cat")).label == "cat"
        assert again.project.missing_views() == []


def test_a_damaged_image_is_left_out(clf: Classifier) -> None:
    ids = [clf.add("cat", photo("cat")[shift:]).id for shift in range(3)]
    with closing(sqlite3.connect(clf.path, isolation_level=None)) as raw:
        raw.execute("UPDATE examples SET image = x'01' WHERE id = ?", (ids[1],))
    clf.project.make_views()
    assert clf.project.missing_views() == [ids[1]]


def test_on_a_card_views_are_embedded_in_whole_batches(tmp_path: Path, tiny_backbone: Path) -> None:
    card = OnCard(tiny_backbone, batch=32)
    with Classifier(tmp_path / "desk.db", backbone=card) as clf:
        ids = [clf.add("cat", photo("cat")[shift:]).id for shift in range(10)]
        card.batches.clear()
        clf.project.make_views()
        assert sorted(card.batches) == [8, 8, 32, 32]
        found = clf.project.store.views_of(ids, card.fingerprint)
        square = to_square(clf.image(ids[9])[0], card.size)
        made = make_views(square, clf.example(ids[9]).sha256)
        expected = load_backbone(tiny_backbone).embed(made)
        np.testing.assert_allclose(found[ids[9]], expected, atol=1e-3)


def test_a_closed_project_keeps_no_views(clf: Classifier) -> None:
    clf.add("cat", encoded(photo("cat")))
    clf.close()
    with pytest.raises(StoreError, match="closed"):
        clf.project.make_views()
