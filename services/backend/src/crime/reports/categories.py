"""What an LAPD report is: its columns, codes and categories, and how each written value is read.

One parser a column serves files, payloads and training alike. A parser takes the stripped, non-empty text of
a cell and returns `(value, repair)`, where `repair` names what had to be mended (or is None); it raises
`ValueError` with what was expected. Blank cells never reach a parser.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

CATEGORIES = {
    "fraud_forgery": "fraud/forgery",
    "violence_assault": "violence/assault",
    "vandalism_destruction": "vandalism/destruction",
    "theft_burglary": "theft/burglary",
    "weapons_legal": "weapons/legal offences",
    "sexual": "sexual crimes",
    "miscellaneous": "miscellaneous",
}
CATEGORY_NAMES = tuple(CATEGORIES.values())


@cache
def category_of_crime_code() -> Mapping[int, int]:
    """Index into `CATEGORIES` of every crime code LAPD uses."""
    keys = list(CATEGORIES)
    with (files("crime.reports") / "tables" / "crime.csv").open(encoding="utf-8") as lines:
        return {int(row["Crm Cd"]): keys.index(row["Category"]) for row in csv.DictReader(lines)}
