"""A process of its own that reads a workbook: its library takes the memory that a file asks for, or aborts.

Arguments: the number of an open file, how many rows begin a sheet, and the bytes of memory that it may take. It writes,
pickled, a dictionary of the first rows of each sheet by its name; reads a sheet's name and how many rows to leave out;
and writes lists of the sheet's other rows. An error is the last thing that it writes, as text.
"""

import os
import pickle
import resource
import sys
from itertools import islice
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from crime.reports.typed_cells import typed_text

ROWS = 1_000  # written at a time


def read(file_number: int, head_rows: int) -> None:
    """Write the workbook's rows to the standard output. Raises `CalamineError`."""
    with os.fdopen(file_number, "rb") as file:
        workbook = CalamineWorkbook.from_filelike(file)
        sheets = {name: workbook.get_sheet_by_name(name) for name in workbook.sheet_names}
        heads = {name: list(islice(_rows(sheet), head_rows)) for name, sheet in sheets.items()}
        _write({name: [[str(cell).strip() for cell in row] for row in rows] for name, rows in heads.items()})
        name, left_out = pickle.load(sys.stdin.buffer)
        rows = ([typed_text(cell) for cell in row] for row in islice(_rows(sheets[name]), left_out, None))
        filled = (row for row in rows if any(cell is not None for cell in row))
        while block := list(islice(filled, ROWS)):
            _write(block)


def _rows(sheet: Any) -> Any:
    """The rows from the first that has a cell."""
    return islice(sheet.iter_rows(), sheet.start[0] if sheet.start else 0, None)


def _write(content: Any) -> None:
    pickle.dump(content, sys.stdout.buffer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    number, rows, memory = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    try:
        read(number, rows)
    except (CalamineError, MemoryError) as error:
        _write(str(error) or "it takes too much memory")
