"""The public names: few, pinned, explained, and cheap to import."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys

import pytest

import classify_anything

PUBLIC = [
    "Backbone",
    "Change",
    "Class",
    "Classifier",
    "ClassifyAnythingError",
    "Evaluation",
    "Example",
    "Exported",
    "Frames",
    "ImportReport",
    "KNeighborsHead",
    "Neighbor",
    "Prediction",
    "Problem",
    "Progress",
    "__version__",
    "load_backbone",
    "load_export",
]
EXTRAS = ["ImageEmbedder"]
EXPLAINED = [name for name in PUBLIC + EXTRAS if name != "__version__"]


def test_these_names_are_public_and_no_others() -> None:
    assert classify_anything.__all__ == PUBLIC
    assert dir(classify_anything) == sorted(PUBLIC + EXTRAS)
    for name in PUBLIC + EXTRAS:
        assert getattr(classify_anything, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Clasifier'"):
        _ = classify_anything.Clasifier


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_public_name_says_what_it_is(name: str) -> None:
    value = getattr(classify_anything, name)
    text = (vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__) or ""
    assert len(text.split()) >= 3
    assert not dataclasses.is_dataclass(value) or not text.startswith(f"{name}("), "made by itself"


@pytest.mark.parametrize(
    "name", [name for name in EXPLAINED if inspect.isclass(getattr(classify_anything, name))]
)
def test_a_public_method_says_what_it_does(name: str) -> None:
    members = inspect.getmembers(getattr(classify_anything, name))
    methods = {
        key: value
        for key, value in members
        if not key.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }
    assert [key for key, value in methods.items() if not value.__doc__] == []


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = """
import sys, classify_anything
heavy = {"numpy", "PIL", "onnxruntime", "sqlalchemy", "alembic", "fastapi", "pydantic", "typer"}
print(sorted(heavy.intersection(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
