"""What an LAPD report is: its columns, codes and categories, and how each written value is read.

One parser a column serves files, payloads and training alike. A parser takes the stripped, non-empty text of
a cell and returns `(value, repair)`, where `repair` names what had to be mended (or is None); it raises
`ValueError` with what was expected. Blank cells never reach a parser.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def code_names(name: str) -> Mapping[str, str]:
    """Names of `area`, `crime`, `premis`, `weapon` or `mo` codes, by code as LAPD writes it."""
    with (files("crime.reports") / "tables" / f"{name}.csv").open(encoding="utf-8") as lines:
        rows = csv.reader(lines)
        next(rows)
        return {row[0]: row[1] for row in rows}
