"""Layers of a network, read from its graph."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from classify_anything.backbones import load_backbone
from classify_anything.backbones.layer import separable
from classify_anything.backbones.layer_profile import layers, layers_of
from classify_anything.errors import BackboneError
from tests.command import objects, run, run_process
from tests.tflite import write_mobile
from tests.tflite import write_network as write_tflite
from tests.tiny import write_backbone


def mobile_graph(size: int = 18) -> bytes:
    """A standard convolution, then a separable one, then a dense layer: like a MobileNet."""
    rng = np.random.default_rng(0)

    def constant(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)

    constants = [
        constant("w1", 8, 3, 3, 3),
        constant("b1", 8),
        constant("w2", 8, 1, 3, 3),
        constant("w3", 24, 8, 1, 1),
        constant("w4", 24, 10),
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.float32(6), "six"),
    ]
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["x0"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x0", "w1", "b1"], ["x1"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Clip", ["x1", "zero", "six"], ["x2"]),
        helper.make_node("Conv", ["x2", "w2"], ["x3"], group=8),
        helper.make_node("Clip", ["x3", "zero", "six"], ["x4"]),
        helper.make_node("Conv", ["x4", "w3"], ["x5"]),
        helper.make_node("GlobalAveragePool", ["x5"], ["x6"]),
        helper.make_node("Flatten", ["x6"], ["x7"]),
        helper.make_node("MatMul", ["x7", "w4"], ["x8"]),
        helper.make_node("LpNormalization", ["x8"], ["embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "mobile",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", size, size, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 10])],
        constants,
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, ir_version=8, opset_imports=opset).SerializeToString()


def test_the_sums_that_everybody_knows() -> None:
    standard, light = separable(3, 128, 3, 32)
    assert (standard, light) == (13_716_864, 1_952_748)
    assert light / standard == pytest.approx(1 / 32 + 1 / 9)


def test_each_layer_is_counted_by_its_shapes() -> None:
    first, depthwise, pointwise, dense = layers(mobile_graph())
    kinds = [layer.kind for layer in (first, depthwise, pointwise, dense)]
    assert kinds == ["standard", "depthwise", "pointwise", "dense"]
    assert first.size == (9, 9)
    assert first.multiply_adds == first.standard == 9 * 9 * 8 * 3 * 9
    assert first.parameters == 8 * 3 * 9 + 8
    assert depthwise.size == (7, 7)
    assert depthwise.multiply_adds == 7 * 7 * 8 * 9
    assert pointwise.multiply_adds == 7 * 7 * 8 * 24
    assert dense.multiply_adds == 24 * 10


def test_a_depthwise_layer_and_the_next_stand_for_one_standard_convolution() -> None:
    _, depthwise, pointwise, _ = layers(mobile_graph())
    assert depthwise.standard == 7 * 7 * 8 * 24 * 9
    assert (pointwise.standard, pointwise.follows) == (0, True)
    both = depthwise.multiply_adds + pointwise.multiply_adds
    assert both / depthwise.standard == pytest.approx(1 / 24 + 1 / 9)


def test_each_layer_is_timed_where_asked() -> None:
    assert {layer.milliseconds for layer in layers(mobile_graph())} == {None}
    measured = [layer.milliseconds for layer in layers(mobile_graph(), measure=True)]
    assert all(time is not None and time >= 0 for time in measured)


def test_a_network_without_such_layers_has_none(tmp_path) -> None:
    assert layers(write_backbone(tmp_path / "tiny.onnx").read_bytes()) == []


def counted(found) -> list[tuple[object, ...]]:
    """All properties of layers except their names and times."""
    return [
        tuple(value for key, value in asdict(layer).items() if key not in ("name", "milliseconds"))
        for layer in found
    ]


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_in_fewer_bits_it_has_the_same_layers_each_timed(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "mobile.onnx"
    path.write_bytes(mobile_graph())
    found = layers_of(load_backbone(f"{path}@{precision}"), measure=True)
    assert counted(found) == counted(layers(mobile_graph()))
    assert all(layer.milliseconds is not None for layer in found)


def test_weights_are_found_however_they_come_to_their_layer() -> None:
    model = onnx.load_from_string(mobile_graph())
    graph = model.graph
    by_name = {one.name: one for one in graph.initializer}
    graph.node.insert(0, helper.make_node("Constant", [], ["w1"], value=by_name["w1"]))
    graph.node.insert(0, helper.make_node("Identity", ["w2_kept"], ["w2"]))
    by_name["w2"].name = "w2_kept"
    graph.initializer.remove(by_name["w1"])
    product = next(node for node in graph.node if node.op_type == "MatMul")
    product.op_type = "Gemm"
    product.attribute.append(helper.make_attribute("transB", 1))
    turned = numpy_helper.to_array(by_name["w4"]).T.copy()
    by_name["w4"].CopyFrom(numpy_helper.from_array(turned, "w4"))
    assert counted(layers(model.SerializeToString())) == counted(layers(mobile_graph()))


def test_shapes_that_cannot_be_inferred_are_read_from_a_run() -> None:
    model = onnx.load_from_string(mobile_graph())
    graph = model.graph
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([-1, 3, 18, 18]), "form"),
            numpy_helper.from_array(np.array(0), "naught"),
        ]
    )
    after = [node.output[0] for node in graph.node].index("x0") + 1
    for number, node in enumerate(
        [
            helper.make_node("ReduceMin", ["x0"], ["least"], keepdims=0),
            helper.make_node("Cast", ["least"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Mul", ["whole", "naught"], ["none"]),
            helper.make_node("Add", ["form", "none"], ["seen"]),
            helper.make_node("Reshape", ["x0", "seen"], ["x0b"]),
        ]
    ):
        graph.node.insert(after + number, node)
    graph.node[after + 5].input[0] = "x0b"
    assert counted(layers(model.SerializeToString())) == counted(layers(mobile_graph()))


def test_a_tflite_has_layers_too(tmp_path: Path) -> None:
    backbone = load_backbone(write_mobile(tmp_path / "mobile.tflite"))
    first, depthwise, pointwise = layers_of(backbone, measure=True)
    assert [one.kind for one in (first, depthwise, pointwise)] == [
        *("standard", "depthwise", "pointwise")
    ]
    assert (first.size, first.channels, first.kernel) == ((16, 16), (3, 8), 3)
    assert first.multiply_adds == first.standard == 16 * 16 * 8 * 3 * 9
    assert first.parameters == 8 * 3 * 9 + 8
    assert depthwise.multiply_adds == 16 * 16 * 8 * 9
    assert depthwise.standard == 16 * 16 * 8 * 24 * 9
    assert pointwise.multiply_adds == 16 * 16 * 8 * 24
    assert (pointwise.standard, pointwise.follows) == (0, True)
    assert {one.milliseconds for one in (first, depthwise, pointwise)} == {None}


def test_the_layers_of_a_tflite_are_a_table_without_times(tmp_path: Path) -> None:
    done = run("backbones", "info", write_mobile(tmp_path / "mobile.tflite"))
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows[:4]] == ["standard", "depthwise", "pointwise", "total"]
    assert rows[3][-1] == "-"


def test_what_is_no_graph_is_said() -> None:
    with pytest.raises(BackboneError, match="layers of the backbone's graph cannot be read"):
        layers(b"no graph")


# --- the command line


def test_a_table_shows_each_layer_and_what_all_cost(tmp_path) -> None:
    path = tmp_path / "mobile.onnx"
    path.write_bytes(mobile_graph())
    rows = [line.split() for line in run("backbones", "info", path).stdout.splitlines()]
    assert rows[0][:7] == ["standard", "3×3", "3", "→", "8", "9×9", "224"]
    assert rows[0][7:9] == ["17,496", "17,496"]
    assert rows[2][0] == "pointwise"
    assert rows[2][-4:-2] == ["included", "above"]
    assert [set(row[-1]) for row in rows[:4]] == [{"█"}] * 4
    longest, *others = (len(row[-1]) for row in rows[:4])
    assert longest > max(others), "most is multiplied in the first"
    found = layers(mobile_graph())
    adds, standard = (
        sum(getattr(layer, key) for layer in found) for key in ("multiply_adds", "standard")
    )
    assert rows[4][0] == "total"
    assert rows[4][2:4] == [f"{adds:,}", f"{standard:,}"]
    assert " ".join(rows[6]) == (
        f"{adds:,} multiply-adds: {adds / standard:.1%} "
        f"of the {standard:,} that standard convolutions need."
    )


def test_the_same_as_json(tmp_path) -> None:
    path = tmp_path / "mobile.onnx"
    path.write_bytes(mobile_graph())
    (found,) = objects(run("backbones", "info", "--json", path).stdout)
    assert (found["name"], found["size"], found["dimension"]) == ("mobile", 18, 10)
    told = [{**layer, "milliseconds": None} for layer in found["layers"]]
    expected = [asdict(layer) for layer in layers(mobile_graph())]
    assert told == json.loads(json.dumps(expected))
    assert found["multiply_adds"] == sum(layer["multiply_adds"] for layer in told)
    assert found["milliseconds"] > 0


def test_a_terminal_without_unicode_gets_its_bars_too(tmp_path) -> None:
    path = tmp_path / "mobile.onnx"
    path.write_bytes(mobile_graph())
    shown = run_process("backbones", "info", path, PYTHONIOENCODING="ascii").stdout
    assert shown.splitlines()[0].endswith("#" * 24)


def test_where_there_are_no_layers_to_tell_that_is_said(tmp_path) -> None:
    for path, message in {
        write_tflite(tmp_path / "a.tflite"): "a: no layers with weights",
        write_backbone(tmp_path / "tiny.onnx"): "tiny: no layers with weights",
    }.items():
        done = run("backbones", "info", path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"Error: {message}")


def test_the_sums_in_the_docs_are_computed() -> None:
    standard, light = separable(3, 128, 3, 32)
    found = layers(load_backbone().graph())
    text = (Path(__file__).parent.parent / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    for number in (
        standard,
        light,
        sum(layer.multiply_adds for layer in found),
        sum(layer.standard for layer in found),
    ):
        assert f"{number:,}" in text
    assert f"{light / standard:.1%}".replace("%", " %") in text
