"""Parse columns of cells into reports, and find a source's columns in a table's header."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from crime.core.errors import ColumnsError, DataError
from crime.reports.categories import CATEGORY_OF_CODE, crime_code_index
from crime.reports.cells import OMITTED, PLAIN_PARSERS, cell_text, parse_cell
from crime.reports.column_cells import ColumnCells
from crime.reports.coordinates import coordinates_in, place_column
from crime.reports.schema import Source, column_key
from crime.reports.sources import (
    FIELDS,
    NAME_OF_CODE,
    READ_COLUMNS,
    REQUIRED_FIELDS,
    SOURCES,
    aliases,
    near_name,
    own_columns,
    systems_of,
)
from crime.reports.systems import SYSTEMS, Code, System
from crime.reports.table import CellError, EncodedColumn, Reports
from crime.reports.table_dates import DATE_CHARACTERS
from crime.reports.tally import Tally

# names of the columns of dates, by key in any dialect
DATE_COLUMNS = {name: FIELDS[key].name for key in ("date_occ", "date_rptd") for name in sorted(FIELDS[key].names)}
# How a block is read. An unreadable cell of a column that need not be there is repaired, to "not known", or it rejects
# the row. Of a payload it rejects the row, too, and what only programs write into tables is unreadable.
Reading = Literal["repair", "reject", "payload"]
# None if not known; all other fields are floats, NaN if not known
OBJECT_FIELDS = frozenset({"mocodes", "dr_no", "caseno", *NAME_OF_CODE})


@dataclass
class _Block:
    """A block being parsed: what applies to all of its columns, and its errors (rows,) so far.

    `first_row`: number of the block's first row in the table. `rows`: of the table's rows, those in this block.
    """

    source: Source
    rows: np.ndarray
    first_row: int
    labelled: bool
    reading: Reading
    tally: Tally
    errors: np.ndarray
    fields: dict[str, np.ndarray] = field(default_factory=dict)


def parse_columns(
    columns: Mapping[str, EncodedColumn],
    rows: int,
    tally: Tally,
    labelled: bool = False,
    only: Collection[str] | None = None,
    reading: Reading = "repair",
) -> Reports:
    """Parse a block of `rows` rows from its columns by key (of `only` these fields, if given), and count them.

    A row is rejected for a required cell that is blank or unreadable; with `labelled` the crime code is required, too,
    and must have a category. An unreadable optional cell is counted as a repair or rejects the row, see `Reading`; so
    does a date of report before the date of the event. A table with columns of both systems holds rows of both. Raises
    `DataError` if a required column is missing, or if it is not told whether dates have the day or the month first; of
    a payload, the month is first.
    """
    first_row = tally.rows - tally.misshapen_rows + 1
    is_payload = reading == "payload"
    if not is_payload:
        columns = {**columns, **_month_first_columns(columns, tally), **_coordinate_columns(columns)}
    tally.rows += rows
    parts = []
    for system, numbers in _rows_by_system(columns, rows, is_payload).items():
        whole = len(numbers) == rows
        tally.systems[system] += len(numbers)
        encoded: dict[str, EncodedColumn] = {}
        for key, (cells, index) in columns.items():
            if name := SOURCES[system].field_of.get(key):
                column = (cells, index if whole else index[numbers])
                encoded[name] = first_filled(encoded[name], column) if name in encoded else column
        errors = np.full(len(numbers), None, object)
        block = _Block(SOURCES[system], numbers, first_row, labelled, reading, tally, errors)
        parts.append((numbers, _parse_rows(block, encoded, only)))
    reports = parts[0][1] if len(parts) == 1 else _interleave(parts, rows)
    if "system" in columns:
        _tell_wrong_systems(reports, columns["system"], first_row, is_payload, tally)
    return reports


def learn_dates(columns: Mapping[str, EncodedColumn], tally: Tally) -> None:
    """Learn from a block whether the table's dates have the day or the month first."""
    for key in filter(columns.__contains__, DATE_COLUMNS):
        texts = (cell for cell in columns[key][0] if isinstance(cell, str | bytes))
        one_of_each_day = {cell[:DATE_CHARACTERS]: cell for cell in texts}
        tally.dates.learn(DATE_COLUMNS[key], map(_text, one_of_each_day.values()))


def _month_first_columns(columns: Mapping[str, EncodedColumn], tally: Tally) -> dict[str, EncodedColumn]:
    """The block's columns of dates that LAPD writes otherwise, rewritten with the month first. Raises `DataError`."""
    learn_dates(columns, tally)
    rewritten: dict[str, EncodedColumn] = {}
    for key in filter(columns.__contains__, DATE_COLUMNS):
        if rewrite := tally.dates.rewriter(DATE_COLUMNS[key]):
            cells, index = columns[key]
            rewritten[key] = [cell if cell is OMITTED else rewrite(_text(cell)) for cell in cells], index
    return rewritten


def _coordinate_columns(columns: Mapping[str, EncodedColumn]) -> dict[str, EncodedColumn]:
    """Columns LAT and LON of a table that has both in one column; none for other tables."""
    key = place_column(columns)
    if key is None:
        return {}
    pairs = [coordinates_in(_text(cell)) for cell in columns[key][0]]
    if not any(pairs):
        return {}
    latitudes, longitudes = ([pair[side] if pair else "" for pair in pairs] for side in (0, 1))
    return {"lat": (latitudes, columns[key][1]), "lon": (longitudes, columns[key][1])}


def _tell_wrong_systems(reports: Reports, column: EncodedColumn, first_row: int, reject: bool, tally: Tally) -> None:
    """Reject the rows whose `System` is unreadable, or count it, since other columns told the system."""
    cells, index = column
    texts = [_text(cell).lower() for cell in cells]
    rows = np.flatnonzero(np.array([bool(text) and text not in SYSTEMS for text in texts], bool)[index])
    if not len(rows):
        return
    if not reject:
        tally.repaired["System unreadable, told by the other columns"] += len(rows)
        return
    error = CellError("System", "unreadable", f"expected a report system, {' or '.join(SYSTEMS)}")
    for row in rows.tolist():
        if reports.errors[row] is None:
            reports.errors[row] = error
            tally.reject(str(error), first_row + row, texts[index[row]])


def first_filled(first: EncodedColumn, second: EncodedColumn) -> EncodedColumn:
    """Of two columns that fill the same field, each row's cell of the first, or of the second if that is blank."""
    (cells, index), (others, other_index) = first, second
    blank = np.array([not _text(cell) for cell in cells], bool)
    return [*cells, *others], np.where(blank[index], len(cells) + other_index, index)


def _rows_by_system(columns: Mapping[str, EncodedColumn], rows: int, each: bool) -> dict[System, np.ndarray]:
    """The numbers of each system's rows. Where a table can hold both, a row that fills a NIBRS column is NIBRS.

    `each`: the rows are reports of their own, and not a table of one system.
    """
    systems = systems_of(columns)
    if len(systems) == 1 and not (each and systems[0] == "nibrs"):
        return {systems[0]: np.arange(rows)}
    is_nibrs = np.zeros(rows, bool)
    for key in own_columns("nibrs") & columns.keys():
        cells, index = columns[key]
        is_nibrs |= np.array([bool(_text(cell)) for cell in cells], bool)[index]
    if "system" in columns:
        cells, index = columns["system"]
        texts = [_text(cell).lower() for cell in cells]
        told = np.array([SYSTEMS.index(text) if text in SYSTEMS else -1 for text in texts])[index]
        is_nibrs = np.where(told >= 0, told == SYSTEMS.index("nibrs"), is_nibrs)
    by_system: dict[System, np.ndarray] = {"legacy": np.flatnonzero(~is_nibrs), "nibrs": np.flatnonzero(is_nibrs)}
    return {system: numbers for system, numbers in by_system.items() if len(numbers)} or {"legacy": np.arange(0)}


def _text(cell: Any) -> str:
    return "" if cell is OMITTED else cell_text(cell)[0]


def _parse_rows(block: _Block, columns: Mapping[str, EncodedColumn], only: Collection[str] | None) -> Reports:
    """The reports of one system's rows, from its columns by field."""
    rows = len(block.rows)
    code = np.full(rows, -1)
    for key, column in block.source.fields.items():
        is_answer = key == "crime_code"
        if key in NAME_OF_CODE.values() or (is_answer and not block.labelled):
            continue
        if only is not None and key not in only and not is_answer:
            continue
        encoded = columns.get(key)
        if encoded is None and (column.required or is_answer):
            raise DataError(f"no column {column.name!r}")
        if is_answer:
            assert encoded
            values, index = _parse_distinct(block, key, encoded), encoded[1]
            code = np.array([_crime_code(value) for value in values], int)[index]
        elif key in NAME_OF_CODE:
            block.fields[key] = _named_codes(block, key, encoded, columns.get(NAME_OF_CODE[key]))
        elif encoded is None:
            continue
        elif key in PLAIN_PARSERS and (plain := PLAIN_PARSERS[key](encoded[0])) is not None:
            block.fields[key] = plain[encoded[1]]
        else:
            block.fields[key] = _field_array(key, _parse_distinct(block, key, encoded))[encoded[1]]
    block.fields["system"] = np.full(rows, float(SYSTEMS.index(block.source.system)))
    for key in FIELDS:
        is_field = key not in ("crime_code", *NAME_OF_CODE.values()) and (only is None or key in only)
        if is_field and key not in block.fields:
            block.fields[key] = _unknown(key, rows)
    _check_date_order(block)
    return Reports(block.fields, code, np.where(code < 0, -1, CATEGORY_OF_CODE[code]), block.errors)


def _crime_code(value: Code | None) -> int:
    return -1 if value is None else crime_code_index().get((value.system, value.code), -1)


def _unknown(key: str, rows: int) -> np.ndarray:
    return np.full(rows, None, object) if key in OBJECT_FIELDS else np.full(rows, np.nan)


def _interleave(parts: list[tuple[np.ndarray, Reports]], rows: int) -> Reports:
    """One block of the reports of both systems, each at its row number."""

    def merge(arrays: list[np.ndarray]) -> np.ndarray:
        merged = np.empty(rows, arrays[0].dtype)
        for (numbers, _), array in zip(parts, arrays, strict=True):
            merged[numbers] = array
        return merged

    reports = [part for _, part in parts]
    return Reports(
        {key: merge([part.fields[key] for part in reports]) for key in reports[0].fields},
        merge([part.code for part in reports]),
        merge([part.label for part in reports]),
        merge([part.errors for part in reports]),
    )


def _parse_distinct(block: _Block, key: str, encoded: EncodedColumn) -> list[Any]:
    """Values of a column's distinct cells. Counts repairs, and rejects the rows of cells that are errors."""
    cells, index = encoded
    column, is_payload = block.source.fields[key], block.reading == "payload"
    required = column.required or key == "crime_code"
    rejects = required or is_payload or (block.reading == "reject" and not key.startswith("vict_"))
    seen = None  # where each unreadable cell is told row by row, none is lost in silence
    if not is_payload and (required or not rejects) and not key.startswith("vict_"):
        seen = block.tally.cells.setdefault(column.name, ColumnCells(required))
    values: list[Any] = []
    repairs: list[str | None] = []
    errors: dict[int, CellError] = {}
    counts = np.bincount(index, minlength=len(cells)).tolist()
    for position, (cell, count) in enumerate(zip(cells, counts, strict=True)):
        if not count:  # of the other system's rows
            values.append(None)
            repairs.append(None)
            continue
        parsed = parse_cell(block.source.system, key, cell, is_payload)
        repair, error = parsed.repair, parsed.error
        if seen:
            seen.count(parsed, count, cell)
            if key == "time_occ":
                seen.count_time(cell)
        if error is not None and (required or (rejects and error.kind != "missing")):
            errors[position] = error
        elif error is not None and error.kind != "missing":
            repair = f"{error.column} unreadable, taken as not known"
        if repair:
            block.tally.repaired[repair] += count
        values.append(parsed.value)
        repairs.append(repair if not repair or repair.startswith(column.name) else f"{column.name}: {repair}")
    if block.tally.row_repairs is not None and any(repairs):
        block.tally.row_repairs.append((block.rows, np.array(repairs, object)[index]))
    _reject_rows(block, errors, encoded)
    return values


def _reject_rows(block: _Block, cell_errors: dict[int, CellError], encoded: EncodedColumn) -> None:
    """Write a column's errors into the block's, unless an earlier column has rejected the row."""
    cells, index = encoded
    if not cell_errors:
        return
    texts = {position: _text(cells[position]) for position in cell_errors}  # not for each row: a text may be long
    for row in np.flatnonzero(np.isin(index, list(cell_errors))).tolist():
        if block.errors[row] is None:
            error = cell_errors[index[row]]
            block.errors[row] = error
            block.tally.reject(str(error), block.first_row + int(block.rows[row]), texts[index[row]])


def _named_codes(block: _Block, key: str, codes: EncodedColumn | None, names: EncodedColumn | None) -> np.ndarray:
    """(rows,) `Code` of a premise or weapon, from the columns of codes and of their names, either of which may miss.

    The name of one of LAPD's own codes follows from the code, so it is read only where there is none.
    """
    rows, system = len(block.rows), block.source.system
    code_values: list[Any] = [None]
    name_values: list[Any] = [None]
    code_index = name_index = np.zeros(rows, int)
    if codes is not None:
        code_values, code_index = _parse_distinct(block, key, codes), codes[1]
    without_code = np.array([not (value and value.code) for value in code_values], bool)
    if names is not None and (system == "nibrs" or without_code[code_index].any()):
        name_values, name_index = _parse_distinct(block, NAME_OF_CODE[key], names), names[1]
        if system == "legacy":
            name_index = np.where(without_code[code_index], name_index, len(name_values))
            name_values = [*name_values, None]
    pairs, pair_of_row = np.unique(code_index * len(name_values) + name_index, return_inverse=True)
    values = []
    for pair in pairs.tolist():
        code, name = code_values[pair // len(name_values)], name_values[pair % len(name_values)]
        values.append(Code(system, code.code if code else "", name) if name else code)
    return _field_array(key, values)[pair_of_row]


def _field_array(key: str, values: list[Any]) -> np.ndarray:
    if key not in OBJECT_FIELDS:
        return np.array([np.nan if value is None else value for value in values], float)
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _check_date_order(block: _Block) -> None:
    """Reject rows reported before they happened, or take their date of report as not known."""
    if not {"date_rptd", "date_occ"} <= block.fields.keys():
        return
    early = block.fields["date_rptd"] < block.fields["date_occ"]
    if not early.any():
        return
    if block.reading != "repair":
        error = CellError("Date Rptd", "order", "expected a date not before DATE OCC")
        for row in np.flatnonzero(early & (block.errors == None)).tolist():  # noqa: E711 (elementwise)
            block.errors[row] = error
            block.tally.reject(str(error), block.first_row + int(block.rows[row]), "")
    else:
        block.tally.repaired["Date Rptd before DATE OCC, taken as not known"] += int(early.sum())
        block.fields["date_rptd"][early] = np.nan


def recorded_labels(columns: Mapping[str, EncodedColumn], systems: np.ndarray) -> np.ndarray:
    """(rows,) index of the category of each row's own crime code; -1 without a known one.

    `systems`: (rows,) index of each row's report system.
    """
    labels = np.full(len(systems), -1)
    for number, system in enumerate(SYSTEMS):
        rows = systems == number
        keys = [key for key in columns if SOURCES[system].field_of.get(key) == "crime_code"]
        for key in keys if rows.any() else ():
            cells, index = columns[key]
            codes = np.array([_crime_code(parse_cell(system, "crime_code", cell, False).value) for cell in cells])
            found = np.where(codes < 0, -1, CATEGORY_OF_CODE[codes])[index]
            labels = np.where(rows & (labels < 0), found, labels)
    return labels


def locate_columns(names: Sequence[str], mapping: Mapping[str, str] | None = None) -> dict[str, int]:
    """Positions of columns by key, of the first if a name repeats.

    `mapping`: by LAPD's name of a column, the name that this table has for it. Raises `ColumnsError` if a required
    column or one of the mapping is missing.
    """
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        positions.setdefault(column_key(name), position)
    for name, own_name in (mapping or {}).items():
        if column_key(name) not in READ_COLUMNS:
            near = near_name(column_key(name))
            meant = f"; did you mean {near}?" if near else ""
            raise ColumnsError(f"{name[:40]!r} is no column of a report{meant}", [(n, "") for n in names])
        if own_name not in names:
            raise ColumnsError(f"no column {own_name!r}, which was to be read as {name!r}", [(n, "") for n in names])
        for alias in aliases(name):
            positions.pop(alias, None)
    positions |= {column_key(name): names.index(own_name) for name, own_name in (mapping or {}).items()}
    missing = [FIELDS[key].name for key in REQUIRED_FIELDS if FIELDS[key].names.isdisjoint(positions)]
    if missing:
        shown = ", ".join(repr(name[:40]) for name in names[:30])
        problem = f"not an LAPD table: no column {', '.join(map(repr, missing))}; it has {shown}"
        raise ColumnsError(problem, [(name, "") for name in names])
    return positions
