"""Constants that Python and the page share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONSTANTS: dict[str, Any] = json.loads(
    Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
)
