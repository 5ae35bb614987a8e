"""Typed cells, of workbooks, JSON and lists, as the text that LAPD's tables would have."""

import json
from datetime import date, datetime, time, timedelta
from typing import Any


def typed_text(cell: Any) -> str | None:
    """The text of a cell: days as 2020-01-31, times as 22:30:00, lists joined by spaces; None for a blank cell."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    if isinstance(cell, list | tuple):
        cells = [part for part in cell if part is not None and part == part]
        is_nested = any(isinstance(part, list | tuple | dict) for part in cells)
        return f"nested {cell}" if is_nested else " ".join(map(str, cells))
    if isinstance(cell, dict):
        return json.dumps(cell, default=str)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
