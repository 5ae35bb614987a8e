"""Find a table's header: its first row, unless a title or a spreadsheet's `sep=;` stands before it."""

import csv
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from crime.core.errors import DataError
from crime.reports.parsing import locate_columns

MAX_ROWS_BEFORE = 20  # that may stand before the header
DELIMITERS = ",;\t|"


class CsvHeader(NamedTuple):
    """`lines`: how many there are up to the end of the header. `names` of the columns."""

    lines: int
    delimiter: str
    names: list[str]


def header_row(rows: Iterable[Sequence[str]]) -> int:
    """The index of the first row that names LAPD's required columns.

    Raises `DataError` with what the first row that is not blank lacks.
    """
    problem = DataError("the file is empty")
    for number, names in enumerate(islice(rows, MAX_ROWS_BEFORE + 1)):
        try:
            locate_columns(names)
        except DataError as error:
            if any(name.strip() for name in names) and str(problem) == "the file is empty":
                problem = error
        else:
            return number
    raise problem


def csv_header(lines: Iterable[str]) -> CsvHeader:
    """The header of a CSV table from its first lines. Raises `DataError` if it is not an LAPD table's."""
    rows, delimiters = [], []
    for line in islice(lines, MAX_ROWS_BEFORE + 1):
        delimiters.append(max(DELIMITERS, key=line.count))
        try:
            rows.append(next(csv.reader([line], delimiter=delimiters[-1]), []))
        except csv.Error as error:
            raise DataError(f"no header of column names: {error}") from None
    row = header_row(rows)
    return CsvHeader(row + 1, delimiters[row], rows[row])
