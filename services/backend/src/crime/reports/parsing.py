"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from crime.core.errors import DataError
from crime.reports.categories import category_of_crime_code
from crime.reports.cells import BLANK, MAX_CACHED_CHARACTERS, OMITTED, PLAIN_PARSERS, cell_text, parse_cell
from crime.reports.schema import COLUMNS, REQUIRED_COLUMNS, column_key
from crime.reports.table import CellError, EncodedColumn, Reports, encode_column
from crime.reports.tally import Tally


def parse_columns(
    columns: Mapping[str, EncodedColumn],
    rows: int,
    tally: Tally,
    labelled: bool = False,
    only: Collection[str] | None = None,
    strict: bool = False,
) -> Reports:
    """Parse and check a block of columns (by key), or `only` some; counts repairs and rejections in `tally`.

    Unreadable optional cells become "not known" and count as repaired; an unreadable or blank required cell,
    and with `labelled` a crime code that no category is known for, rejects the row. If `strict` whatever can't be
    read does, and a date of report before the event.
    """
    first = tally.rows - len(tally.misshapen) + 1
    tally.rows += rows
    errors = np.full(rows, None, object)
    fields: dict[str, np.ndarray] = {}
    code, label = np.zeros(rows, int), np.full(rows, -1)
    wanted = [k for k, column in COLUMNS.items() if column.parse and (labelled or k != "crm_cd")]
    if only is not None:
        wanted = [k for k in wanted if k in only or k == "crm_cd"]
    for name in wanted:
        column, encoded = COLUMNS[name], columns.get(name)
        if encoded is None:
            if name in REQUIRED_COLUMNS or (labelled and name == "crm_cd"):
                raise DataError(f"no column {column.name!r}")
            fields[name] = np.full(rows, None, object) if name in ("mocodes", "dr_no") else np.full(rows, np.nan)
            continue
        cells, index = encoded
        if name in PLAIN_PARSERS and (known := PLAIN_PARSERS[name](cells)) is not None:
            fields[name] = known[index]
            continue
        values: list[Any] = []
        bad: dict[int, CellError] = {}
        required = column.required or (labelled and name == "crm_cd")
        counts = np.bincount(index, minlength=len(cells)).tolist()
        for at, cell in enumerate(cells):
            short = not isinstance(cell, str | bytes) or len(cell) <= MAX_CACHED_CHARACTERS
            value, repair, error = (parse_cell if short else parse_cell.__wrapped__)(name, cell, strict)
            if error == BLANK:
                if required and counts[at]:
                    bad[at] = CellError(column.name, "missing", "is blank")
            elif error is not None and (required or strict):
                bad[at] = CellError(column.name, "unreadable", error)
            elif error is not None:
                repair = f"{column.name} unreadable, taken as not known"
            if name == "crm_cd" and value is not None and value not in category_of_crime_code():
                bad[at] = CellError(column.name, "unknown_code", f"no category is known for code {value}")
            if repair and counts[at]:
                tally.repaired[repair] += counts[at]
            values.append(value)
        if bad:
            for row in np.flatnonzero(np.isin(index, list(bad))):
                if errors[row] is None:
                    errors[row] = bad[index[row]]
                    cell = cells[index[row]]
                    tally.reject(str(errors[row]), first + int(row), "" if cell is OMITTED else cell_text(cell)[0])
        if name == "crm_cd":
            code = np.array([v or 0 for v in values], int)[index]
            label = np.array([category_of_crime_code().get(v, -1) for v in values], int)[index]
        elif name in ("mocodes", "dr_no"):
            lookup = np.empty(len(values), object)
            lookup[:] = values
            fields[name] = lookup[index]
        else:
            fields[name] = np.array([np.nan if v is None else v for v in values], float)[index]
    early = fields["date_rptd"] < fields["date_occ"]
    if early.any() and strict:
        wrong_order = CellError("Date Rptd", "order", "expected a date not before DATE OCC")
        errors[early & (errors == None)] = wrong_order  # noqa: E711 (elementwise)
    elif early.any():
        tally.repaired["Date Rptd before DATE OCC, taken as not known"] += int(early.sum())
        fields["date_rptd"][early] = np.nan
    return Reports(fields, code, label, errors)


def parse_records(rows: Sequence[Mapping[str, Any]], tally: Tally, labelled: bool = False) -> Reports:
    """Reports from records (dicts by any dialect of LAPD's column names), all with the same keys."""
    names = {column_key(name): name for name in reversed(list(rows[0]))} if rows else {}
    columns = {k: encode_column([row[name] for row in rows]) for k, name in names.items() if k in COLUMNS}
    return parse_columns(columns, len(rows), tally, labelled)


def locate_columns(names: Sequence[str]) -> dict[str, int]:
    """Where each column stands, by key; of a name that comes twice the first counts."""
    places: dict[str, int] = {}
    for at, name in enumerate(names):
        places.setdefault(column_key(name), at)
    missing = [COLUMNS[k].name for k in REQUIRED_COLUMNS if k not in places]
    if missing:
        shown = ", ".join(repr(name[:40]) for name in names[:30])
        raise DataError(f"not an LAPD table: no column {', '.join(map(repr, missing))}; it has {shown}")
    return places
