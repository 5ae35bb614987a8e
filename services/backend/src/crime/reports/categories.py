"""Categories of crimes, and the category of each of LAPD's crime codes."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

# names by key; labels are indices into this order
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
    """Index into `CATEGORIES` by crime code, of every code that LAPD uses."""
    keys = list(CATEGORIES)
    with (files("crime.reports") / "tables" / "crime.csv").open(encoding="utf-8") as lines:
        return {int(row["Crm Cd"]): keys.index(row["Category"]) for row in csv.DictReader(lines)}
