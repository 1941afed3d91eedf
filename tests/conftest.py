from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from classify_anything import Classifier
from tests.server import RunningServer, run_server
from tests.tiny import write_backbone

# How long generating and checking take is the machine's affair; the first time, Hypothesis makes
# its tables of Unicode as well.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("backbone") / "tiny.onnx")


@pytest.fixture
def clf(tmp_path: Path, tiny_backbone: Path) -> Iterator[Classifier]:
    with Classifier(tmp_path / "project.db", backbone=tiny_backbone) as classifier:
        yield classifier


@pytest.fixture
def server(tmp_path: Path, tiny_backbone: Path) -> Iterator[RunningServer]:
    with run_server(tmp_path / "project.db", tiny_backbone) as running:
        yield running
