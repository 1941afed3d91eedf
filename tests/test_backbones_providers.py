"""A provider must be available, and compute the same embeddings as the CPU."""

from __future__ import annotations

import logging
from pathlib import Path

import onnx
import pytest

from classify_anything import Backbone, load_backbone
from classify_anything.backbones import providers
from classify_anything.backbones.providers import CPU, PROVIDERS, check_same, open_checked
from classify_anything.errors import BackboneError
from tests import tflite
from tests.command import run, taught
from tests.networks import pictures, write_network
from tests.tiny import write_backbone

ELSEWHERE = [name for name in PROVIDERS if name not in providers.available()]


def opened(path: Path, text: str) -> Backbone:
    path.with_suffix(".toml").write_text(text)
    backbone = load_backbone(path)
    path.with_suffix(".toml").unlink()
    return backbone


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "a.onnx")


@pytest.mark.parametrize("provider", [None, "cpu"])
def test_the_cpu_is_the_default(network: Path, provider: str | None) -> None:
    assert load_backbone(network, provider=provider).provider == "cpu"


def test_auto_chooses_an_available_provider(network: Path) -> None:
    backbone = load_backbone(network, provider="auto")
    assert backbone.provider in providers.available()


@pytest.mark.parametrize("provider", ELSEWHERE)
def test_error_for_an_unavailable_provider(network: Path, provider: str) -> None:
    with pytest.raises(BackboneError, match=rf"does not support {provider}; it supports .*cpu\."):
        load_backbone(network, provider=provider)


def test_error_for_an_unknown_provider(network: Path) -> None:
    with pytest.raises(BackboneError, match=r"Unknown provider 'gpu'\. Choose tensorrt, cuda"):
        load_backbone(network, provider="gpu")


def test_provider_from_the_environment(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFY_ANYTHING_PROVIDER", "gpu")
    with pytest.raises(BackboneError, match="Unknown provider 'gpu'"):
        load_backbone(network)
    assert load_backbone(network, provider="cpu").provider == "cpu"


def test_tflite_files_run_only_on_the_cpu(tmp_path: Path) -> None:
    path = tflite.write_network(tmp_path / "a.tflite")
    assert load_backbone(path, provider="auto").provider == "cpu"
    with pytest.raises(BackboneError, match=r"a\.tflite: \.tflite files run only on cpu, not cuda"):
        load_backbone(path, provider="cuda")


def test_different_embeddings_are_rejected(network: Path) -> None:
    right, wrong = opened(network, ""), opened(network, "channels = 'BGR'")
    check_same(right, opened(network, ""))
    with pytest.raises(
        BackboneError, match=r"returns other embeddings .+ \(similarity -?0\.\d{3}\)"
    ):
        check_same(wrong, right)


def test_embeddings_that_are_not_finite_are_rejected(network: Path) -> None:
    right = opened(network, "")
    with pytest.raises(BackboneError, match="NaN or infinity"):
        check_same(opened(network, "std = 1e-44"), right)


class OpenOn:
    """Open a backbone that is correct on the CPU and wrong on other providers."""

    def __init__(self, network: Path) -> None:
        self._right = opened(network, "")
        self._wrong = opened(network, "channels = 'BGR'")

    def __call__(self, provider: str) -> Backbone:
        if provider == "tensorrt":
            raise BackboneError("tensorrt does not start on this machine.")
        return self._right if provider == CPU else self._wrong


def test_auto_tries_the_next_provider_with_a_warning(
    network: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_on = OpenOn(network)
    with caplog.at_level(logging.WARNING):
        backbone = providers.first_same(["tensorrt", "cuda"], open_on)
    assert backbone is open_on(CPU)
    started, differs = caplog.messages
    assert started.startswith("tensorrt does not start on this machine.")
    assert "returns other embeddings on" in differs


def test_auto_uses_the_first_provider_with_the_same_embeddings(network: Path) -> None:
    again = opened(network, "")
    backbone = providers.first_same(
        ["cuda"], lambda provider: again if provider == "cuda" else opened(network, "")
    )
    assert backbone is again


def test_a_named_provider_is_not_replaced(network: Path) -> None:
    with pytest.raises(BackboneError, match=r"does not start|does not support tensorrt"):
        open_checked("tensorrt", OpenOn(network))


def test_provider_option(tmp_path: Path, network: Path) -> None:
    project = taught(tmp_path, network)
    shown = ("evaluate", "-p", project, "--backbone", network)
    assert run(*shown, "--provider", "auto").returncode == 0
    refused = run(*shown, "--provider", ELSEWHERE[0])
    assert refused.returncode == 1
    assert f"This ONNX Runtime does not support {ELSEWHERE[0]}" in refused.stderr
    page = run("serve", project, "--no-open", "--port", "0", "--provider", ELSEWHERE[0])
    assert page.returncode == 1
    assert f"This ONNX Runtime does not support {ELSEWHERE[0]}" in page.stderr


def test_embeddings_of_any_length_are_compared_by_direction(
    tmp_path: Path,
) -> None:
    def long(negative: bool) -> Backbone:
        path = write_backbone(tmp_path / f"{negative}.onnx", negative=negative)
        model = onnx.load(path)
        del model.graph.node[-1]
        model.graph.node[-1].output[0] = "embedding"
        onnx.save(model, path)
        return load_backbone(path)

    right = long(negative=False)
    assert float((right.embed(pictures()) ** 2).sum(axis=1).min()) > 1000
    check_same(long(negative=False), right)
    with pytest.raises(BackboneError, match="returns other embeddings"):
        check_same(long(negative=True), right)
