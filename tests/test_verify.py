"""An export is compared with the project it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from classify_anything import Classifier, classifier, load_export
from classify_anything.errors import ExportDiffersError, ExportError
from classify_anything.export.verify import verify_alone
from classify_anything.heads.parameters import HeadParameters
from classify_anything.project.project import Project
from classify_anything.project.snapshot import ProjectSnapshot, take_snapshot
from tests.command import run
from tests.photos import photo
from tests.tiny import write_backbone
from tests.verified import verify_with

NAMES = ("cat", "coffee", "rocket")


@pytest.fixture
def taught(clf: Classifier) -> Classifier:
    for name in NAMES:
        for shift in range(4):
            clf.add(name, photo(name)[9 * shift :], recording=f"{name} {shift % 2}")
    return clf


def spoiled(path: Path, target: Path) -> Path:
    """A copy that decides by other numbers: its examples are in reverse order."""
    model = onnx.load(path)
    (rows,) = (one for one in model.graph.initializer if one.name == "head/rows")
    numbers = numpy_helper.to_array(rows)
    rows.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(numbers[::-1]), rows.name))
    onnx.save(model, target)
    return target


def test_an_export_agrees_with_its_project(taught: Classifier, tmp_path: Path) -> None:
    exported = load_export(taught.export(tmp_path / "desk.onnx", "onnx"))
    found = verify_with(exported, taught)
    assert found.agrees
    assert (found.pictures, found.decided) == (12, 24)
    assert found.different == ()
    assert found.probabilities < 1e-4
    assert found.embedding < 1e-5
    assert verify_alone(exported).agrees


def test_a_spoiled_one_does_not_and_says_on_what(taught: Classifier, tmp_path: Path) -> None:
    path = spoiled(taught.export(tmp_path / "desk.onnx", "onnx"), tmp_path / "spoiled.onnx")
    found = verify_with(load_export(path), taught)
    assert not found.agrees
    assert set(found.different) <= {example.id for example in taught.examples()}
    assert len(found.different) > 4
    assert not verify_alone(load_export(path)).agrees


def with_parameters(changes: Mapping[str, Any]) -> Callable[[HeadParameters], HeadParameters]:
    return lambda head: replace(head, parameters={**head.parameters, **changes})


def with_array(
    name: str, change: Callable[[np.ndarray], np.ndarray]
) -> Callable[[HeadParameters], HeadParameters]:
    return lambda head: replace(head, arrays={**head.arrays, name: change(head.arrays[name])})


def hotter(head: HeadParameters) -> HeadParameters:
    return with_parameters({"temperature": 1.2 * head.parameters["temperature"]})(head)


def unbalanced(head: HeadParameters) -> HeadParameters:
    counts = np.bincount(head.codes)
    head = with_parameters({"balanced": True})(head)
    return with_array("votes", lambda _: (1 / np.sqrt(counts)).astype(np.float32))(head)


@pytest.mark.parametrize("form", ["onnx", "web"])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("adaptive", with_parameters({"n_neighbors": 1})),
        ("adaptive", with_parameters({"n_neighbors": 15})),
        ("adaptive", hotter),
        ("adaptive", with_array("centre", lambda centre: centre + np.float32(0.01))),
        ("adaptive", with_array("gains", lambda gains: 0.9 * gains)),
        ("classic", with_parameters({"n_neighbors": 1})),
        ("classic", with_parameters({"n_neighbors": 15})),
        ("classic", unbalanced),
    ],
    ids=["k=1", "k=15", "temperature", "centre", "gains", "votes k=1", "votes k=15", "balance"],
)
def test_an_export_with_another_head_is_refused(
    clf: Classifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Any,
    name: Any,
    change: Callable[[HeadParameters], HeadParameters],
) -> None:
    """On the examples themselves some of these decide as the right one does."""
    for label, count in (("cat", 3), ("coffee", 6), ("rocket", 9)):
        for shift in range(count):
            clf.add(label, photo(label)[9 * shift :], recording=f"{label} {shift % 3}")
    clf.configure(head=name)

    def changed(project: Project, *, settle: bool) -> ProjectSnapshot:
        snapshot = take_snapshot(project, settle=settle)
        vars(snapshot)["head"] = change(snapshot.head)
        return snapshot

    monkeypatch.setattr(classifier, "take_snapshot", changed)
    with pytest.raises(ExportDiffersError, match="predictions differ from the project's"):
        clf.export(tmp_path / "export", form)
    assert not (tmp_path / "export").exists()


def test_a_project_that_has_learnt_more_may_decide_otherwise(
    taught: Classifier, tmp_path: Path
) -> None:
    exported = load_export(taught.export(tmp_path / "desk.onnx", "onnx"))
    cats = [example.id for example in taught.examples("cat")]
    taught.move(cats, "rocket")
    found = verify_with(exported, taught)
    assert not found.agrees
    assert set(cats) <= set(found.different)


def test_other_classes_or_another_backbone_cannot_be_compared(
    taught: Classifier, tmp_path: Path
) -> None:
    exported = load_export(taught.export(tmp_path / "desk.onnx", "onnx"))
    other = write_backbone(tmp_path / "other.onnx", name="other", grid=2)
    with (
        Classifier(taught.path, backbone=other) as seen_otherwise,
        pytest.raises(ExportDiffersError, match=r"uses tiny.*--backbone"),
    ):
        verify_with(exported, seen_otherwise)
    taught.add("retina", photo("retina"))
    with pytest.raises(ExportDiffersError, match="has other classes"):
        verify_with(exported, taught)


def test_without_a_probe_it_cannot_be_checked_alone(taught: Classifier, tmp_path: Path) -> None:
    path = taught.export(tmp_path / "desk.onnx", "onnx")
    model = onnx.load(path)
    texts = {one.key: one.value for one in model.metadata_props if one.key != "probe"}
    onnx.helper.set_model_props(model, texts)
    onnx.save(model, path)
    with pytest.raises(ExportError, match="has no probe"):
        verify_alone(load_export(path))


def test_the_command_ends_with_1_where_they_disagree(taught: Classifier, tmp_path: Path) -> None:
    good = taught.export(tmp_path / "desk.onnx", "onnx")
    bad = spoiled(good, tmp_path / "spoiled.onnx")
    backbone = tmp_path / "again.onnx"
    backbone.write_bytes(taught.backbone.graph())
    options = ["--backbone", str(backbone)]
    agreed = run("verify", str(good), str(taught.path), *options)
    assert (agreed.returncode, agreed.stdout.splitlines()[-1]) == (0, "The predictions agree.")
    differs = run("verify", str(bad), str(taught.path), "--json", *options)
    assert differs.returncode == 1
    told = json.loads(differs.stdout)
    assert told["agrees"] is False
    assert len(told["different"]) > 4
    alone = run("verify", str(good))
    assert alone.returncode == 0
    assert "test images" in alone.stdout
    missing = run("verify", str(tmp_path / "nowhere.onnx"))
    assert missing.returncode == 1
    assert missing.stderr.strip() == f"Error: {tmp_path}/nowhere.onnx: no such file."
