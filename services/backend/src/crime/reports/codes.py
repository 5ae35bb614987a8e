"""Names of LAPD's codes."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def code_names(table: str) -> Mapping[str, str]:
    """Names of the codes of a table (`area`, `crime`, `premis`, `weapon` or `mo`), by code as text."""
    with (files("crime.reports") / "tables" / f"{table}.csv").open(encoding="utf-8") as lines:
        rows = csv.reader(lines)
        next(rows)
        return {row[0]: row[1] for row in rows}
