"""A snapshot stays as it was, on another thread, whatever becomes of the project."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from classify_anything import Classifier, load_export
from classify_anything.datasets.read import read_dataset
from classify_anything.errors import InputError
from classify_anything.export.write import write_export
from classify_anything.project.importing import Import
from classify_anything.project.snapshot import take_snapshot
from tests.files import write_tree
from tests.photos import plain


def test_an_export_on_another_thread_shows_the_project_as_it_was(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path
) -> None:
    for color in ("red", "blue"):
        clf.add(color, plain(color))
    before = clf.examples()
    with take_snapshot(clf.project) as snapshot, ThreadPoolExecutor(1) as thread:
        clf.remove(clf.examples("red"))
        clf.edit_class("blue", name="Sky")
        clf.add("lime", plain("lime"))
        clf.close()
        for form in ("zip", "onnx"):
            thread.submit(write_export, snapshot, tmp_path / f"as.{form}", form).result()
        assert [one.id for one in snapshot.examples] == [one.id for one in before[::-1]]
    assert list(load_export(tmp_path / "as.onnx").labels.values()) == ["red", "blue"]
    with Classifier(tmp_path / "again.db", backbone=tiny_backbone) as again:
        again.import_dataset(tmp_path / "as.zip")
        assert [one.sha256 for one in again.examples()] == [one.sha256 for one in before]
        assert {one.label for one in again.examples()} == {"red", "blue"}


def test_a_snapshot_keeps_the_images_of_an_import_that_is_discarded(
    clf: Classifier, tmp_path: Path
) -> None:
    root = write_tree(tmp_path / "photos", {"Mug/1.png": plain("red"), "Mug/2.png": plain("blue")})
    job = Import(clf.project.store, clf.backbone, read_dataset([root]))
    for batch in job.batches():
        job.commit(batch)
    with take_snapshot(clf.project) as snapshot:
        job.discard()
        assert len(clf) == 0
        assert len([snapshot.image(one.id) for one in snapshot.examples]) == 2


def test_a_snapshot_of_another_process_is_of_the_newest_revision(
    clf: Classifier, tmp_path: Path, tiny_backbone: Path
) -> None:
    with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as other:
        added = other.add("red", plain("red"))
    with take_snapshot(clf.project) as snapshot:
        assert snapshot.examples == (added,)
        assert snapshot.revision == clf.project.revision
        with pytest.raises(InputError, match="at least two classes"):
            _ = snapshot.training_set
