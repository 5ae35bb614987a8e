"""The columns of LAPD's table, and the detail levels of a report."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

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

# how much is known of a report, from a form's first three fields to the whole report
DetailLevel = Literal["place_time", "premise", "weapon", "report"]
DETAIL_LEVELS: dict[DetailLevel, str] = {
    "place_time": "place and time",
    "premise": "+ premise",
    "weapon": "+ weapon",
    "report": "+ MO codes",
}
SHIFTS = ("00:00-08:00", "08:00-16:00", "16:00-24:00")


@dataclass(frozen=True)
class Column:
    """A column of LAPD's table. `parse`: None if it is never read; `codes`: the table that names its codes."""

    name: str
    about: str
    parse: Callable[[str], Parsed] | None = None
    required: bool = False
    codes: str | None = None

    @property
    def key(self) -> str:
        """The name that fields and payloads use, such as `time_occ`."""
        return column_key(self.name)


@lru_cache(1024)
def column_key(name: str) -> str:
    """The key of a column's name in any spelling: of `AREA `, `Area` and `\ufeffAREA` it is `area`."""
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
# A blank cell in these means "none was recorded" if the table has the column; elsewhere it means "not known".
BLANK_MEANS_NONE = ("premis_cd", "weapon_used_cd", "mocodes")


def is_known_code(key: str, code: object) -> bool:
    """Whether LAPD's table of the column's codes has this one; true for a column without codes."""
    table = COLUMNS[key].codes
    return table is None or str(code) in code_names(table)
