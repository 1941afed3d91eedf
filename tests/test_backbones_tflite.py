"""Any .tflite model with an image input can be a backbone, quantized or not."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from classify_anything import Backbone, Classifier, load_backbone
from classify_anything.errors import BackboneError
from tests.command import objects, run, taught
from tests.networks import cells, pictures, unit
from tests.photos import plain
from tests.server import run_server
from tests.tflite import write_network

KINDS = ["float32", "uint8", "int8"]


def with_form(path: Path, text: str) -> Backbone:
    path.with_suffix(".toml").write_text(text)
    return load_backbone(path)


def alike(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the lowest similarity of the rows, which must have length 1."""
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    return float((found * expected).sum(axis=1).min())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classifier", [False, True])
def test_the_embedding_is_the_output_or_the_input_of_the_classifier(
    tmp_path: Path, kind: str, classifier: bool
) -> None:
    backbone = load_backbone(write_network(tmp_path / "a.tflite", kind, classifier=classifier))
    assert (backbone.name, backbone.size, backbone.dimension) == ("a", 32, 48)
    middle = 127.5 if kind == "float32" else 128
    found = backbone.embed(pictures())
    assert found.dtype == np.float32
    # Quantized cells are integers.
    assert alike(found, unit(cells(pictures()) - middle)) > (
        0.999999 if kind == "float32" else 0.999
    )


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_scale_and_zero_point_are_applied(tmp_path: Path, kind: str) -> None:
    path = write_network(tmp_path / "a.tflite", kind, scale=1 / 50, zero=120)
    backbone = with_form(path, "mean = [120, 110, 100]\nstd = [60, 70, 80]\nchannels = 'BGR'")
    normal = (cells(pictures())[..., ::-1] - np.array([120, 110, 100])) / np.array([60, 70, 80])
    assert alike(backbone.embed(pictures()), unit(normal)) > 0.998


@pytest.mark.parametrize("wanted", ["'cells'", "1"])
def test_an_inner_tensor_is_selected_by_name_or_number(tmp_path: Path, wanted: str) -> None:
    path = write_network(tmp_path / "a.tflite", classifier=True)
    backbone = with_form(path, f"output = {wanted}\nname = 'mine'")
    assert (backbone.name, backbone.dimension) == ("mine", 3)
    normal = cells(pictures()).mean(axis=(1, 2)) - 127.5
    assert alike(backbone.embed(pictures()), unit(normal)) > 0.999999


def test_tokens_are_pooled_as_set_in_the_toml(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.tflite", flat=(1, 16, 3))
    with pytest.raises(BackboneError, match=r"'flat' has three dimensions, .+ Set `pool`"):
        load_backbone(path)
    normal = cells(pictures()) - 127.5
    first = with_form(path, "pool = 'first'").embed(pictures())
    assert alike(first, unit(normal[:, 0, 0])) > 0.999999
    mean = with_form(path, "pool = 'mean'").embed(pictures())
    assert alike(mean, unit(normal.mean(axis=(1, 2)))) > 0.999999


@pytest.mark.filterwarnings("ignore:Warning. Enabling `experimental_preserve:UserWarning")
def test_the_truncated_model_computes_the_same(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.tflite", "uint8", classifier=True)
    backbone = load_backbone(path)
    whole = Interpreter(str(path), experimental_preserve_all_tensors=True)
    whole.allocate_tensors()
    for picture in pictures():
        whole.set_tensor(0, picture[None])
        whole.invoke()
        (flat,) = (one["index"] for one in whole.get_tensor_details() if one["name"] == "flat")
        expected = unit(whole.get_tensor(flat).astype(np.float64) - 128)
        np.testing.assert_allclose(backbone.embed(picture[None]), expected, atol=1e-6)


def test_the_scores_can_be_the_output(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.tflite", classifier=True)
    backbone = with_form(path, "output = 'scores'")
    assert backbone.dimension == 5
    assert backbone.embed(pictures()).min() >= 0


def test_concurrent_workers_get_the_same_embeddings(tmp_path: Path) -> None:
    backbone = load_backbone(write_network(tmp_path / "a.tflite", "uint8"))
    workers = backbone.for_workers()
    assert workers.fingerprint == backbone.fingerprint
    many = pictures(64)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: workers.embed(one[None])[0], many))
    np.testing.assert_array_equal(found, backbone.embed(many))


def test_the_fingerprint_changes_with_the_embeddings(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.tflite")
    plainly = load_backbone(path)
    assert with_form(path, "name = 'x'").fingerprint == plainly.fingerprint
    assert with_form(path, "mean = 120").fingerprint != plainly.fingerprint


@pytest.mark.parametrize(
    ("options", "text", "message"),
    [
        ({"outputs": 2}, "", r"a\.tflite: has 2 outputs \(flat, cells\); set `output`"),
        ({}, "output = 'nothing'", "unknown tensor 'nothing'. The last is 'flat'"),
        ({}, "output = 2", "unknown tensor '2'"),
        ({}, "input = 'x'", r"unknown input 'x'. Choose 'image' float32 \[1, 32, 32, 3\]"),
        ({}, "size = 64", "takes images of 32×32, not 64"),
        ({"kind": "uint8", "scale": 0}, "mean = 127.5", "does not support `mean` and `std`"),
        ({"channels": 4}, "", r"has no image input, but 'image' float32 \[1, 32, 32, 4\]"),
    ],
)
def test_error_for_an_unusable_model_is_one_line(
    tmp_path: Path, options: dict[str, object], text: str, message: str
) -> None:
    path = write_network(tmp_path / "a.tflite", **options)
    with pytest.raises(BackboneError, match=message) as caught:
        with_form(path, text)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_models_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"missing\.tflite: no such backbone file"):
        load_backbone(tmp_path / "missing.tflite")
    (tmp_path / "folder.tflite").mkdir()
    with pytest.raises(BackboneError, match=r"folder\.tflite: cannot be read"):
        load_backbone(tmp_path / "folder.tflite")
    text = tmp_path / "text.tflite"
    text.write_text("hello, I am no network")
    with pytest.raises(BackboneError, match=r"text\.tflite: not a \.tflite network"):
        load_backbone(text)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
def test_a_truncated_model_is_rejected(tmp_path: Path, share: float) -> None:
    data = write_network(tmp_path / "whole.tflite", classifier=True).read_bytes()
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BackboneError, match=r"cut\.tflite: "):
        load_backbone(cut)


def test_embeddings_that_are_not_finite_are_rejected(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.tflite", classifier=True)
    data = path.read_bytes()
    weight = struct.pack("<f", 99.0)
    assert weight in data
    path.write_bytes(data.replace(weight, struct.pack("<f", np.inf)))
    backbone = with_form(path, "output = 'logits'")
    with pytest.raises(BackboneError, match="NaN or infinity"):
        backbone.embed(pictures())


def test_commands_with_a_tflite_file_print_no_library_messages(
    tmp_path: Path,
) -> None:
    path = write_network(tmp_path / "a.tflite", classifier=True)
    done = run("evaluate", "--json", "-p", taught(tmp_path, path), "--backbone", path)
    assert done.stderr == ""
    assert objects(done.stdout)[0]["accuracy"] > 0.9


def test_the_page_with_a_tflite_file(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.tflite", "uint8", classifier=True)
    with (
        run_server(tmp_path / "desk.db", path) as server,
        server.socket() as socket,
    ):
        first, second = (one["id"] for one in socket.receive("state")["classes"][:2])
        socket.add(first, plain("red"), "1")
        socket.add(second, plain("blue"), "2")
        answer = socket.predict(plain("#e00010"))
    assert answer["prediction"]["class_id"] == first


def test_a_project_with_a_tflite_file(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.tflite", "uint8", classifier=True)
    with Classifier(tmp_path / "desk.db", backbone=path) as clf:
        clf.add_many([("red", plain("red")), ("blue", plain("blue"))])
        assert clf.predict(plain("#e00010")).label == "red"
