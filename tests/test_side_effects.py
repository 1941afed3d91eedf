"""The library changes nothing that belongs to the program around it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import cv2  # noqa: F401 - it changes the environment itself, at its first import
import numpy as np
import pytest

from classify_anything import load_backbone
from classify_anything.backbones import hub_settings
from classify_anything.backbones.quantize import quantized
from classify_anything.datasets.video import opencv
from classify_anything.settings import QUIET_VARIABLE
from tests import convolutions
from tests.tflite import write_network


def test_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", " https://hub.example ")
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "")
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    before = dict(os.environ)
    opencv()
    assert (hub_settings.endpoint(), hub_settings.timeout()) == ("https://hub.example", 10)
    assert dict(os.environ) == before


def test_other_libraries_still_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = convolutions.write_convolutions(tmp_path / "network.onnx")
    size = load_backbone(source).size
    with caplog.at_level(logging.WARNING):
        quantized(source, np.zeros((4, size, size, 3), np.uint8), tmp_path / "int8.onnx")
    assert "root" in {record.name for record in caplog.records}


@pytest.mark.parametrize("quiet", [False, True])
def test_the_standard_error_stays_open_unless_silenced(tmp_path: Path, quiet: bool) -> None:
    """LiteRT prints once per process."""
    path = write_network(tmp_path / "a.tflite", classifier=True)
    code = f"from classify_anything.backbones import load_backbone; load_backbone({str(path)!r})"
    environment = {key: value for key, value in os.environ.items() if key != QUIET_VARIABLE}
    if quiet:
        environment[QUIET_VARIABLE] = "1"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ("XNNPACK" in done.stderr) is not quiet
