"""Fail on phrases that read like a translation: ``python -m tests.prose``, part of make check."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PHRASES = ROOT / "tests" / "phrases.txt"
CHECKED = ("*.md", "docs/*.md", "benchmarks/*", "src/**/*.py", "tests/**/*.py", "web/**/*")
ENDINGS = {".md", ".py", ".ts", ".svelte", ".js", ".html"}
SKIPPED = ("node_modules", "static")


def phrases() -> list[tuple[re.Pattern[str], str]]:
    lines = PHRASES.read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" -> ") for line in lines if not line.startswith("#")]
    # A line break in a comment is followed by the comment's mark.
    return [(re.compile(found.replace(" ", r"[\s#*/]+")), better) for found, better in pairs]


def problems() -> list[str]:
    rules = phrases()
    files = {path for pattern in CHECKED for path in ROOT.glob(pattern)}
    found = []
    for path in sorted(files):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in ENDINGS:
            continue
        if any(part in path.parts for part in SKIPPED):
            continue
        text = path.read_text(encoding="utf-8")
        for rule, better in rules:
            for match in rule.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                shown = " ".join(match[0].split())
                found.append(f"{name}:{line}: {shown!r} - write: {better}")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(problems()) or 0)
