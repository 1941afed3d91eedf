"""int8 and fp16 variants of backbones, calibrated on synthetic pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from classify_anything import Classifier, load_backbone
from classify_anything.backbones.calibration_images import photograph_like
from classify_anything.backbones.loading import lasting_name
from classify_anything.backbones.variants import made_variants, split_precision
from classify_anything.errors import BackboneError, DownloadError
from classify_anything.images import to_square
from tests.command import objects, run, taught
from tests.convolutions import write_convolutions
from tests.networks import write_network
from tests.photos import PHOTOS, photo
from tests.tflite import write_network as write_tflite
from tests.tiny import SIZE, write_backbone


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "backbones"


def squares(size: int) -> np.ndarray:
    return np.stack([to_square(photo(name), size) for name in PHOTOS])


def test_int8_keeps_the_embeddings_and_is_a_third_of_the_size(cache: Path) -> None:
    plain, small = load_backbone(), load_backbone("efficientnet-lite0@int8")
    pictures = squares(plain.size)
    assert (plain.embed(pictures) * small.embed(pictures)).sum(axis=1).min() > 0.97
    assert small.name == "efficientnet-lite0@int8"
    assert (small.size, small.dimension) == (plain.size, plain.dimension)
    assert small.fingerprint != plain.fingerprint
    (made,) = cache.iterdir()
    assert made.stat().st_size < 0.35 * len(plain.graph())
    before = made.stat().st_mtime_ns
    assert load_backbone("efficientnet-lite0@int8").fingerprint == small.fingerprint
    assert made.stat().st_mtime_ns == before, "the variant is made once"
    check_sums_of_two_products(made)


def check_sums_of_two_products(path: Path) -> None:
    """Check that every sum fits 16 bits, because x86 CPUs without VNNI saturate."""
    graph = onnx.load(path).graph
    weights = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    kernels = [one for one in weights.values() if one.dtype == np.int8 and one.ndim == 4]
    assert len(kernels) == 49
    for kernel in kernels:
        assert np.abs(kernel.astype(int)).max() == 127 or kernel.shape[1] > 1
        if kernel.shape[1] > 1:
            rows = kernel.transpose(0, 2, 3, 1).reshape(len(kernel), -1).astype(int)
            rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
            for sign in (1, -1):
                pairs = np.maximum(sign * rows, 0).reshape(len(kernel), -1, 2).sum(axis=2)
                assert 255 * pairs.max() < 2**15


def test_fp16_keeps_the_embeddings(cache: Path) -> None:
    plain, half = (
        load_backbone("efficientnet-lite0/mean"),
        load_backbone("efficientnet-lite0/mean@fp16"),
    )
    pictures = squares(plain.size)
    assert (plain.embed(pictures) * half.embed(pictures)).sum(axis=1).min() > 0.999
    assert half.name == "efficientnet-lite0/mean@fp16"
    assert [one.full_name for one in made_variants()] == ["efficientnet-lite0/mean@fp16"]


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_variants_of_a_file(tmp_path: Path, precision: str) -> None:
    path = write_convolutions(tmp_path / "own.onnx")
    plain, small = load_backbone(path), load_backbone(f"{path}@{precision}")
    pictures = squares(SIZE)
    assert (plain.embed(pictures) * small.embed(pictures)).sum(axis=1).min() > 0.99
    assert small.name == f"own@{precision}"
    assert made_variants() == [], "only variants of named backbones are listed"


def test_a_variant_that_does_not_run_is_not_kept(tmp_path: Path, cache: Path) -> None:
    path = write_backbone(tmp_path / "own.onnx")
    model = onnx.load(path)
    half = helper.make_graph(
        [helper.make_node("Mul", ["positive", "two"], ["twice"])],
        "half",
        [],
        [helper.make_tensor_value_info("twice", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.float32(2), "two")],
    )
    choice = helper.make_node("If", ["yes"], ["chosen"], then_branch=half, else_branch=half)
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.insert(2, choice)
    model.graph.node[3].input[0] = "chosen"
    onnx.save(model, path)
    assert load_backbone(path).dimension == 48
    with pytest.raises(BackboneError, match="tiny: cannot be converted"):
        load_backbone(f"{path}@fp16")
    assert list(cache.iterdir()) == []


def test_a_changed_file_has_a_different_variant(tmp_path: Path) -> None:
    path = write_convolutions(tmp_path / "own.onnx")
    first = load_backbone(f"{path}@int8").fingerprint
    write_convolutions(path, seed=1)
    assert load_backbone(f"{path}@int8").fingerprint != first


def test_a_model_of_an_old_opset_is_quantized(tmp_path: Path) -> None:
    path = write_network(tmp_path / "old.onnx", dims=("n", "h", "w"), opset=11)
    (tmp_path / "old.toml").write_text(f"size = {SIZE}\nmean = 128\nstd = 64\n")
    plain, small = load_backbone(path), load_backbone(f"{path}@int8")
    pictures = squares(SIZE)
    assert (plain.embed(pictures) * small.embed(pictures)).sum(axis=1).min() > 0.99


def write_tokens(path: Path) -> Path:
    """Write a patch embedding and a dense layer over its tokens, as in a transformer."""
    random = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        values = random.standard_normal(shape) / np.sqrt(np.prod(shape) / shape[-1])
        return numpy_helper.from_array(values.astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["pixels", "patches"], ["map"], strides=[4, 4]),
        helper.make_node("Reshape", ["map", "flat"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["tokens"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["tokens", "columns"], ["alike"]),
        helper.make_node("Softmax", ["alike"], ["attention"], axis=-1),
        helper.make_node("MatMul", ["attention", "tokens"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "dense"], ["hidden"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tokens",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["n", 64, 128])],
        [
            weights("patches", 64, 3, 4, 4),
            weights("dense", 64, 128),
            numpy_helper.from_array(np.array([0, 64, 64]), "flat"),
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, path)
    path.with_suffix(".toml").write_text('pool = "mean"\n')
    return path


def test_dense_layers_of_a_transformer_are_quantized_but_not_its_attention(
    tmp_path: Path,
) -> None:
    path = write_tokens(tmp_path / "tokens.onnx")
    plain, small = load_backbone(path), load_backbone(f"{path}@int8")
    pictures = squares(SIZE)
    assert (plain.embed(pictures) * small.embed(pictures)).sum(axis=1).min() > 0.99
    graph = onnx.load_from_string(small.graph()).graph
    made = {name: node.op_type for node in graph.node for name in node.output}
    products = [node for node in graph.node if node.op_type == "MatMul"]
    quantized = [{made[name] for name in node.input} == {"DequantizeLinear"} for node in products]
    assert quantized == [False, False, True]


def test_split_precision() -> None:
    assert split_precision("efficientnet-lite0/mean@int8") == ("efficientnet-lite0/mean", "int8")
    assert split_precision("me@home/own.onnx") == ("me@home/own.onnx", "")
    assert split_precision("own@2.onnx") == ("own@2.onnx", "")
    assert split_precision("me@home/own.onnx@fp16") == ("me@home/own.onnx", "fp16")


def test_errors(tmp_path: Path) -> None:
    small = write_convolutions(tmp_path / "own.onnx")
    load_backbone(f"{small}@int8")
    (made,) = (tmp_path / "cache" / "backbones").iterdir()
    for name, message in {
        "efficientnet-lite0@int4": "Unknown precision 'int4'. Choose int8 or fp16.",
        "efficientnet-lite9@int8": "Unknown backbone 'efficientnet-lite9'.",
        "mobilenet-v2@int8": "The backbone mobilenet-v2 is not on this machine.",
        f"{made}@int8": "own@int8: already quantized.",
        f"{write_tflite(tmp_path / 'a.tflite')}@int8": "a: only ONNX models can be converted",
    }.items():
        with pytest.raises(BackboneError) as caught:
            load_backbone(name)
        assert str(caught.value).startswith(message)


def test_error_for_a_cache_folder_that_is_not_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "a file"))
    with pytest.raises(DownloadError, match="Set CLASSIFY_ANYTHING_CACHE to another folder"):
        load_backbone(f"{write_convolutions(tmp_path / 'own.onnx')}@int8")


def test_synthetic_pictures_resemble_photographs() -> None:
    pictures = photograph_like(6, 96)
    assert (pictures == photograph_like(6, 96)).all()
    assert pictures.shape == (6, 96, 96, 3)
    assert pictures.dtype == np.uint8
    gray = pictures.mean(axis=3)
    amplitude = np.abs(np.fft.fft2(gray - gray.mean(axis=(1, 2), keepdims=True)))
    coarse, fine = amplitude[:, 1:4, 1:4].mean(), amplitude[:, 30:40, 30:40].mean()
    assert coarse > 10 * fine
    red, green = pictures[..., 0].ravel(), pictures[..., 1].ravel()
    assert np.corrcoef(red, green)[0, 1] > 0.3


# --- the command line, and a project


def test_installed_variants_are_listed(cache: Path) -> None:
    assert run("backbones", "--json").stdout.count("@") == 0
    load_backbone("efficientnet-lite0/grid@fp16")
    listed = objects(run("backbones", "--json").stdout)
    assert listed[1]["name"] == "efficientnet-lite0/grid@fp16"
    assert (listed[1]["precision"], listed[1]["dimension"]) == ("fp16", 5120)
    assert Path(listed[1]["path"]).parent == cache
    assert (listed[1]["here"], listed[1]["top1"]) == (True, None)
    assert run("backbones").stdout.splitlines()[1].split()[:4] == [
        *("efficientnet-lite0/grid@fp16", "yes", "-", "-")
    ]


def test_a_project_stores_the_absolute_path_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_convolutions(tmp_path / "own.onnx")
    project = taught(tmp_path, path)
    done = run("backbones", "use", "own.onnx@int8", "-p", project, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == f"{project} now uses own@int8 (6 examples).\n"
    command = f"classify-anything backbones compare own.onnx own.onnx@int8 -p {project}"
    assert done.stderr == f"int8 may reduce accuracy. Measure it with: {command}\n"
    monkeypatch.chdir("/")
    with Classifier(project) as clf:
        assert (clf.backbone.name, clf.notice) == ("own@int8", "")
        assert clf.settings.backbone == f"{path}@int8"
    assert lasting_name("efficientnet-lite0") == "efficientnet-lite0"


def test_compare_command(tmp_path: Path) -> None:
    one, other = write_backbone(tmp_path / "one.onnx"), write_convolutions(tmp_path / "other.onnx")
    project = taught(tmp_path, one)
    compared = objects(run("backbones", "compare", one, other, "--json", "-p", project).stdout)
    assert [found["name"] for found in compared] == [str(one), str(other)]
    for found in compared:
        assert found["interval"][0] <= found["accuracy"] <= found["interval"][1]
        assert found["examples"] == 6
        assert found["milliseconds"] > 0
    shown = run("backbones", "compare", one, "-p", project).stdout.split()
    assert shown[0] == str(one)
    assert shown[1] == f"{compared[0]['accuracy']:.1%}"
    failed = run("backbones", "compare", "no-such", "-p", project)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("Error: Unknown backbone 'no-such'")


def test_a_failed_change_leaves_the_project_unchanged(tmp_path: Path) -> None:
    project = taught(tmp_path, write_backbone(tmp_path / "one.onnx"))
    broken = write_backbone(tmp_path / "broken.onnx", name="broken", broken=True)
    done = run("backbones", "use", broken, "-p", project)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: The backbone broken returned NaN or infinity.\n"
    with Classifier(project) as clf:
        assert clf.settings.backbone == ""
    missing = run("backbones", "use", "efficientnet-lite0", "-p", tmp_path / "none.db")
    assert missing.stderr.endswith("none.db: no such project.\n")
