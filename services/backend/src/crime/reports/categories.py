"""Categories of crimes, and the category of each crime code of LAPD's two systems."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from crime.reports.systems import SYSTEMS, System

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
AREA_ONLY_CATEGORIES = ("sexual",)  # whose places are shown and exported no finer than their area
CATEGORY_NAMES = tuple(CATEGORIES.values())
_TABLES: dict[System, str] = {"legacy": "crime", "nibrs": "nibrs_crime"}


@dataclass(frozen=True)
class CrimeCode:
    """A code for what happened. `category`: index into `CATEGORIES`. `serious`: a felony as a rule."""

    system: System
    code: str
    name: str
    category: int
    serious: bool


def _read_codes() -> tuple[CrimeCode, ...]:
    keys = list(CATEGORIES)
    codes = []
    for system, table in _TABLES.items():
        with (files("crime.reports") / "tables" / f"{table}.csv").open(encoding="utf-8") as lines:
            rows = csv.reader(lines)
            next(rows)
            codes += [CrimeCode(system, row[0], row[1], keys.index(row[2]), row[3] == "1") for row in rows]
    return tuple(sorted(codes, key=lambda crime: (crime.system, crime.code)))


CRIME_CODES = _read_codes()  # `Reports.code` are indices into it
CATEGORY_OF_CODE = np.array([crime.category for crime in CRIME_CODES])  # (codes,) index into `CATEGORIES`
SERIOUS_CODES = np.array([crime.serious for crime in CRIME_CODES])  # (codes,) bool
SYSTEM_OF_CODE = np.array([SYSTEMS.index(crime.system) for crime in CRIME_CODES])  # (codes,) index into `SYSTEMS`


@cache
def crime_code_index() -> Mapping[tuple[System, str], int]:
    """Index into `CRIME_CODES` by system and code."""
    return {(crime.system, crime.code): index for index, crime in enumerate(CRIME_CODES)}
