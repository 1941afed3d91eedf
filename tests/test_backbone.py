"""Any ONNX graph of the documented form is a backbone; everything else is refused clearly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from classify_anything import load_backbone
from classify_anything.errors import BackboneError
from tests import tiny


def test_a_file_is_a_backbone(tmp_path: Path) -> None:
    backbone = load_backbone(tiny.write_backbone(tmp_path / "mine.onnx", "mine"))
    assert (backbone.name, backbone.size, backbone.dimension) == ("mine", 32, 48)
    embedding = backbone.embed(np.full((1, 32, 32, 3), 9, np.uint8))
    np.testing.assert_allclose(embedding, np.full((1, 48), 48**-0.5), rtol=1e-5)


def test_files_that_differ_have_fingerprints_that_differ(tmp_path: Path) -> None:
    one, same, other = (
        load_backbone(tiny.write_backbone(tmp_path / f"{number}.onnx", name))
        for number, name in enumerate(["a", "a", "b"])
    )
    assert one.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 32, 32, 3)), np.zeros((32, 32, 3), np.uint8), np.zeros((1, 32, 16, 3), np.uint8)],
)
def test_images_of_another_form_are_refused(tiny_backbone: Path, images: np.ndarray) -> None:
    with pytest.raises(BackboneError, match=r"\[n, 32, 32, 3\]"):
        load_backbone(tiny_backbone).embed(images)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    graph = onnx.load(tiny.write_backbone(tmp_path / "a.onnx"))
    graph.graph.initializer[1].float_data[0] = np.inf
    onnx.save(graph, tmp_path / "inf.onnx")
    with pytest.raises(BackboneError, match="NaN or infinity"):
        load_backbone(tmp_path / "inf.onnx").embed(np.zeros((1, 32, 32, 3), np.uint8))


def test_what_is_no_backbone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"Unknown backbone 'resnet'\. Choose efficient"):
        load_backbone("resnet")
    with pytest.raises(BackboneError, match="no such backbone file"):
        load_backbone(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(BackboneError, match="not an ONNX graph"):
        load_backbone(tmp_path / "text.onnx")
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [value], [out])
    onnx.save(
        helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]),
        tmp_path / "neg.onnx",
    )
    with pytest.raises(
        BackboneError,
        match=r"neg.onnx: has no image input, but .x. float .1.\. An image input is uint8",
    ):
        load_backbone(tmp_path / "neg.onnx")
