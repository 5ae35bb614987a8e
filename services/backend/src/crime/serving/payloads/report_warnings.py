"""What of a report is not as it looks, so that its answer says so: fields that are not read, and places that differ."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from crime.classifier.limits import TrainingLimits
from crime.reports.schema import column_key
from crime.reports.sources import KNOWN_COLUMNS, MAX_NAME_CHARACTERS, SOURCES, is_filled, near_name
from crime.reports.systems import SYSTEM_NAMES, SYSTEMS, System

MAX_NAMED = 5  # names of one report that are no fields; a search for the nearest takes a millisecond
MAX_SEARCHED = 100  # such names in a list, beyond which none is searched for
WARNED_OF = ("date_occ", "system", "area", "rpt_dist_no")  # fields whose values may be odd
_NOT_INPUTS = ("crime_code", "dr_no", "caseno")
# Keys that a report of a system may have without a word: those of its columns, read or not.
_EXPECTED = {system: source.names | {"system", "dr_no"} for system, source in SOURCES.items()}


def unread_warnings(report: Mapping[str, Any], system: System, search: bool = True) -> list[str]:
    """What the fields of a report, as they were sent, hold that is not read; nothing for most reports.

    `search`: for the name that was meant by one that is no field.
    """
    found: list[str] = []
    unknown: list[str] = []
    expected = _EXPECTED[system]
    for name, value in report.items():
        key = column_key(name)
        if key not in expected:
            if key not in KNOWN_COLUMNS:
                unknown.append(name)
            elif _is_input(key) and is_filled(value):
                found.append(f"{name}: not read in a report by {SYSTEM_NAMES[system]}")
        elif value != value and _is_input(key):
            found.append(f"{name}: NaN, taken as not known")
    for name in unknown[:MAX_NAMED]:
        near = near_name(column_key(name)) if search else None
        meant = f"; did you mean {near}?" if near else ""
        found.append(f"{name[:MAX_NAME_CHARACTERS]}: not a field{meant}")
    if len(unknown) > MAX_NAMED:
        found.append(f"{len(unknown) - MAX_NAMED} more names are not fields")
    return found


def _is_input(key: str) -> bool:
    return any(source.field_of.get(key, _NOT_INPUTS[0]) not in _NOT_INPUTS for source in SOURCES.values())


def different_forms(reports: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The names of the reports' fields in their order, once each; most lists have one such form."""
    first = list(reports[0]) if reports else []
    if all(map(first.__eq__, map(list, reports))):
        return [tuple(first)]
    return list(dict.fromkeys(map(tuple, reports)))


def list_warnings(
    reports: Sequence[Mapping[str, Any]], systems: Sequence[System], columns: Iterable[Sequence[Any]]
) -> list[list[str]]:
    """For each report of a list what `unread_warnings` says. `columns`: the list's cells, by column."""
    odd = {
        row for column in columns if float in set(map(type, column)) for row, cell in enumerate(column) if cell != cell
    }
    forms = different_forms(reports)
    plain = {
        (system, form): all(column_key(name) in _EXPECTED[system] for name in form)
        for system in set(systems)
        for form in forms
    }
    to_read = odd  # rows that may need a warning
    if not all(plain.values()):
        forms_of_rows = enumerate(zip(systems, map(tuple, reports), strict=True))
        to_read = odd | {row for row, form in forms_of_rows if not plain[form]}
    names = {name for form in forms for name in form if column_key(name) not in KNOWN_COLUMNS}
    found: list[list[str]] = [[] for _ in reports]
    for row in to_read:
        found[row] = unread_warnings(reports[row], systems[row], len(names) <= MAX_SEARCHED)
    return found


def value_warnings(limits: TrainingLimits, day: int, system: System, area: int, district: int) -> list[str]:
    """What the values of a report say that is odd, or that the model did not learn. `district`: 0 if not known."""
    found = limits.warnings(day, system)
    if district and district // 100 != area:
        found.append(f"Rpt Dist No: {district} is not in AREA {area}, whose districts are {area}00 to {area}99")
    return found


def odd_values(limits: TrainingLimits, fields: Mapping[str, np.ndarray]) -> dict[int, list[str]]:
    """By row the `value_warnings` of many reports, where there are any; `fields`: (rows,) each, as in `Reports`.

    To ask for them row by row would take longer.
    """
    day, system, area, district = (np.nan_to_num(fields[name]).astype(int) for name in WARNED_OF)
    pairs, pair_of_row = np.unique(2 * day + system, return_inverse=True)
    odd_pairs = [bool(limits.warnings(pair // 2, SYSTEMS[pair % 2])) for pair in pairs.tolist()]
    is_odd = np.array(odd_pairs, bool)[pair_of_row] | ((district > 0) & (district // 100 != area))
    return {
        row: value_warnings(limits, int(day[row]), SYSTEMS[system[row]], int(area[row]), int(district[row]))
        for row in np.flatnonzero(is_odd).tolist()
    }
