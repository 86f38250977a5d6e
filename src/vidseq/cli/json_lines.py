"""Results as lines of JSON."""

import json
from pathlib import Path
from typing import Any

DIGITS = 6


def json_line(content: dict) -> str:
    """Return a line of JSON, whose numbers have as many decimals as mean anything."""
    return json.dumps(_plain(content), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return round(value, DIGITS)
    return str(value) if isinstance(value, Path) else value
