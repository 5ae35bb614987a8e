"""What a column and a source of reports are, and the detail levels of a report."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from crime.reports.codes import code_names
from crime.reports.parsers import Parsed
from crime.reports.systems import System

# how much is known of a report, from a form's first three fields to the whole report
DetailLevel = Literal["place_time", "premise", "weapon", "report"]
DETAIL_LEVELS: dict[DetailLevel, str] = {
    "place_time": "place and time",
    "premise": "+ premise",
    "weapon": "+ weapon",
    "report": "+ MO codes, circumstances",
}
SHIFTS = ("00:00-08:00", "08:00-16:00", "16:00-24:00")


@dataclass(frozen=True)
class Column:
    """A column of a source. `parse`: None if it is never read; `codes`: the table that names its codes.

    `field`: the report's field that it fills, if that is named otherwise. `aliases`: keys of other dialects.
    """

    name: str
    about: str
    parse: Callable[[str], Parsed] | None = None
    required: bool = False
    codes: str | None = None
    field: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name that fields and payloads use, such as `time_occ`."""
        return self.field or column_key(self.name)

    @property
    def names(self) -> set[str]:
        """The keys of its names in all dialects."""
        return {column_key(self.name), *self.aliases}

    def is_known(self, code: str) -> bool:
        """Whether the table of the column's codes has this one; true for a column without a table."""
        return self.codes is None or code in code_names(self.codes)


@dataclass(frozen=True)
class Dataset:
    """A table on the portal. `last_day`: that of its last event, if no more rows will come: the table is frozen.

    `optional`: a fetch of all tables goes on without it, should the portal no longer have it.
    """

    id: str
    title: str
    last_day: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Retired:
    """A table that is no longer on the portal: the day on which it went, and the id of the one that has its rows."""

    on: str
    successor: str


@dataclass(frozen=True)
class Source:
    """The reports that LAPD publishes in one system, and how rows become reports.

    `datasets`: on the portal, oldest years first. `complete_until`: the last day of which LAPD wrote all reports to
    them, None for a system that is kept up. `retired`: datasets of earlier years that are gone, by id.
    """

    system: System
    datasets: tuple[Dataset, ...]
    columns: tuple[Column, ...]
    complete_until: str | None = None
    retired: Mapping[str, Retired] = field(default_factory=dict)

    @cached_property
    def fields(self) -> Mapping[str, Column]:
        """The columns that are read, by the field of a report that they fill."""
        return {column.key: column for column in self.columns if column.parse}

    @cached_property
    def field_of(self) -> Mapping[str, str]:
        """The field of each column that is read, by the column's key in any dialect."""
        return {name: column.key for column in self.columns if column.parse for name in column.names}

    @cached_property
    def names(self) -> frozenset[str]:
        """The keys of all columns, read or not, in all dialects."""
        return frozenset(name for column in self.columns for name in column.names)


@lru_cache(1024)
def column_key(name: str) -> str:
    """The key of a column's name in any spelling: of `AREA `, `Area` and `\ufeffAREA` it is `area`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
