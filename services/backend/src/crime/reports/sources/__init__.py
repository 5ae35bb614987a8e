"""The sources of reports, a file each, and which of them a table's columns belong to."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache

from crime.reports.parsers import parse_system
from crime.reports.schema import Column, Source, column_key
from crime.reports.sources.legacy import LEGACY
from crime.reports.sources.nibrs import NIBRS
from crime.reports.systems import System

SOURCES: Mapping[System, Source] = {source.system: source for source in (LEGACY, NIBRS)}
SYSTEM_COLUMN = Column(
    "System", f"report system, {' or '.join(SOURCES)}; told by the other columns if not given", parse_system
)
# The fields of a report, of whichever system, with the column that fills it: LAPD's older one where both have one.
FIELDS: Mapping[str, Column] = {"system": SYSTEM_COLUMN, **NIBRS.fields, **LEGACY.fields}
FIELD_OF_NAME: Mapping[str, str] = {"System": "system"} | {
    column.name: column.key for source in SOURCES.values() for column in source.columns
}
REQUIRED_FIELDS = tuple(key for key, column in LEGACY.fields.items() if column.required)
# A blank cell in these means "none was recorded" if the table has the column; elsewhere it means "not known".
BLANK_MEANS_NONE = ("premis_cd", "weapon_used_cd", "mocodes")
NAME_OF_CODE = {"premis_cd": "premis_desc", "weapon_used_cd": "weapon_desc"}  # the field that names another's code
CIRCUMSTANCES = ("victim_shot", "domestic_violence_crime", "gang_related_crime", "transit_related_crime")
# The keys of all columns, read or not, in any dialect.
KNOWN_COLUMNS = frozenset({"system"}.union(*(source.names for source in SOURCES.values())))
NEAR_NAME = 0.7  # similarity from which a name may be meant for another, as `difflib` counts it
MAX_NAME_CHARACTERS, MAX_UNREAD = 60, 30  # of a name that is compared; such names that are told
_NAME_OF_KEY = {"system": "System"} | {
    key: column.name for source in (NIBRS, LEGACY) for column in source.fields.values() for key in sorted(column.names)
}
# Columns that one source alone has: a row that fills one of them belongs to it.
_OWN = {"legacy": LEGACY.names - NIBRS.names, "nibrs": NIBRS.names - LEGACY.names - {"group"}}  # a common name

# The keys of all columns that are read, in any dialect, or that tell a row's system.
READ_COLUMNS = frozenset({"system"}.union(_OWN["nibrs"], *(source.field_of for source in SOURCES.values())))


def systems_of(columns: Collection[str]) -> tuple[System, ...]:
    """The systems whose reports a table with columns of these keys can hold; LAPD's own codes unless others show."""
    if "system" in columns:
        return tuple(SOURCES)
    marked = tuple(system for system in SOURCES if not _OWN[system].isdisjoint(columns))
    return marked or ("legacy",)


def unread_columns(names: Iterable[str]) -> list[str]:
    """Columns that no report has, each with the name that may be meant: `Premis Cdd (Premis Cd?)`.

    Of very many the first are named.
    """
    unread = [name for name in names if (key := column_key(name)) and key not in KNOWN_COLUMNS]
    told = [
        f"{name[:MAX_NAME_CHARACTERS]} ({near}?)"
        if (near := near_name(column_key(name)))
        else name[:MAX_NAME_CHARACTERS]
        for name in unread[:MAX_UNREAD]
    ]
    return [*told, f"{len(unread) - MAX_UNREAD:,} more"] if len(unread) > MAX_UNREAD else told


@lru_cache(1024)
def near_name(key: str) -> str | None:
    """The name of the column that may be meant by a key that no column has; where both systems have it, the older's."""
    near = get_close_matches(key[:MAX_NAME_CHARACTERS], _NAME_OF_KEY, 1, NEAR_NAME)
    return _NAME_OF_KEY[near[0]] if near else None


def aliases(name: str) -> set[str]:
    """The keys, in all dialects, of the columns that fill the same field as the one of this name."""
    key = column_key(name)
    fields = {(source.system, field) for source in SOURCES.values() if (field := source.field_of.get(key))}
    return {key}.union(*(SOURCES[system].fields[field].names for system, field in fields))


def own_columns(system: System) -> frozenset[str]:
    """The keys of columns that this source alone has."""
    return _OWN[system]


def system_of(cells: Iterable[tuple[str, object]]) -> System:
    """The system of one report, from its cells by column key: as it says, or NIBRS if it fills a column of NIBRS."""
    marked: System = "legacy"
    for key, value in cells:
        if key == "system" and isinstance(value, str) and value.strip().lower() in SOURCES:
            return "nibrs" if value.strip().lower() == "nibrs" else "legacy"
        if key in _OWN["nibrs"] and is_filled(value):
            marked = "nibrs"
    return marked


def is_filled(value: object) -> bool:
    """Whether a payload's value is more than null, NaN or blank."""
    return value is not None and value == value and bool(str(value).strip())
