"""Find a table's header: its first row, unless a title or a spreadsheet's `sep=;` stands before it."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from crime.core import limits
from crime.core.errors import ColumnsError, DataError
from crime.reports.parsing import locate_columns

MAX_ROWS_BEFORE = 20  # that may stand before the header
DELIMITERS = ",;\t|"
csv.field_size_limit(limits.ROW_CHARACTERS)  # of the whole process, whose rows are bounded by themselves
HEADER_SHARE = 0.8  # of the cells of the fullest row: a header may leave some columns without a name


class CsvHeader(NamedTuple):
    """`lines`: how many there are up to the end of the header. `names` of the columns."""

    lines: int
    delimiter: str
    names: list[str]


def header_row(rows: Iterable[Sequence[str]], mapping: Mapping[str, str] | None = None) -> int:
    """The index of the first row that names LAPD's required columns; `mapping` as in `locate_columns`.

    Raises `ColumnsError` with what the likeliest header lacks: the first row with nearly as many cells as any.
    """
    first_rows = list(islice(rows, MAX_ROWS_BEFORE + 1))
    problems = []
    for number, names in enumerate(first_rows):
        try:
            locate_columns(names, mapping)
        except ColumnsError as error:
            problems.append(error)
        else:
            return number
    filled = [sum(bool(name.strip()) for name in names) for names in first_rows]
    if not any(filled):
        raise DataError("the file is empty")
    likeliest = next(row for row, cells in enumerate(filled) if cells >= HEADER_SHARE * max(filled))
    problem = problems[likeliest]
    problem.columns = _with_values([name for name, _ in problem.columns], first_rows[likeliest + 1 :])
    raise problem


def _with_values(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Each name with the first value of its column that is not blank."""
    columns = ((row[position].strip() for row in rows if position < len(row)) for position in range(len(names)))
    return [(name, next(filter(None, cells), "")) for name, cells in zip(names, columns, strict=True)]


def csv_header(lines: Iterable[str], mapping: Mapping[str, str] | None = None) -> CsvHeader:
    """The header of a CSV table from its first lines; `mapping` as in `locate_columns`.

    Raises `DataError` if it is not an LAPD table's, or has too many columns.
    """
    rows, delimiters = [], []
    for line in islice(lines, MAX_ROWS_BEFORE + 1):
        delimiters.append(max(DELIMITERS, key=line.count))
        try:
            rows.append(next(csv.reader([line], delimiter=delimiters[-1]), [])[: limits.COLUMNS + 1])
        except csv.Error as error:
            raise DataError(f"no header of column names: {error}") from None
    row = header_row(rows, mapping)
    if len(rows[row]) > limits.COLUMNS:
        raise DataError(f"the table has more than {limits.COLUMNS:,} columns")
    return CsvHeader(row + 1, delimiters[row], rows[row])
