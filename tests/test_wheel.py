"""What people install works: the wheel, in an empty environment, makes a real prediction."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
PINS = ("--constraint", str(ROOT / "constraints.txt"))

PREDICT = """
import sys
from PIL import Image
from classify_anything import Classifier
from classify_anything.server.app import STATIC, describe
with Classifier(sys.argv[1]) as clf:
    clf.add("red", Image.new("RGB", (64, 64), "red"))
    clf.add("blue", Image.new("RGB", (64, 64), "blue"))
    print(clf.predict(Image.new("RGB", (80, 60), "navy")).label, clf.backbone.name)
print((STATIC / "index.html").exists(), len(describe()["paths"]) > 5)
"""


def run(*command: object, **options: object) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=600, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built_from_sdist(folder: Path) -> Path:
    """Build the sdist, and the wheel from it, which shows that the sdist is complete."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    assert sdist.stat().st_size < 2_000_000
    # Installing this package has tested its build requirements already.
    options = ("--no-deps", "--no-build-isolation")
    run(sys.executable, *PIP, "wheel", *options, "--wheel-dir", folder, sdist)
    (built,) = folder.glob("*.whl")
    return built


def check_contents(wheel: Path) -> None:
    """The page and the backbone are in it, and nothing to build them."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "classify_anything/static/index.html" in names
    assert "classify_anything/backbones/data/efficientnet_lite0.onnx" in names
    assert "classify_anything/constants.json" in names
    assert "classify_anything/store/migrations/versions/0001_first_tables.py" in names
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert not [name for name in names if name.startswith(("web/", "tests/"))]
    assert not [name for name in names if name.endswith((".ts", ".svelte", ".pth", ".stamp"))]
    assert wheel.stat().st_size < 24_000_000


@pytest.mark.timeout(900)
def test_the_wheel_installed_in_an_empty_environment_predicts(tmp_path: Path) -> None:
    wheel = built_from_sdist(tmp_path)
    check_contents(wheel)
    venv.create(tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    run(sys.executable, *PIP, "--python", python, "install", "--no-compile", *PINS, wheel)
    said = run(python, "-c", PREDICT, tmp_path / "project.db", cwd=tmp_path).split()
    assert said == ["blue", "efficientnet-lite0", "True", "True"]
    shown = run(tmp_path / "env" / "bin" / "classify-anything", "--version", cwd=tmp_path)
    assert shown.startswith("classify-anything 0.")


def test_a_second_build_with_nothing_changed_builds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    monkeypatch.setattr(hook, "STAMPS", tmp_path / "stamps")
    source, product, built = tmp_path / "source", tmp_path / "product", []

    def build() -> None:
        built.append(source.read_text())
        product.write_text(source.read_text())

    for text in ("one", "one", "two"):
        source.write_text(text)
        hook.build_if_stale(product, [source], build)
    product.unlink()
    hook.build_if_stale(product, [source], build)
    assert built == ["one", "two", "two"]
