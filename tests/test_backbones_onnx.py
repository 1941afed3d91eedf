"""Any ONNX graph with an image input can be a backbone."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from classify_anything import Backbone, Classifier, load_backbone
from classify_anything.backbones.layer_profile import layers_of
from classify_anything.backbones.model_spec import ModelSpec, parse_form
from classify_anything.errors import BackboneError
from classify_anything.types import UInt8Array
from tests.convolutions import write_convolutions
from tests.networks import cells, pictures, unit, write_network
from tests.photos import plain
from tests.tiny import SIZE, write_backbone

MEAN = np.array([123.675, 116.28, 103.53])
STD = np.array([58.395, 57.12, 57.375])

NOTHING = {"begin": 0, "end": 0, "axis": 1}
"""An empty slice of a row."""


def with_form(path: Path, text: str) -> Backbone:
    path.with_suffix(".toml").write_text(text)
    return load_backbone(path)


def planes(maps: np.ndarray) -> np.ndarray:
    """Transpose [n, 4, 4, 3] to [n, 3, 4, 4], as flattened by an NCHW graph."""
    return maps.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("kind", ["float32", "float16", "uint8"])
def test_layout_and_type_are_read_from_the_graph(tmp_path: Path, kind: str, layout: str) -> None:
    backbone = load_backbone(write_network(tmp_path / "a.onnx", kind, layout))
    assert (backbone.name, backbone.size, backbone.dimension) == ("a", 32, 48)
    normal = cells(pictures()) if kind == "uint8" else (cells(pictures()) - MEAN) / STD
    found = backbone.embed(pictures())
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found, unit(planes(normal)), atol=2e-3 if kind == "float16" else 1e-5
    )


def test_the_toml_adds_to_the_graph(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx", dims=("n", "h", "w"))
    backbone = with_form(
        path,
        'name = "mine"\nlicense = "MIT"\nsize = 32\nchannels = "bgr"\nmean = 127.5\n'
        "std = [127.5, 64, 32]\n",
    )
    assert (backbone.name, backbone.size) == ("mine", 32)
    normal = (cells(pictures())[..., ::-1] - 127.5) / np.array([127.5, 64, 32])
    np.testing.assert_allclose(backbone.embed(pictures()), unit(planes(normal)), atol=1e-5)


def test_a_graph_of_any_size_gets_224_pixels(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx", dims=("n", "h", "w"), end="map")
    assert load_backbone(path).size == 224


@pytest.mark.parametrize(
    ("end", "text", "expected"),
    [
        ("map", "", lambda normal: normal.mean(axis=(1, 2))),
        ("tokens", 'pool = "first"', lambda normal: normal[:, 0, 0]),
        ("tokens", 'pool = "mean"', lambda normal: normal.mean(axis=(1, 2))),
        ("two", 'output = "features"', planes),
        ("two", 'output = "cells"', lambda normal: normal.mean(axis=(1, 2))),
    ],
)
def test_a_map_and_tokens_are_pooled_and_an_inner_tensor_can_be_named(
    tmp_path: Path, end: str, text: str, expected: object
) -> None:
    assert callable(expected)
    backbone = with_form(write_network(tmp_path / "a.onnx", end=end), text)
    normal = (cells(pictures()) - MEAN) / STD
    np.testing.assert_allclose(backbone.embed(pictures()), unit(expected(normal)), atol=1e-5)


@pytest.mark.parametrize(
    ("end", "text"), [("map", ""), ("two", 'output = "cells"'), ("turned", 'output = "features"')]
)
def test_the_channel_axis_of_a_map_follows_from_its_layer(
    tmp_path: Path, end: str, text: str
) -> None:
    path = write_network(tmp_path / "a.onnx", layout="NHWC", end="two" if end == "turned" else end)
    if end == "turned":
        model = onnx.load(path)
        turn = helper.make_node("Transpose", ["cells"], ["features"], perm=[0, 2, 3, 1])
        model.graph.node[-2].CopyFrom(turn)
        model.graph.output[0].CopyFrom(
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 4, 4, 3])
        )
        onnx.save(model, path)
    backbone = with_form(path, text)
    assert backbone.dimension == 3
    normal = (cells(pictures()) - MEAN) / STD
    np.testing.assert_allclose(backbone.embed(pictures()), unit(normal.mean((1, 2))), atol=1e-5)


@pytest.mark.parametrize("weights", ["inside", "outside"])
def test_a_graph_may_contain_subgraphs(tmp_path: Path, weights: str) -> None:
    path = write_network(tmp_path / "a.onnx")
    model = onnx.load(path)
    two = [numpy_helper.from_array(np.float32(2), "two")]
    twice = [helper.make_tensor_value_info("twice", TensorProto.FLOAT, None)]
    nodes = [helper.make_node("Mul", ["shifted", "two"], ["twice"])]
    inner = helper.make_graph(nodes, "inner", [], twice, two if weights == "inside" else [])
    choice = helper.make_node("If", ["yes"], ["chosen"], then_branch=inner, else_branch=inner)
    yes = numpy_helper.from_array(np.array(True), "yes")
    model.graph.initializer.extend([yes, *(two if weights == "outside" else [])])
    place = next(n for n, node in enumerate(model.graph.node) if node.op_type == "AveragePool")
    model.graph.node[place].input[0] = "chosen"
    model.graph.node.insert(place, choice)
    onnx.save(model, path)
    normal = 2 * (cells(pictures()) - MEAN) / STD
    found = load_backbone(path).embed(pictures())
    np.testing.assert_allclose(found, unit(planes(normal)), atol=1e-5)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("last", ["Gemm", "MatMul", "Conv"])
@pytest.mark.parametrize("classes", [5, 1000])
def test_the_embedding_of_a_classifier_is_the_input_of_its_last_layer(
    tmp_path: Path, last: str, classes: int, layout: str
) -> None:
    path = write_network(tmp_path / "a.onnx", layout=layout, classifier=last, classes=classes)
    backbone = load_backbone(path)
    assert backbone.dimension == 48
    np.testing.assert_allclose(
        backbone.embed(pictures()), unit(planes((cells(pictures()) - MEAN) / STD)), atol=1e-5
    )
    assert with_form(path, 'output = "features"').dimension == classes


def test_a_final_projection_is_not_a_classifier(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx", classifier="Gemm", classes=512)
    assert load_backbone(path).dimension == 512


@pytest.mark.parametrize("names", [("image", "embedding"), ("embedding", "image")])
def test_a_graph_may_use_the_names_image_and_embedding_differently(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    backbone = load_backbone(write_network(tmp_path / "a.onnx", names=names))
    np.testing.assert_allclose(
        backbone.embed(pictures()), unit(planes((cells(pictures()) - MEAN) / STD)), atol=1e-5
    )


@pytest.mark.parametrize("opset", [7, 13, 21])
def test_old_and_new_graphs_are_read(tmp_path: Path, opset: int) -> None:
    path = write_network(tmp_path / "a.onnx", end="map", opset=opset)
    normal = (cells(pictures()) - MEAN) / STD
    np.testing.assert_allclose(
        load_backbone(path).embed(pictures()), unit(normal.mean(axis=(1, 2))), atol=1e-5
    )


def test_weights_may_be_inputs_as_in_old_graphs(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx", classifier="MatMul")
    expected = load_backbone(path).embed(pictures())
    model = onnx.load(path)
    model.ir_version = 3
    for item in model.graph.initializer:
        value = helper.make_tensor_value_info(item.name, item.data_type, item.dims)
        model.graph.input.append(value)
    onnx.save(model, path)
    np.testing.assert_array_equal(load_backbone(path).embed(pictures()), expected)


def test_unneeded_nodes_are_not_computed(tmp_path: Path) -> None:
    # The reshape fails for sizes other than 32.
    path = write_network(tmp_path / "a.onnx", dims=("n", "h", "w"), end="map")
    path.with_suffix(".toml").write_text("size = 64")
    backbone = load_backbone(path)
    assert backbone.embed(np.full((2, 64, 64, 3), 9, np.uint8)).shape == (2, 3)


def test_the_number_of_channels_may_be_symbolic(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx")
    model = onnx.load(path)
    for dim, name in zip(model.graph.input[0].type.tensor_type.shape.dim, "nchw", strict=True):
        dim.dim_param = name
    onnx.save(model, path)
    expected = load_backbone(write_network(tmp_path / "b.onnx")).embed(pictures())
    np.testing.assert_array_equal(with_form(path, "size = 32").embed(pictures()), expected)


def test_a_graph_for_one_image_embeds_a_batch(tmp_path: Path) -> None:
    one = load_backbone(write_network(tmp_path / "one.onnx", dims=(1, 32, 32)))
    many = load_backbone(write_network(tmp_path / "many.onnx"))
    np.testing.assert_allclose(one.embed(pictures(7)), many.embed(pictures(7)), atol=1e-6)
    np.testing.assert_array_equal(one.for_workers().embed(pictures(7)), one.embed(pictures(7)))


def test_sums_of_the_largest_8_bit_weights_are_correct(tmp_path: Path) -> None:
    """x86 CPUs without VNNI would need more than the 16 bits of the fastest kernel."""
    kernel = np.zeros((16, 4, 1, 1), np.int8)
    kernel[0, :], kernel[1, ::2] = 127, 127
    constants = {
        "scale": np.float32(1),
        "sum": np.float32(4 * 127),
        "zero": np.uint8(0),
        "none": np.int8(0),
        "kernel": kernel,
        "more": np.array([0, 1, 0, 0, 0, 0, 0, 0], np.int64),
    }
    nodes = [
        helper.make_node("Pad", ["pixels", "more", "zero"], ["four"], mode="edge"),
        helper.make_node(
            "QLinearConv",
            ["four", "scale", "zero", "kernel", "scale", "none", "sum", "zero"],
            ["counted"],
        ),
        helper.make_node("DequantizeLinear", ["counted", "sum", "zero"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 16, 32, 32])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "bright.onnx")
    white = np.full((1, 32, 32, 3), 255, np.uint8)
    (found,) = load_backbone(tmp_path / "bright.onnx").embed(white)
    # A pixel has four numbers, as the last channel is repeated; the second kernel uses two.
    np.testing.assert_allclose(found[:2], unit(np.array([[2, 1]]))[0], atol=0.01)


def test_the_fingerprint_changes_with_the_embeddings(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx")
    plainly = load_backbone(path)
    named = with_form(path, 'name = "other"')
    scaled = with_form(path, "mean = 127.5")
    assert plainly.fingerprint == named.fingerprint != scaled.fingerprint
    assert len(scaled.fingerprint) == 16


@pytest.mark.parametrize(
    ("options", "text", "message"),
    [
        ({"dims": ("n", 32, 16)}, "", r"a\.onnx: takes images of 32×16; only squares"),
        ({"dims": ("n", 32, 32)}, "size = 64", r"takes images of 32×32, not 64"),
        ({"dims": (8, 32, 32)}, "", "requires batches of 8"),
        (
            {"kind": "int32"},
            "",
            r"has no image input, but 'pixel_values' int32 \[batch, 3, 32, 32\]",
        ),
        ({"extra": True}, "", r"takes 2 inputs \('pixel_values' float .*; 'shift' float \[\]\)"),
        ({"end": "two"}, "", r"has 2 outputs \(features, other\); set `output`"),
        ({}, 'output = "nothing"', "unknown tensor 'nothing'. Outputs: features"),
        ({}, "output = 3", "unknown tensor '3'"),
        ({}, 'input = "x"', "unknown input 'x'. Choose 'pixel_values'"),
        ({"kind": "uint8"}, "mean = 127.5", "does not support `mean` and `std`"),
        ({"end": "tokens"}, "", "'features' has three dimensions, .+ Set `pool`"),
        ({"end": "map"}, 'pool = "first"', "is a map, which supports only the pool mean"),
        ({"opset": 6}, "", "opset 6 is not supported; at least 7 is required"),
    ],
)
def test_error_for_an_unusable_graph_is_one_line(
    tmp_path: Path, options: dict[str, object], text: str, message: str
) -> None:
    path = write_network(tmp_path / "a.onnx", **options)
    with pytest.raises(BackboneError, match=message) as caught:
        with_form(path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mean =", "not TOML"),
        ("means = 3", "unknown key 'means'. Valid keys: name, license, input"),
        ("mean = [1, 2]", r"'mean' must be one number or three, not \[1, 2\]"),
        ("mean = true", "'mean' must be one number or three, not True"),
        ("std = [1, 0, 1]", "'std' must not contain 0"),
        ('layout = "CHW"', "'layout' must be NCHW or NHWC, not 'CHW'"),
        ("size = 0", "'size' must be a number of pixels up to 2048, not 0"),
        ("size = true", "'size' must be a number of pixels"),
        ("output = -1", "'output' must be a text, not -1"),
        ('name = ""', "'name' must be a text, not ''"),
        (r'name = "a\u001b[31m"', "'name' contains non-printable characters"),
        (f"mean = {'9' * 400}", "'mean' must be one number or three"),
        (f"mean = {'[' * 5000}", "not TOML"),
        ('pool = "max"', "'pool' must be mean or first, not 'max'"),
    ],
)
def test_error_for_an_invalid_toml_names_it(tmp_path: Path, text: str, message: str) -> None:
    path = write_network(tmp_path / "a.onnx")
    with pytest.raises(BackboneError, match=rf"a\.toml: .*{message}"):
        with_form(path, text)


@given(
    st.dictionaries(
        st.sampled_from([one.name for one in dataclasses.fields(ModelSpec)]),
        st.one_of(
            st.text(),
            st.integers(),
            st.floats(),
            st.booleans(),
            st.lists(st.one_of(st.integers(), st.floats(), st.text()), max_size=4),
        ),
    )
)
def test_any_toml_is_a_form_or_an_error(found: dict[str, object]) -> None:
    try:
        form = parse_form(found)
    except BackboneError as error:
        message = str(error)
    else:
        message = ""
        assert form.size is None or 1 <= form.size <= 2048
        assert form.std is None or 0 not in form.std
    assert "\n" not in message


def test_a_toml_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx")
    path.with_suffix(".toml").write_text('name = "mine"', encoding="utf-8-sig")
    assert load_backbone(path).name == "mine"


def test_error_for_a_binary_toml_names_it(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx")
    path.with_suffix(".toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BackboneError, match=r"a\.toml: cannot be read"):
        load_backbone(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_graph_is_rejected(tmp_path: Path, share: float) -> None:
    data = write_network(tmp_path / "whole.onnx", classifier="Gemm", classes=1000).read_bytes()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BackboneError, match=r"cut\.onnx: not an ONNX graph"):
        load_backbone(cut)
    cut.with_suffix(".toml").write_text("size = 32")
    with pytest.raises(BackboneError, match=r"cut\.onnx: "):
        load_backbone(cut)


def beside(path: Path, seed: int = 0) -> Path:
    """Save a graph with its weights, or random ones, in a separate file, as torch does."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if seed and tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            random = np.random.default_rng(seed).random(tensor.dims, np.float32)
            tensor.CopyFrom(numpy_helper.from_array(random - np.float32(0.5), tensor.name))
    folder = path.parent / f"{path.stem} {seed}"
    folder.mkdir()
    onnx.save_model(
        model,
        folder / "net.onnx",
        save_as_external_data=True,
        location="net.onnx.data",
        size_threshold=1000,
    )
    return folder / "net.onnx"


WITH_WEIGHTS = {
    "another form": lambda path: write_network(path, classifier="Gemm", classes=512),
    "a backbone's form": write_convolutions,
}


@pytest.mark.parametrize("write", WITH_WEIGHTS.values(), ids=WITH_WEIGHTS.keys())
def test_weights_may_be_in_a_separate_file(
    tmp_path: Path, write: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "cache"))
    one = write(tmp_path / "a.onnx")
    first, second = beside(one), beside(one, 1)
    assert first.read_bytes() == second.read_bytes()
    backbones = [load_backbone(path) for path in (one, first, second)]
    images = noise(backbones[0].size)
    same, found, other = (backbone.embed(images) for backbone in backbones)
    np.testing.assert_array_equal(found, same)
    assert np.abs(other - same).max() > 0.01
    assert len({backbone.fingerprint for backbone in backbones}) == 3
    assert len(layers_of(backbones[1], measure=True)) == len(layers_of(backbones[0]))
    smaller = [load_backbone(f"{path}@int8").embed(images) for path in (first, second)]
    for whole, less in zip((found, other), smaller, strict=True):
        assert (whole * less).sum(axis=1).min() > 0.98
    with Classifier(tmp_path / "p.db", backbone=first) as clf:
        for color in ("red", "blue"):
            clf.add(color, plain(color))
        clf.export(tmp_path / "desk.onnx")
    (first.parent / "net.onnx.data").unlink()
    with pytest.raises(BackboneError, match=r"are in net\.onnx\.data, which is missing"):
        load_backbone(first)


def noise(size: int) -> UInt8Array:
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [[1, 48], [2, 24], [2, 48, 1], [96]])
def test_the_output_must_be_one_row_per_picture(tmp_path: Path, shape: list[int]) -> None:
    path = write_backbone(tmp_path / "a.onnx")
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "rows"
    constants = [numpy_helper.from_array(np.array(shape), "shape")]
    nodes = [helper.make_node("Reshape", ["rows", "shape"], ["embedding"])]
    if shape[0] == 1:  # one row for all pictures
        nodes = [helper.make_node("ReduceMean", ["rows"], ["embedding"], axes=[0])]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(constants)
    onnx.save(model, path)
    message = "returned|no row|cannot be run|not an ONNX graph"
    with pytest.raises(BackboneError, match=message):
        load_backbone(path).embed(noise(SIZE))


def test_a_graph_without_an_output_is_rejected(tmp_path: Path) -> None:
    path = write_backbone(tmp_path / "a.onnx")
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "rows"
    bounds = [numpy_helper.from_array(np.array([bound]), name) for name, bound in NOTHING.items()]
    model.graph.node.append(helper.make_node("Slice", ["rows", *NOTHING], ["embedding"]))
    model.graph.initializer.extend(bounds)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "few"
    onnx.save(model, path)
    with pytest.raises(BackboneError, match="returns no row of numbers per image"):
        load_backbone(path)


@pytest.mark.parametrize(
    ("dims", "message"),
    [((4, SIZE, SIZE), "requires batches of 4"), (("n", 5000, 5000), "5000×5000 exceed")],
)
def test_batches_and_images_that_are_too_large_are_rejected(
    tmp_path: Path, dims: tuple[int | str, ...], message: str
) -> None:
    path = write_network(tmp_path / "a.onnx", dims=dims)
    with pytest.raises(BackboneError, match=message):
        load_backbone(path)
    if dims[0] == 4:
        model = onnx.load(write_backbone(path))
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 4
        onnx.save(model, path)
        with pytest.raises(BackboneError, match=message):
            load_backbone(path)


def test_a_damaged_file_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_network(tmp_path / "a.onnx", names=("a name in ASCII", "features"))
    path.write_bytes(path.read_bytes().replace(b"a name in ASCII", b"a name \xff\xfe ASCII"))
    with pytest.raises(BackboneError, match=r"a\.onnx: not an ONNX graph"):
        load_backbone(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a\0b.onnx", "\ud800.onnx", "a\nb"])
def test_error_for_an_invalid_name(name: str) -> None:
    with pytest.raises(BackboneError, match=f"name {re.escape(repr(name))}"):
        load_backbone(name)


def test_a_project_with_an_onnx_file(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.onnx", classifier="Gemm")
    with Classifier(tmp_path / "desk.db", backbone=path) as clf:
        clf.add_many([("red", plain("red")), ("blue", plain("blue"))])
        assert clf.predict(plain("#e00010")).label == "red"
