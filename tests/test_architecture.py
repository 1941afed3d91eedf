"""The layout stays small, and its description true."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "classify_anything"
PAGE = ROOT / "web" / "src"


def test_every_module_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`([\w/.-]+(?:\.py|\.ts|/))`", text)
    assert len(named) > 30
    missing = [one for one in named if not (ROOT / one).exists() and not (PACKAGE / one).exists()]
    assert missing == []


def test_the_top_level_stays_small() -> None:
    modules = [path.name for path in PACKAGE.glob("*.py")]
    packages = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert len(modules) <= 14
    assert len(packages) <= 10


def test_the_map_in_contributing_is_that_of_the_packages() -> None:
    docstrings = {
        f"{path.parent.name}/": ast.get_docstring(ast.parse(path.read_text())) or ""
        for path in PACKAGE.glob("*/__init__.py")
    }
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where things live")[2]
    shown = dict(re.findall(r"^\| `(\w+/)` \| (.+) \|$", text, flags=re.MULTILINE))
    assert shown == {name: text.partition("\n")[0] for name, text in docstrings.items()}
    for package, line in shown.items():
        for name in re.findall(r"\w+(?:\.py|/)", line):
            assert (PACKAGE / package / name).exists(), f"{package}{name}"


def test_no_modules_of_the_page_import_each_other_in_a_circle() -> None:
    files = {path.resolve(): path for path in PAGE.rglob("*") if path.suffix in {".ts", ".svelte"}}
    imports = {path: _imports(path, files) for path in files}
    done: set[Path] = set()
    while True:
        free = {path for path in imports if path not in done and imports[path] <= done}
        if not free:
            break
        done |= free
    assert sorted(str(path.relative_to(PAGE)) for path in set(imports) - done) == []


def _imports(path: Path, files: dict[Path, Path]) -> set[Path]:
    found = set()
    for name in re.findall(r"""(?:from|import)\s*\(?\s*["'](\.\.?/[^"'?\n]+)""", path.read_text()):
        base = (path.parent / name).resolve()
        endings = ("", ".ts", ".svelte", ".svelte.ts")
        found |= {one for end in endings if (one := Path(f"{base}{end}")) in files}
    return found - {path}
