"""Another backbone for a project that has examples."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from classify_anything import Classifier
from classify_anything.backbones import load_backbone
from classify_anything.backbones.onnx_backbone import OnnxBackbone
from classify_anything.errors import BackboneError, ImageError, StoreError
from classify_anything.images import read_picture
from classify_anything.project.reembed import reembed
from tests.networks import write_network
from tests.photos import encoded, photo, plain
from tests.tiny import write_backbone

NAMES = ("cat", "coffee", "rocket")


@pytest.fixture
def other_backbone(tmp_path: Path) -> Path:
    """It looks at other squares than the tests' own."""
    return write_backbone(tmp_path / "other.onnx", name="other", grid=2)


@pytest.fixture
def taught(clf: Classifier) -> Classifier:
    for name in NAMES:
        for shift in range(4):
            clf.add(name, photo(name)[9 * shift :], recording=f"{name} {shift % 2}")
    return clf


def test_all_examples_are_seen_anew_and_it_decides_by_that(
    taught: Classifier, other_backbone: Path, tmp_path: Path
) -> None:
    told = []
    taught.change_backbone(other_backbone, progress=told.append)
    assert taught.backbone.name == "other"
    assert told[-1].done == told[-1].total == 12
    with Classifier(tmp_path / "fresh.db", backbone=other_backbone) as fresh:
        for example in taught.examples()[::-1]:
            fresh.add(
                example.label, taught.image(example.id)[0], recording=str(example.recording_id)
            )
        for name in NAMES:
            expected = fresh.predict(photo(name)[50:])
            found = taught.predict(photo(name)[50:])
            assert found.label == expected.label
            assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-5)


def test_both_embeddings_stay_so_going_back_looks_at_nothing(
    taught: Classifier, other_backbone: Path, tiny_backbone: Path
) -> None:
    before = taught.predict(photo("cat")[33:])
    first = taught.backbone.fingerprint
    taught.change_backbone(other_backbone)
    assert taught.project.store.missing_embeddings(first) == []
    told = []
    taught.change_backbone(tiny_backbone, progress=told.append)
    assert [(one.done, one.total) for one in told] == [(0, 0)]
    assert taught.predict(photo("cat")[33:]) == before


def test_the_project_remembers_it_for_all(taught: Classifier, other_backbone: Path) -> None:
    taught.change_backbone(other_backbone)
    taught.configure(rejection_level=0.1)
    with Classifier(taught.path) as again:
        assert again.backbone.name == "other"
        assert again.notice == ""
        assert again.settings.rejection_level == 0.1
        again.add("cat", photo("cat"))
    assert len(taught) == 13
    assert taught.predict(photo("cat")).label == "cat"


def test_one_that_is_gone_from_this_machine_is_told_and_nothing_is_lost(
    taught: Classifier, other_backbone: Path
) -> None:
    taught.change_backbone(other_backbone)
    other_backbone.unlink()
    with Classifier(taught.path) as again:
        assert again.notice.startswith("Using efficientnet-lite0 for now. ")
        assert again.notice.endswith("other.onnx: no such backbone file.")
        assert again.backbone.name == "efficientnet-lite0"
        assert len(again) == 12
        assert again.predict(photo("coffee")).label == "coffee"


def test_who_decides_for_the_default_in_its_place_is_told_no_more(
    taught: Classifier, other_backbone: Path
) -> None:
    taught.change_backbone(other_backbone)
    other_backbone.unlink()
    with Classifier(taught.path) as again:
        again.change_backbone("efficientnet-lite0")
        assert again.notice == ""
    with Classifier(taught.path) as again:
        assert (again.backbone.name, again.notice) == ("efficientnet-lite0", "")


def test_the_project_remembers_the_former_ones_to_go_back_to(
    taught: Classifier, other_backbone: Path, tiny_backbone: Path
) -> None:
    taught.change_backbone(other_backbone)
    assert taught.settings.former == (str(tiny_backbone),)
    taught.change_backbone("efficientnet-lite0/mean")
    taught.change_backbone(tiny_backbone)
    with Classifier(taught.path) as again:
        former = (str(tiny_backbone), str(other_backbone), "efficientnet-lite0/mean")
        assert again.settings.former == former
        assert again.backbone.opened_as == str(tiny_backbone)


def test_one_is_known_by_what_opens_it_again_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_backbone(tmp_path / "efficientnet-lite0.onnx", name="efficientnet-lite0")
    monkeypatch.chdir(tmp_path)
    backbone = load_backbone("efficientnet-lite0.onnx")
    assert (backbone.name, backbone.opened_as) == ("efficientnet-lite0", str(file))
    assert load_backbone(backbone.opened_as).fingerprint == backbone.fingerprint
    assert backbone.for_workers().opened_as == str(file)
    assert load_backbone().opened_as == "efficientnet-lite0"


def test_a_change_that_cannot_be_written_is_none(taught: Classifier, other_backbone: Path) -> None:
    other = load_backbone(other_backbone)
    reembed(taught.project, other)
    before = taught.predict(photo("cat"))
    with sqlite3.connect(taught.path, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program has locked the file"):
            taught.project.use_backbone(other)
        writer.execute("ROLLBACK")
    assert (taught.backbone.name, taught.settings.backbone) == ("tiny", "")
    assert taught.predict(photo("cat")) == before


def test_a_lesson_is_of_one_moment_though_another_process_adds_meanwhile(
    taught: Classifier, other_backbone: Path, tiny_backbone: Path
) -> None:
    class Interrupted(OnnxBackbone):
        def _run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
            with Classifier(taught.path, backbone=tiny_backbone) as other:
                other.add("cat", photo("cat"))
            return super()._run(images)

    training_set = taught.project.training_set_for(Interrupted(other_backbone))
    assert len(training_set.keys) == len(training_set.vectors) == len(training_set.class_ids) == 12
    assert set(training_set.labels.values()) == set(NAMES)
    assert len(taught) > 12


def test_opening_with_one_that_has_seen_nothing_tells_how_far_it_is(
    taught: Classifier, other_backbone: Path
) -> None:
    told = []
    with Classifier(taught.path, backbone=other_backbone, progress=told.append) as seen:
        assert (told[-1].done, told[-1].total) == (12, 12)
        assert told[-1].text == "Embedding with other"
        seen.add("cat", photo("cat"))
    assert told[-1].total == 12


def test_what_cannot_be_used_changes_nothing(taught: Classifier, tmp_path: Path) -> None:
    before = taught.predict(photo("cat"))
    broken = write_backbone(tmp_path / "broken.onnx", name="broken", broken=True)
    for wrong in ("no-such-network", broken):
        with pytest.raises(BackboneError):
            taught.change_backbone(wrong)
        assert taught.backbone.name == "tiny"
        assert taught.predict(photo("cat")) == before
    assert taught.settings.backbone == ""


@pytest.mark.parametrize("count", [0, 8])
def test_a_picture_that_is_damaged_is_named(
    taught: Classifier, other_backbone: Path, count: int
) -> None:
    seen = load_backbone(other_backbone)
    reembed(taught.project, seen)
    example = taught.add("cat", photo("cat"))
    for number in range(count):
        taught.add("noise", photo("rocket")[number:])
    with sqlite3.connect(taught.path) as db:
        db.execute("UPDATE examples SET image = x'00' WHERE id = ?", (example.id,))
    with pytest.raises(ImageError, match=f"image of example {example.id} is damaged. Delete"):
        taught.change_backbone(other_backbone)
    taught.remove(example.id)
    taught.change_backbone(other_backbone)
    assert len(taught) == 12 + count


def test_a_picture_of_which_a_network_makes_nothing_is_named(
    taught: Classifier, tmp_path: Path
) -> None:
    path = write_network(tmp_path / "sees.onnx")
    path.with_suffix(".toml").write_text("mean = 0\nstd = 255")
    dark = taught.add("dark", plain("black"))
    with pytest.raises(BackboneError, match=f"sees returns only zeros for example {dark.id}"):
        taught.change_backbone(path)
    assert taught.backbone.name == "tiny"


def test_a_picture_that_was_read_before_fits_every_network(
    taught: Classifier, tmp_path: Path
) -> None:
    pictures = [
        read_picture(photo("cat"), taught.backbone.size),
        read_picture(encoded(photo("cat")), taught.backbone.size),
    ]
    taught.change_backbone(write_backbone(tmp_path / "large.onnx", size=64))
    for picture in pictures:
        np.testing.assert_array_equal(taught.embed(picture), taught.embed(picture.data))
        taught.add("cat", picture)
    assert len(taught) == 14


def test_an_end_in_the_midst_is_gone_on_from(taught: Classifier, other_backbone: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(progress) -> None:
        if progress.done:
            raise EnoughError

    for number in range(80):
        rng = np.random.default_rng(number)
        taught.add("noise", rng.integers(0, 255, (40, 40, 3), dtype=np.uint8))
    backbone = load_backbone(other_backbone)
    with pytest.raises(EnoughError):
        reembed(taught.project, backbone, progress=stop)
    assert len(taught.project.store.missing_embeddings(backbone.fingerprint)) == 92 - 64
    assert reembed(taught.project, backbone) == 28


def test_what_cannot_be_compared_is_told_before_the_work(
    taught: Classifier, other_backbone: Path
) -> None:
    with pytest.raises(BackboneError, match="Unknown backbone 'nope'"):
        taught.compare_backbones([other_backbone, "nope"])
    assert (
        len(taught.project.store.missing_embeddings(load_backbone(other_backbone).fingerprint))
        == 12
    )


def test_backbones_are_compared_on_the_own_examples(
    taught: Classifier, other_backbone: Path, tiny_backbone: Path
) -> None:
    found = taught.compare_backbones([tiny_backbone, other_backbone])
    assert [Path(name) for name in found] == [tiny_backbone, other_backbone]
    for name, compared in found.items():
        with Classifier(taught.path, backbone=name) as seen:
            expected = seen.evaluate("adaptive")
        assert compared.evaluation.accuracy == expected.accuracy
        assert compared.milliseconds > 0
    assert taught.backbone.name == "tiny"
