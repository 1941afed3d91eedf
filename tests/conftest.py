from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from classify_anything import Classifier
from tests.server import RunningServer, run_server
from tests.tiny import write_backbone


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("backbone") / "tiny.onnx")


@pytest.fixture
def clf(tmp_path: Path, tiny_backbone: Path) -> Iterator[Classifier]:
    with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as classifier:
        yield classifier


@pytest.fixture
def server(tmp_path: Path, tiny_backbone: Path) -> Iterator[RunningServer]:
    with run_server(tmp_path / "project.db", "--backbone", str(tiny_backbone)) as running:
        yield running
