"""What an LAPD report is: its columns, codes and categories, and how each written value is read.

One parser a column serves files, payloads and training alike. A parser takes the stripped, non-empty text of
a cell and returns `(value, repair)`, where `repair` names what had to be mended (or is None); it raises
`ValueError` with what was expected. Blank cells never reach a parser.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from crime.reports.codes import code_names
from crime.reports.parsers import (
    Parsed,
    parse_age,
    parse_area,
    parse_code,
    parse_date,
    parse_district,
    parse_latitude,
    parse_letter,
    parse_longitude,
    parse_mocodes,
    parse_text,
    parse_time,
)

# How much is known of a report, from a form's first three fields to the whole report.
DETAIL_LEVELS = {
    "place_time": "place and time",
    "premise": "+ premise",
    "weapon": "+ weapon",
    "report": "+ MO codes",
}
SHIFTS = ("00:00-08:00", "08:00-16:00", "16:00-24:00")


@dataclass(frozen=True)
class Column:
    """One column of LAPD's table. `parse` is None where the project never reads it."""

    name: str
    about: str
    parse: Callable[[str], Parsed] | None = None
    required: bool = False
    codes: str | None = None  # the table its codes are named in

    @property
    def key(self) -> str:
        return column_key(self.name)


@lru_cache(1024)
def column_key(name: str) -> str:
    """A column's name without dialect: `AREA `, `Area` and a BOM before it are `area`; `Part 1-2`, `part_1_2`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


COLUMNS = {
    column.key: column
    for column in (
        Column("DR_NO", "report number", parse_text),
        Column("Date Rptd", "date the report was taken", parse_date),
        Column("DATE OCC", "date it happened", parse_date, required=True),
        Column("TIME OCC", "24-hour time it happened", parse_time, required=True),
        Column("AREA", "area, 1 to 21", parse_area, required=True, codes="area"),
        Column("AREA NAME", "the area's name"),
        Column("Rpt Dist No", "reporting district", parse_district),
        Column("Part 1-2", "follows from the crime code: never read"),
        Column("Crm Cd", "crime code: the answer, read only to train and evaluate", parse_code, codes="crime"),
        Column("Crm Cd Desc", "follows from the crime code: never read"),
        Column("Mocodes", "how it was done", parse_mocodes, codes="mo"),
        Column("Vict Age", "victim's age, used only by a model trained for it", parse_age),
        Column("Vict Sex", "victim's sex, used only by a model trained for it", parse_letter),
        Column("Vict Descent", "victim's descent, used only by a model trained for it", parse_letter),
        Column("Premis Cd", "kind of place", parse_code, codes="premis"),
        Column("Premis Desc", "the kind of place's name"),
        Column("Weapon Used Cd", "weapon", parse_code, codes="weapon"),
        Column("Weapon Desc", "the weapon's name"),
        Column("Status", "follows from the investigation: never read"),
        Column("Status Desc", "follows from the investigation: never read"),
        Column("Crm Cd 1", "follows from the crime code: never read"),
        Column("Crm Cd 2", "follows from the crime code: never read"),
        Column("Crm Cd 3", "follows from the crime code: never read"),
        Column("Crm Cd 4", "follows from the crime code: never read"),
        Column("LOCATION", "street, to the hundred block"),
        Column("Cross Street", "nearest cross street"),
        Column("LAT", "degrees north", parse_latitude),
        Column("LON", "degrees east", parse_longitude),
    )
}
REQUIRED_COLUMNS = tuple(key for key, column in COLUMNS.items() if column.required)
# A blank in these says "none was recorded" once the column is there; elsewhere a blank says nothing.
BLANK_MEANS_NONE = ("premis_cd", "weapon_used_cd", "mocodes")


def is_known_code(column: str, value: object) -> bool:
    """Whether LAPD's own table names this code."""
    codes = COLUMNS[column].codes
    return codes is None or str(value) in code_names(codes)
