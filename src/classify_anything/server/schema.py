"""Prints the OpenAPI description; ``make types`` makes the page's types from it."""

from __future__ import annotations

import json

from classify_anything.server.app import describe

if __name__ == "__main__":
    print(json.dumps(describe(), indent=2))  # noqa: T201 - that is what it is for
