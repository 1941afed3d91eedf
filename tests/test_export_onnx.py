"""An exported ONNX file decides as the project did."""

from __future__ import annotations

import json
import resource
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from classify_anything import (
    Classifier,
    KNeighborsHead,
    __version__,
    load_export,
)
from classify_anything.errors import (
    ExportDiffersError,
    ExportError,
    ImageError,
    InputError,
    OutputError,
    SettingError,
)
from classify_anything.export.formats.onnx_graph import put_together
from classify_anything.export.formats.onnx_metadata import VERSION
from classify_anything.heads import Head
from classify_anything.images import to_square
from tests.convolutions import write_convolutions
from tests.networks import write_network
from tests.photos import PHOTOS, photo, plain
from tests.test_docs import blocks, page
from tests.tiny import DIMENSION, SIZE, write_backbone

STORED = Path(__file__).parent / "data" / "export_1.onnx"
LABELS = ["Mug", 'a "quoted" one', "</script><script>alert(1)</script>", "杯子 🍵"]

HEADS: dict[str, Callable[[], Head]] = {
    "adaptive": KNeighborsHead,
    "adaptive nearest": lambda: KNeighborsHead(1),
    "adaptive all": lambda: KNeighborsHead(100),
    "classic": lambda: KNeighborsHead(metric="cosine"),
    "votes": lambda: KNeighborsHead(5, "cosine"),
    "nearest": lambda: KNeighborsHead(1, "cosine"),
    "distance": lambda: KNeighborsHead(3, "cosine", "distance", balanced=True),
    "all": lambda: KNeighborsHead(100, "cosine", "distance"),
}


def views(name: str, count: int) -> list[np.ndarray]:
    """Parts of a photo, of many sizes."""
    whole = photo(name)
    height, width = whole.shape[:2]
    return [
        whole[n * height // 20 : height - n * 7, n * 5 : width - n * width // 17]
        for n in range(count)
    ]


def teach(clf: Classifier, count: int = 5) -> None:
    for label, name in zip(LABELS, PHOTOS, strict=False):
        for number, view in enumerate(views(name, count)):
            clf.add(label, view, recording=f"{label}{number // 2}")


def pictures() -> list[np.ndarray]:
    """Some that are known, and some that are not."""
    known = [view for name in PHOTOS for view in views(name, 7)]
    noise = np.random.default_rng(0).integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
    return [*known, *noise]


def run(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    """What plain ONNX Runtime gives."""
    session = onnxruntime.InferenceSession(str(path))
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(None, {"image": images}), strict=True))


def metadata_texts(path: Path) -> dict[str, str]:
    found: dict[str, str] = (
        onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map
    )
    return found


def names_in(folder: Path) -> set[str]:
    """What lies there, but SQLite's own files beside an open project."""
    return {path.name for path in folder.iterdir() if not path.name.startswith("project.db-")}


# --- it decides as the project


@pytest.mark.parametrize("rejection_level", [0.0, 0.3])
@pytest.mark.parametrize("name", HEADS)
def test_every_head_decides_in_the_file_as_it_does_here(
    tmp_path: Path, tiny_backbone: Path, name: str, rejection_level: float
) -> None:
    with Classifier(tmp_path / "p.db", backbone=tiny_backbone, head=HEADS[name]()) as clf:
        teach(clf)
        clf.add_class("Nothing yet")
        clf.configure(rejection_level=rejection_level)
        path = clf.export(tmp_path / "desk.onnx", "onnx")
        exported = load_export(path)
        images = pictures()
        expected = [clf.predict(image) for image in images]
        found = [exported.predict(image) for image in images]
        assert [one.label for one in found] == [one.label for one in expected]
        assert [one.class_id for one in found] == [one.class_id for one in expected]
        for one, other in zip(found, expected, strict=True):
            assert list(one.probabilities) == list(other.probabilities)
            assert list(one.probabilities.values()) == pytest.approx(
                list(other.probabilities.values()), abs=1e-5
            )
            assert one.probability == pytest.approx(other.probability, abs=1e-5)
        if rejection_level and name != "nearest":
            assert None in [one.label for one in found]
        squares = np.stack([to_square(image, SIZE) for image in images])
        decisions = clf.project.training_set().fit("", HEADS[name]())
        outputs = run(path, squares)
        known = [decision.typicality for decision in decisions.decide_many(outputs["embedding"])]
        np.testing.assert_allclose(outputs["similarity"], known, atol=1e-4)
        np.testing.assert_allclose(outputs["embedding"], clf.backbone.embed(squares), atol=1e-6)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_ties_go_to_the_class_and_then_to_the_example_that_came_first(
    tmp_path: Path, tiny_backbone: Path, weights: Any, k: int
) -> None:
    red, blue = plain("red"), plain("blue")
    head = KNeighborsHead(k, "cosine", weights)
    with Classifier(tmp_path / "p.db", backbone=tiny_backbone, head=head) as clf:
        clf.add_class("A")
        clf.add_class("B")
        clf.add_class("C")
        # B has the red first, but A is the first class.
        for label, image in [("C", red), ("B", red), ("A", blue), ("B", blue), ("A", red)] * 3:
            clf.add(label, image)
        exported = load_export(clf.export(tmp_path / "desk.onnx", "onnx"))
        for image in (red, blue, plain("purple"), plain("white")):
            expected, found = clf.predict(image), exported.predict(image)
            assert found.label == expected.label
            assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 7, 33])
@pytest.mark.parametrize("any_size", [False, True])
def test_any_number_of_pictures_goes_in_at_once(
    clf: Classifier, tmp_path: Path, count: int, any_size: bool
) -> None:
    teach(clf)
    path = clf.export(tmp_path / "desk.onnx", "onnx", any_size=any_size)
    images = np.random.default_rng(1).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    together = run(path, images)
    assert together["probabilities"].shape == (count, len(LABELS))
    assert together["similarity"].shape == (count,)
    assert together["embedding"].shape == (count, DIMENSION)
    assert {one.dtype for one in together.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(together["probabilities"].sum(axis=1), 1, atol=1e-5)
    for place, image in enumerate(images):
        for name, values in run(path, image[None]).items():
            np.testing.assert_allclose(values[0], together[name][place], atol=1e-5)


@pytest.mark.parametrize("name", ["adaptive", "classic"])
@pytest.mark.parametrize("classes", [2, 40])
def test_few_and_many_classes(clf: Classifier, tmp_path: Path, name: str, classes: int) -> None:
    clf.configure(head=name)
    for number in range(classes):
        clf.add(f"Class {number}", plain(f"hsl({number * 9}, 90%, 50%)"))
    exported = load_export(clf.export(tmp_path / "desk.onnx", "onnx"))
    for number in range(classes):
        image = plain(f"hsl({number * 9 + 2}, 80%, 45%)")
        assert exported.predict(image).label == clf.predict(image).label


# --- pictures of any size


@pytest.mark.parametrize(
    "size",
    [(1, 1), (5, 3), (32, 32), (33, 32), (31, 90), (100, 64), (301, 77), (480, 640), (512, 512)],
)
def test_a_picture_of_any_size_is_cut_and_scaled_as_here(
    clf: Classifier, tmp_path: Path, size: tuple[int, int]
) -> None:
    teach(clf)
    path = clf.export(tmp_path / "desk.onnx", "onnx", any_size=True)
    model = onnx.load(path)
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("square/pixels", onnx.TensorProto.UINT8, None)
    )
    onnx.save(model, tmp_path / "seen.onnx")
    whole = np.asarray(Image.fromarray(photo("astronaut")).resize((640, 640)))
    image = whole[: size[0], : size[1]]
    seen = run(tmp_path / "seen.onnx", np.stack([image, image[::-1, ::-1]]))["square/pixels"]
    for found, given in zip(seen, (image, image[::-1, ::-1]), strict=True):
        difference = np.abs(found.astype(int) - to_square(np.ascontiguousarray(given), SIZE))
        assert difference.max() <= 1
        assert difference.mean() < 0.02
    expected = clf.predict(np.ascontiguousarray(image))
    probabilities = run(path, image[None])["probabilities"][0]
    names = list(clf.project.labels.values())
    assert dict(zip(names, probabilities, strict=True)) == pytest.approx(
        expected.probabilities, abs=0.02
    )


# --- metadata


def test_it_says_what_it_is(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    clf.edit_class("Mug", color=7)
    clf.configure(rejection_level=0.25)
    before = datetime.now(UTC).replace(microsecond=0)
    path = clf.export(tmp_path / "desk.onnx", "onnx")
    texts = metadata_texts(path)
    assert json.loads(texts["labels"]) == LABELS == [item.name for item in clf.classes()]
    assert json.loads(texts["class_ids"]) == [item.id for item in clf.classes()]
    assert json.loads(texts["colors"])[0] == 7
    assert json.loads(texts["examples"]) == [5] * 4
    assert (texts["project"], texts["head"], texts["precision"]) == ("project", "adaptive", "fp32")
    assert (texts["backbone"], texts["fingerprint"]) == ("tiny", clf.backbone.fingerprint)
    assert (texts["version"], texts["format_version"]) == (__version__, str(VERSION))
    assert set(json.loads(texts["parameters"])) == {"metric", "n_neighbors", "temperature"}
    reference_scores = clf.project.model.reference_scores()
    threshold = json.loads(texts["threshold"])
    assert (reference_scores <= threshold).mean() >= 0.25 > (reference_scores < threshold).mean()
    metadata = load_export(path).metadata
    assert metadata.classes == tuple(clf.classes())
    assert (metadata.rejection_level, metadata.smoothing, metadata.accuracy) == (0.25, 100, None)
    made = datetime.fromisoformat(metadata.created_at)
    assert before <= made <= datetime.now(UTC)
    calm = clf.export(tmp_path / "calm.onnx", "onnx", smoothing=250)
    assert json.loads(metadata_texts(calm)["smoothing"]) == {"milliseconds": 250}
    with pytest.raises(SettingError, match="Smoothing is from 0 to 500 milliseconds, not 501"):
        clf.export(tmp_path / "x.onnx", "onnx", smoothing=501)
    assert all(f"`{name}`" in page("docs/exports.md") for name in texts)


def test_the_licence_of_the_network_is_told(tmp_path: Path) -> None:
    with Classifier(tmp_path / "p.db") as clf:
        clf.add("A", plain("red"))
        clf.add("B", plain("blue"))
        texts = metadata_texts(clf.export(tmp_path / "desk.onnx", "onnx"))
        assert texts["backbone"] == "efficientnet-lite0"
        assert texts["backbone_license"] == "Apache-2.0"


@pytest.mark.parametrize("license_", ["MIT", ""])
def test_the_licence_of_ones_own_network_is_what_its_toml_says(
    tmp_path: Path, license_: str
) -> None:
    path = write_network(tmp_path / "efficientnet-lite0.onnx")
    path.with_suffix(".toml").write_text(f'license = "{license_}"' if license_ else "")
    with Classifier(tmp_path / "p.db", backbone=path) as clf:
        clf.add("A", plain("red"))
        clf.add("B", plain("blue"))
        texts = metadata_texts(clf.export(tmp_path / "desk.onnx", "onnx"))
    assert (texts["backbone"], texts["backbone_license"]) == ("efficientnet-lite0", license_)


@pytest.mark.parametrize("any_size", [False, True])
@pytest.mark.parametrize("name", ["adaptive", "classic"])
def test_it_is_valid_onnx(clf: Classifier, tmp_path: Path, name: str, any_size: bool) -> None:
    teach(clf)
    clf.configure(head=name)
    path = clf.export(tmp_path / "desk.onnx", "onnx", any_size=any_size)
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(path)
    assert {one.domain for one in model.opset_import} == {""}
    assert max(one.version for one in model.opset_import) <= 17, "older runtimes know no more"


def test_the_program_in_the_docs_runs_it(
    clf: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for label, name in (("mug", "coffee"), ("cat", "cat")):
        for view in views(name, 3):
            clf.add(label, view)
    clf.export(tmp_path / "desk.onnx", "onnx", any_size=True)
    monkeypatch.chdir(tmp_path)
    (program,) = [one for one in blocks(page("docs/exports.md"), "python") if "onnxruntime" in one]
    assert len(program.splitlines()) <= 14
    # A telephone keeps a picture as the sensor saw it, and beside it how to turn it.
    seen, turn = Image.fromarray(photo("cat")[20:-30]), Image.Exif()
    turn[0x0112] = 6
    seen.transpose(Image.Transpose.ROTATE_90).save("what.jpg", exif=turn)
    exec(compile(program, "docs/exports.md", "exec"), {})
    assert capsys.readouterr().out.split()[0] == "cat"
    similarity = run(tmp_path / "desk.onnx", np.asarray(seen)[None])["similarity"][0]
    told = []
    for threshold in (None, 0.0, float(similarity) - 0.01, float(similarity) + 0.01):
        changed(tmp_path / "desk.onnx", tmp_path / "desk.onnx", threshold=json.dumps(threshold))
        exec(compile(program, "docs/exports.md", "exec"), {})
        told.append(capsys.readouterr().out.strip())
    assert told == ["cat", "cat" if similarity > 0 else "none of these", "cat", "none of these"]


def test_an_export_is_a_backbone_too(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    path = clf.export(tmp_path / "desk.onnx", "onnx")
    with Classifier(tmp_path / "again.db", backbone=path) as again:
        assert again.backbone.fingerprint == clf.backbone.fingerprint
        np.testing.assert_array_equal(again.embed(photo("cat")), clf.embed(photo("cat")))


# --- less precision


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_smaller_network_has_a_head_that_was_taught_by_it(tmp_path: Path, precision: Any) -> None:
    backbone = write_convolutions(tmp_path / "conv.onnx")
    with Classifier(tmp_path / "p.db", backbone=backbone) as clf:
        teach(clf)
        clf.configure(rejection_level=0.1)
        path = clf.export(tmp_path / "desk.onnx", "onnx", precision=precision)
        whole = clf.export(tmp_path / "whole.onnx", "onnx")
        assert path.stat().st_size < whole.stat().st_size
        exported = load_export(path)
        assert exported.metadata.precision == precision
        assert exported.metadata.fingerprint != clf.backbone.fingerprint
        before, after = exported.metadata.accuracy or (0, 0)
        assert before == clf.evaluate().accuracy
        assert abs(before - after) < 0.2
        # The examples' embeddings in the file are those of the network in the file.
        squares = np.stack([to_square(clf.image(one.id)[0], SIZE) for one in clf.examples()])
        ids = [item.id for item in clf.classes()]
        head = KNeighborsHead().partial_fit(
            exported.embed(squares[::-1]),
            [one.class_id for one in clf.examples()[::-1]],
            classes=ids,
        )
        answers = exported.run(squares)
        np.testing.assert_allclose(
            answers.probabilities, head.predict_proba(answers.embedding), atol=1e-2
        )


def test_a_real_network_in_int8_is_a_quarter_as_large(tmp_path: Path) -> None:
    with Classifier(tmp_path / "p.db") as clf:
        for label, name in zip(("A", "B"), ("cat", "coffee"), strict=True):
            for view in views(name, 6):
                clf.add(label, view)
        whole = clf.export(tmp_path / "whole.onnx", "onnx")
        small = clf.export(tmp_path / "small.onnx", "onnx", precision="int8")
        assert small.stat().st_size < 0.35 * whole.stat().st_size
        exported = load_export(small)
        for name, label in (("cat", "A"), ("coffee", "B")):
            assert exported.predict(photo(name)[10:-20]).label == label
        embedding = exported.embed(to_square(photo("cat"), 224)[None])[0]
        assert 0.9 < float(embedding @ clf.embed(photo("cat"))) < 1


# --- what cannot be


def test_there_must_be_something_to_tell_apart(clf: Classifier, tmp_path: Path) -> None:
    clf.add_class("Empty")
    for _ in range(2):
        with pytest.raises(InputError, match="at least two classes"):
            clf.export(tmp_path / "out" / "desk.onnx", "onnx")
        assert list((tmp_path / "out").iterdir()) == []
        clf.add("Only", plain("red"))


def test_a_head_of_ones_own_cannot_be_exported(tmp_path: Path, tiny_backbone: Path) -> None:
    class Own(KNeighborsHead):
        freeze = None  # type: ignore[assignment]

    class Unlike:
        """Everything but what is needed."""

        def __init__(self, head: KNeighborsHead) -> None:
            self._head = head

        def __getattr__(self, name: str) -> Any:
            if name in ("freeze", "get_params") or name.startswith("_"):
                raise AttributeError(name)
            return getattr(self._head, name)

        def __len__(self) -> int:
            return len(self._head)

    unlike = Unlike(KNeighborsHead())
    with Classifier(tmp_path / "p.db", backbone=tiny_backbone, head=unlike) as clf:
        teach(clf)
        with pytest.raises(SettingError, match="A Unlike cannot be exported"):
            clf.export(tmp_path / "desk.onnx", "onnx")
    assert not (tmp_path / "desk.onnx").exists()


def test_an_option_must_have_a_meaning(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    with pytest.raises(SettingError, match="zip has no option precision"):
        clf.export(tmp_path / "x.zip", precision="int8")
    with pytest.raises(SettingError, match="folder has no option any-size"):
        clf.export(tmp_path / "x", "folder", any_size=True)
    with pytest.raises(SettingError, match="precision 'int4'"):
        clf.export(tmp_path / "x.onnx", "onnx", precision="int4")  # type: ignore[arg-type]
    assert names_in(tmp_path) == {"project.db"}


def test_nothing_is_replaced_unasked(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    (tmp_path / "kept.onnx").write_bytes(b"kept")
    (tmp_path / "folder").mkdir()
    for name in ("kept.onnx", "folder"):
        with pytest.raises(OutputError, match=f"{name}: already exists"):
            clf.export(tmp_path / name, "onnx")
    with pytest.raises(OutputError, match="folder: is a folder"):
        clf.export(tmp_path / "folder", "onnx", overwrite=True)
    with pytest.raises(OutputError, match="is the project itself"):
        clf.export(clf.path, "onnx", overwrite=True)
    with pytest.raises(OutputError, match=r"kept\.onnx"):
        clf.export(tmp_path / "kept.onnx" / "desk.onnx", "onnx")
    assert (tmp_path / "kept.onnx").read_bytes() == b"kept"
    clf.export(tmp_path / "kept.onnx", "onnx", overwrite=True)
    assert load_export(tmp_path / "kept.onnx").labels == clf.project.labels
    assert names_in(tmp_path) == {"project.db", "kept.onnx", "folder"}


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, precision: Any) -> None:
    backbone = write_convolutions(tmp_path / "conv.onnx")
    with Classifier(tmp_path / "p.db", backbone=backbone) as clf:
        teach(clf)
        target = tmp_path / "out" / "desk.onnx"
        old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, old_limit[1]))
        try:
            with pytest.raises(OutputError, match=r"desk\.onnx: File too large"):
                clf.export(target, "onnx", precision=precision)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
            signal.signal(signal.SIGXFSZ, old_handler)
        assert list(target.parent.iterdir()) == []
        assert load_export(clf.export(target, "onnx", precision=precision))


def test_a_file_that_disagrees_is_not_handed_over(tmp_path: Path) -> None:
    backbone = write_convolutions(tmp_path / "conv.onnx")
    with Classifier(tmp_path / "p.db", backbone=backbone) as clf:
        teach(clf)
        # Somebody else puts another network there while the project is open.
        write_convolutions(backbone, seed=1)
        (tmp_path / "desk.onnx").write_bytes(b"the last good one")
        with pytest.raises(ExportDiffersError, match=r"desk\.onnx: not written, because"):
            clf.export(tmp_path / "desk.onnx", "onnx", overwrite=True)
    assert (tmp_path / "desk.onnx").read_bytes() == b"the last good one"
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


# --- reading it


def test_an_old_export_still_works() -> None:
    assert STORED.stat().st_size < 20_000
    exported = load_export(STORED)
    assert exported.labels == {1: "red", 2: "blue", 3: "green"}
    assert (exported.metadata.project, exported.metadata.head) == ("stored", "knn")
    for color in ("red", "blue", "green"):
        assert exported.predict(plain(color)).label == color
    assert exported.predict(photo("retina")).label is None
    answers = exported.run(to_square(plain("olive"), SIZE)[None])
    assert answers.probabilities[0] == pytest.approx([0.6053, 0, 0.3947], abs=1e-3)


def changed(path: Path, target: Path, **texts: str | None) -> Path:
    """A copy whose metadata is another; None takes a text away."""
    model = onnx.load(path)
    found = {one.key: one.value for one in model.metadata_props}
    found = {key: value for key, value in {**found, **texts}.items() if value is not None}
    onnx.helper.set_model_props(model, found)
    onnx.save(model, target)
    return target


def test_an_export_of_a_newer_version_says_so(tmp_path: Path) -> None:
    path = changed(STORED, tmp_path / "new.onnx", format_version="2")
    with pytest.raises(ExportError, match=r"new.onnx: made by a newer version .* Update"):
        load_export(path)
    more = changed(STORED, tmp_path / "more.onnx", something_new="1")
    assert load_export(more).labels == load_export(STORED).labels


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"format": None}, "not an export of Classify Anything"),
        ({"format_version": "one"}, "damaged: invalid format version 'one'"),
        ({"labels": None}, "damaged: invalid metadata"),
        ({"labels": '["red", "blue"]'}, "damaged: invalid metadata"),
        ({"labels": "[", "class_ids": "]"}, "damaged: invalid metadata"),
        ({"examples": "[1]"}, "damaged: invalid metadata"),
        ({"precision": "int4"}, "damaged: invalid metadata"),
        ({"threshold": '"high"'}, "damaged: invalid metadata"),
        ({"probe": "{}"}, "damaged: invalid probe"),
        ({"size": "64"}, "damaged: its inputs and outputs"),
        (
            dict.fromkeys(("labels", "class_ids", "colors", "examples"), "[1, 2]"),
            "damaged: it names 2 classes",
        ),
    ],
)
def test_a_damaged_export_says_so(
    tmp_path: Path, texts: dict[str, str | None], message: str
) -> None:
    path = changed(STORED, tmp_path / "bad.onnx", **texts)
    with pytest.raises(ExportError, match=message) as caught:
        load_export(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_is_no_export_says_so(tmp_path: Path, tiny_backbone: Path) -> None:
    with pytest.raises(ExportError, match=r"nowhere\.onnx: no such file"):
        load_export(tmp_path / "nowhere.onnx")
    with pytest.raises(ExportError, match="no such file"):
        load_export(tmp_path)
    with pytest.raises(ExportError, match="not an export of Classify Anything"):
        load_export(tiny_backbone)
    for size in (0, 100, STORED.stat().st_size // 2, STORED.stat().st_size - 1):
        (tmp_path / "half.onnx").write_bytes(STORED.read_bytes()[:size])
        with pytest.raises(ExportError, match=r"half\.onnx: "):
            load_export(tmp_path / "half.onnx")
    with pytest.raises(ImageError):
        load_export(STORED).predict(b"not an image")


def test_a_graph_of_an_older_opset_is_brought_up(tmp_path: Path) -> None:
    model = onnx.load(write_backbone(tmp_path / "t.onnx"))
    model = onnx.version_converter.convert_version(model, 15)
    head = KNeighborsHead().partial_fit(np.eye(2, DIMENSION), ["a", "b"])
    made = put_together(model, head.freeze(), {})
    assert [one.version for one in made.opset_import] == [17]
    onnx.checker.check_model(made, full_check=True)


def test_an_export_moves_with_its_file(clf: Classifier, tmp_path: Path) -> None:
    teach(clf)
    path = clf.export(tmp_path / "desk.onnx", "onnx")
    expected = clf.predict(photo("cat")).label
    moved = shutil.move(path, tmp_path / "elsewhere.bin")
    clf.path.unlink()
    assert load_export(moved).predict(photo("cat")).label == expected
