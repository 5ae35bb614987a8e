"""A JSON list of reports, read column by column: the same values and problems as `Report`, in a tenth of the time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from fastapi.exceptions import RequestValidationError

from crime.classifier.scoring import HASHED_TYPES, encode_cells
from crime.reports.cells import OMITTED
from crime.reports.parsing import OBJECT_FIELDS, parse_columns
from crime.reports.schema import Source, column_key
from crime.reports.sources import (
    CIRCUMSTANCES,
    FIELD_OF_NAME,
    FIELDS,
    REQUIRED_FIELDS,
    SOURCES,
    is_filled,
    own_columns,
    system_of,
)
from crime.reports.systems import SYSTEMS, System
from crime.reports.table import CellError, EncodedColumn, Reports
from crime.reports.tally import Tally
from crime.serving.errors import MAX_PROBLEMS
from crime.serving.payloads.report import (
    MAX_REPORT_NUMBER_CHARACTERS,
    OPTIONAL_FIELDS,
    REPORT_COLUMNS,
    told_mo_codes,
)
from crime.serving.payloads.report_warnings import different_forms, list_warnings

MARKS = own_columns("nibrs")  # columns that tell a report's system, read or not


@dataclass(frozen=True)
class ReportList:
    """`missing`, `warnings`: for each report as in its `ModelInput`, `unknown_codes` by row. No report has an error."""

    reports: Reports
    missing: list[list[str]]
    unknown_codes: dict[int, list[str]]
    warnings: list[list[str]]


@dataclass(frozen=True)
class _Problem:
    """What is wrong with one report: `column` is LAPD's name, None if the report is no object."""

    row: int
    column: str | None
    value: Any
    message: str


def parse_report_list(reports: list[Any]) -> ReportList:
    """Read a JSON list of reports.

    Raises `RequestValidationError`, which names rows and fields: every cell of a wrong type, or else the first problem
    of each report.
    """
    not_objects = [row for row, report in enumerate(reports) if not isinstance(report, dict)]
    if not_objects:
        row = not_objects[0]
        message = "expected a report: an object with LAPD's column names"
        raise _validation_error([_Problem(row, None, reports[row], message)])
    required = {key: [OMITTED] * len(reports) for key in REQUIRED_FIELDS}
    cells = required | cells_by_column(reports)
    problems = list(islice(_type_problems(cells, reports), MAX_PROBLEMS))
    if problems:
        raise _validation_error(problems)
    columns = {key: encode_cells(key, column) for key, column in cells.items()}
    parsed = parse_columns(columns, len(reports), Tally(), reading="payload")
    for row in np.flatnonzero(~parsed.accepted)[:MAX_PROBLEMS].tolist():
        error: CellError = parsed.errors[row]
        key = FIELD_OF_NAME[error.column]
        value = next((column[row] for name, column in cells.items() if _field(name) == key), OMITTED)
        column = REPORT_COLUMNS[key]
        message = f"required: expected {column.about}" if error.kind == "missing" else error.message
        problems.append(_Problem(row, column.name, None if value is OMITTED or value != value else value, message))
    if problems:
        raise _validation_error(problems)
    systems = [SYSTEMS[system] for system in parsed.fields["system"].astype(int).tolist()]
    warnings = list_warnings(reports, systems, cells.values())
    return ReportList(parsed, _missing(parsed.fields), unknown_codes(columns, parsed.fields), warnings)


def cells_by_column(reports: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The cells (rows,) of each column that is read, by its key, `OMITTED` where a report lacks it."""
    names: dict[str, list[str]] = {}
    forms = different_forms(reports)
    alike: dict[str, tuple[Any, ...]] = {}  # the cells by name where all reports have the same names
    if len(forms) == 1:
        alike = dict(zip(*forms, zip(*(report.values() for report in reports), strict=True), strict=False))
    for name in dict.fromkeys(chain.from_iterable(forms)):
        if _field(key := column_key(name)) in (*REPORT_COLUMNS, "dr_no") or key in MARKS:
            names.setdefault(key, []).insert(0, name)  # of a column that comes twice the last counts
    cells: dict[str, list[Any]] = {}
    for key, spellings in names.items():
        if len(spellings) == 1 and alike:
            column = list(alike[spellings[0]])
        elif len(spellings) == 1:
            column = [report.get(spellings[0], OMITTED) for report in reports]
        else:
            column = [next((report[name] for name in spellings if name in report), OMITTED) for report in reports]
        if _field(key) == "dr_no":
            column = [
                str(cell)[:MAX_REPORT_NUMBER_CHARACTERS] if isinstance(cell, str | int) else OMITTED for cell in column
            ]
        elif key == "mocodes" and list in set(map(type, column)):
            column = [" ".join(map(str, cell)) if isinstance(cell, list) else cell for cell in column]
        elif key in MARKS and _field(key) not in REPORT_COLUMNS:  # not read: only whether it is filled matters
            column = ["1" if is_filled(cell) else OMITTED for cell in column]
        cells[key] = column
    return cells


def _field(key: str) -> str | None:
    """The field of a report that a column of this key fills, in whichever system."""
    if key == "system":
        return key
    return next((source.field_of[key] for source in SOURCES.values() if key in source.field_of), None)


def _type_problems(cells: dict[str, list[Any]], reports: Sequence[Mapping[str, Any]]) -> Iterable[_Problem]:
    """The cells of a wrong type, except in fields that a report's system does not have: they are not read."""
    for key, column in cells.items():
        field = _field(key)
        allowed = HASHED_TYPES | {bool} if field in CIRCUMSTANCES else HASHED_TYPES
        if field in REPORT_COLUMNS and not set(map(type, column)) <= allowed:
            for row, cell in enumerate(column):
                if type(cell) not in allowed and (key == "system" or key in _source_of(reports[row]).field_of):
                    yield _Problem(row, REPORT_COLUMNS[field].name, cell, "expected a string or a number")


def _source_of(report: Mapping[str, Any]) -> Source:
    return SOURCES[system_of((column_key(name), value) for name, value in report.items())]


def _missing(fields: dict[str, np.ndarray]) -> list[list[str]]:
    """For each report the optional fields that are not known. Most reports share one of a few such lists."""
    optional = list(dict.fromkeys(chain.from_iterable(OPTIONAL_FIELDS.values())))
    absent = [
        fields[key] == None if key in OBJECT_FIELDS else np.isnan(fields[key])  # noqa: E711 (elementwise)
        for key in optional
    ]
    bits = fields["system"].astype(int)  # of a report, which tell its list
    for is_absent in absent:
        bits = bits * 2 + is_absent
    _, first_rows, list_of_row = np.unique(bits, return_index=True, return_inverse=True)
    lists = []
    for row in first_rows.tolist():
        missing = {key for key, is_absent in zip(optional, absent, strict=True) if is_absent[row]}
        system = SYSTEMS[int(fields["system"][row])]
        lists.append([REPORT_COLUMNS[key].name for key in OPTIONAL_FIELDS[system] if key in missing])
    return [lists[number] for number in list_of_row.tolist()]


def unknown_codes(columns: Mapping[str, EncodedColumn], fields: Mapping[str, np.ndarray]) -> dict[int, list[str]]:
    """By row, where there are any, the codes that LAPD's tables lack. `fields`: as they were read of the `columns`."""
    unknown: dict[int, list[str]] = {}
    for key in filter(columns.__contains__, ("premis_cd", "premise_cd", "weapon_used_cd")):
        texts, index = columns[key]
        for number, system in enumerate(SYSTEMS):
            if not (fields["system"] == number).any():
                continue
            codes = {position: _unknown_code_in(system, key, text) for position, text in enumerate(texts)}
            with_unknown = [position for position, code in codes.items() if code]
            for row in np.flatnonzero(np.isin(index, with_unknown) & (fields["system"] == number)).tolist():
                unknown.setdefault(row, []).append(codes[int(index[row])])
    column, mo_codes = FIELDS["mocodes"], fields["mocodes"].tolist()
    different = set(chain.from_iterable(filter(None, mo_codes)))
    names_of_unknown = {code: f"{column.name} {code}" for code in different if not column.is_known(code)}
    if names_of_unknown:
        for row, of_row in enumerate(mo_codes):
            if of_row and not names_of_unknown.keys().isdisjoint(of_row):
                names = [names_of_unknown[code] for code in of_row if code in names_of_unknown]
                unknown[row] = unknown.get(row, []) + told_mo_codes(names)
    return unknown


def _unknown_code_in(system: System, key: str, cell: Any) -> str:
    """The code of a premise's or weapon's cell, with its column, if LAPD's table lacks it; else blank."""
    source = SOURCES[system]
    text = "" if cell is OMITTED else cell.strip()
    if not text or key not in source.field_of:
        return ""
    column = source.fields[source.field_of[key]]
    if column.codes is None or column.parse is None:
        return ""
    try:
        code = column.parse(text)[0].code
    except ValueError:  # of a report of the other system
        return ""
    return f"{REPORT_COLUMNS[column.key].name} {code}" if code and not column.is_known(code) else ""


def _validation_error(problems: list[_Problem]) -> RequestValidationError:
    return RequestValidationError(
        [
            {
                "loc": ("body", problem.row, *([problem.column] if problem.column else ())),
                "msg": problem.message,
                "type": "value_error",
                "input": problem.value,
            }
            for problem in problems[:MAX_PROBLEMS]
        ]
    )
