"""Print the OpenAPI description, from which ``make types`` generates the page's types."""

from __future__ import annotations

import json
from typing import Any

from classify_anything.server.app import describe


def without_examples(value: Any) -> Any:
    """Remove the examples, which would only become comments among the types."""
    if isinstance(value, dict):
        return {key: without_examples(part) for key, part in value.items() if key != "example"}
    if isinstance(value, list):
        return [without_examples(part) for part in value]
    return value


if __name__ == "__main__":
    print(json.dumps(without_examples(describe()), indent=2))  # noqa: T201 - its purpose
