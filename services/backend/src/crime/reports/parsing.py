"""Parse columns of cells into reports, and find LAPD's columns in a table's header."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from crime.core.errors import DataError
from crime.reports.categories import category_of_crime_code
from crime.reports.cells import MAX_CACHED_CHARACTERS, OMITTED, PLAIN_PARSERS, cell_text, parse_cell
from crime.reports.schema import COLUMNS, REQUIRED_COLUMNS, column_key
from crime.reports.table import CellError, EncodedColumn, Reports
from crime.reports.tally import Tally

OBJECT_FIELDS = ("mocodes", "dr_no")  # None if not known; all other fields are floats, NaN if not known


def parse_columns(
    columns: Mapping[str, EncodedColumn],
    rows: int,
    tally: Tally,
    labelled: bool = False,
    only: Collection[str] | None = None,
    strict: bool = False,
) -> Reports:
    """Parse a block of `rows` rows from its columns by key (of `only` these, if given), and count them in `tally`.

    A row is rejected for a required cell that is blank or unreadable; with `labelled` the crime code is required, too,
    and must have a category. An unreadable optional cell is taken as not known and counted as a repair; if `strict`,
    it rejects the row, as does a date of report before the date of the event. Raises `DataError` if a required column
    is missing.
    """
    first_row = tally.rows - len(tally.misshapen) + 1
    tally.rows += rows
    errors = np.full(rows, None, object)
    fields: dict[str, np.ndarray] = {}
    code, label = np.zeros(rows, int), np.full(rows, -1)
    for key, column in COLUMNS.items():
        is_code = key == "crm_cd"
        if not column.parse or (is_code and not labelled) or (only is not None and key not in only and not is_code):
            continue
        required, encoded = column.required or is_code, columns.get(key)
        if encoded is None:
            if required:
                raise DataError(f"no column {column.name!r}")
            fields[key] = np.full(rows, None, object) if key in OBJECT_FIELDS else np.full(rows, np.nan)
            continue
        cells, index = encoded
        if key in PLAIN_PARSERS and (plain := PLAIN_PARSERS[key](cells)) is not None:
            fields[key] = plain[index]
            continue
        values, cell_errors = _parse_distinct(key, encoded, required, strict, tally)
        _reject_rows(errors, cell_errors, encoded, first_row, tally)
        if is_code:
            categories = category_of_crime_code()
            code = np.array([value or 0 for value in values], int)[index]
            label = np.array([categories.get(value, -1) for value in values], int)[index]
        else:
            fields[key] = _field_array(key, values)[index]
    _check_date_order(fields, errors, strict, tally)
    return Reports(fields, code, label, errors)


def _parse_distinct(
    key: str, encoded: EncodedColumn, required: bool, strict: bool, tally: Tally
) -> tuple[list[Any], dict[int, CellError]]:
    """Values of a column's distinct cells, and by position the errors for which rows are rejected."""
    cells, index = encoded
    values: list[Any] = []
    errors: dict[int, CellError] = {}
    counts = np.bincount(index, minlength=len(cells)).tolist()
    for position, (cell, count) in enumerate(zip(cells, counts, strict=True)):
        cached = not isinstance(cell, str | bytes) or len(cell) <= MAX_CACHED_CHARACTERS
        parsed = (parse_cell if cached else parse_cell.__wrapped__)(key, cell, strict)
        repair, error = parsed.repair, parsed.error
        if error is not None and (required or (strict and error.kind != "missing")):
            errors[position] = error
        elif error is not None and error.kind != "missing":
            repair = f"{error.column} unreadable, taken as not known"
        if repair and count:
            tally.repaired[repair] += count
        values.append(parsed.value)
    return values, errors


def _reject_rows(
    errors: np.ndarray, cell_errors: dict[int, CellError], encoded: EncodedColumn, first_row: int, tally: Tally
) -> None:
    """Write a column's errors into `errors` (rows,), unless an earlier column has rejected the row."""
    cells, index = encoded
    if not cell_errors:
        return
    for row in np.flatnonzero(np.isin(index, list(cell_errors))).tolist():
        if errors[row] is None:
            error, cell = cell_errors[index[row]], cells[index[row]]
            errors[row] = error
            tally.reject(str(error), first_row + row, "" if cell is OMITTED else cell_text(cell)[0])


def _field_array(key: str, values: list[Any]) -> np.ndarray:
    if key not in OBJECT_FIELDS:
        return np.array([np.nan if value is None else value for value in values], float)
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _check_date_order(fields: dict[str, np.ndarray], errors: np.ndarray, strict: bool, tally: Tally) -> None:
    """Reject rows reported before they happened if `strict`, else take their date of report as not known."""
    early = fields["date_rptd"] < fields["date_occ"]
    if not early.any():
        return
    if strict:
        error = CellError("Date Rptd", "order", "expected a date not before DATE OCC")
        errors[early & (errors == None)] = error  # noqa: E711 (elementwise)
    else:
        tally.repaired["Date Rptd before DATE OCC, taken as not known"] += int(early.sum())
        fields["date_rptd"][early] = np.nan


def locate_columns(names: Sequence[str]) -> dict[str, int]:
    """Positions of columns by key, of the first if a name repeats. Raises `DataError` if a required one is missing."""
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        positions.setdefault(column_key(name), position)
    missing = [COLUMNS[key].name for key in REQUIRED_COLUMNS if key not in positions]
    if missing:
        shown = ", ".join(repr(name[:40]) for name in names[:30])
        raise DataError(f"not an LAPD table: no column {', '.join(map(repr, missing))}; it has {shown}")
    return positions
