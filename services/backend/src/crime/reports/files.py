"""Read the reports of a file: CSV, gzip, zip or Parquet, a block of rows at a time."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crime.core.errors import DataError
from crime.core.memory import release_free_memory
from crime.reports.archives import UNREADABLE_ERRORS, open_unpacked
from crime.reports.cells import cell_text
from crime.reports.csv_blocks import read_csv_blocks
from crime.reports.parquet_blocks import read_parquet_blocks
from crime.reports.parsing import parse_columns
from crime.reports.schema import COLUMNS, column_key
from crime.reports.table import CellError, EncodedColumn, Reports
from crime.reports.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa


SIMULATED_LOCATION = "SIMULATED"  # the LOCATION of every row of a simulated table


def read_blocks(path: Path, tally: Tally) -> Iterator["pa.RecordBatch"]:
    """The file's rows as batches of binary columns, a block at a time, whatever its size.

    Raises `DataError` if the file is not an LAPD table or is damaged; `tally` then holds the counts up to there.
    """
    import pyarrow as pa

    try:
        with path.open("rb") as raw:
            parquet = raw.read(4) == b"PAR1"
        if parquet:
            yield from read_parquet_blocks(path)
        else:
            with path.open("rb") as raw, open_unpacked(raw) as stream:
                yield from read_csv_blocks(stream, tally)
    except (*UNREADABLE_ERRORS, pa.ArrowException, UnicodeDecodeError, OSError) as error:
        after = f" after {tally.rows:,} rows" if tally.rows else ""
        raise DataError(f"{path.name} can't be read{after}: {error}") from error


def parse_block(
    batch: "pa.RecordBatch", tally: Tally, labelled: bool = False, only: Collection[str] | None = None
) -> Reports:
    """Parse a batch of `read_blocks`; for `labelled` and `only` see `parse_columns`."""
    columns: dict[str, EncodedColumn] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        key = column_key(name)
        is_read = key in COLUMNS and COLUMNS[key].parse and key not in columns
        if is_read and (only is None or key in only or key == "crm_cd"):
            if key == "dr_no":  # nearly all differ
                columns[key] = column.to_pylist(), np.arange(len(column))
                continue
            encoded = column.dictionary_encode(null_encoding="encode")
            columns[key] = encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False)
    reports = parse_columns(columns, len(batch), tally, labelled, only)
    tally.simulated += _count_simulated(batch)
    _write_rejected(batch, reports, np.flatnonzero(~reports.accepted), tally)
    return reports


def _count_simulated(batch: "pa.RecordBatch") -> int:
    import pyarrow as pa
    from pyarrow import compute

    positions = [position for position, name in enumerate(batch.schema.names) if column_key(name) == "location"]
    if not positions:
        return 0
    column = batch.column(positions[0])
    return compute.sum(compute.equal(column, pa.scalar(SIMULATED_LOCATION, column.type))).as_py() or 0


def _write_rejected(batch: "pa.RecordBatch", reports: Reports, rows: np.ndarray, tally: Tally) -> None:
    """Write rejected rows, as they are in the table, to the file `tally.rejects`, if there is one."""
    import pyarrow as pa

    if tally.rejects and len(rows):
        cells = [[cell_text(cell)[0] for cell in column.take(pa.array(rows)).to_pylist()] for column in batch]
        tally.write_rejected(batch.schema.names, list(zip(map(str, reports.errors[rows]), *cells, strict=True)))


def good_reports(
    path: Path, tally: Tally, labelled: bool = True, fields: Collection[str] | None = None
) -> Iterator[Reports]:
    """The accepted reports of a file, a block at a time; if `fields` is given, with those fields and `dr_no` only.

    A report whose number came before is rejected. Raises `DataError` at the end if no report was accepted.
    """
    numbers: set[int | str] = set()
    any_accepted = False
    for batch in read_blocks(path, tally):
        first_row = tally.rows - len(tally.misshapen) + 1
        reports = parse_block(batch, tally, labelled, fields and {*fields, "dr_no"})
        duplicates = _reject_duplicates(reports, numbers, first_row, tally)
        _write_rejected(batch, reports, duplicates, tally)
        reports = reports.take(np.flatnonzero(reports.accepted))
        any_accepted = any_accepted or len(reports) > 0
        yield reports
    if not any_accepted:
        raise DataError(f"{path.name}: no report could be read ({tally.rejected_rows} rows rejected)")


def _reject_duplicates(reports: Reports, numbers: set[int | str], first_row: int, tally: Tally) -> np.ndarray:
    """Reject reports whose number is in `numbers`, add the others' numbers to it, and return the rejected rows."""
    duplicates = []
    for row, text in enumerate(reports.fields["dr_no"]):
        if text is None or reports.errors[row] is not None:
            continue
        # an int takes half the memory of text; a leading zero would be lost
        is_plain = len(text) < 19 and text.isascii() and text.isdecimal() and text[0] != "0"
        number = int(text) if is_plain else text
        if number in numbers:
            error = CellError("DR_NO", "duplicate", "this report number came before")
            reports.errors[row] = error
            tally.reject(str(error), first_row + row, text)
            duplicates.append(row)
        numbers.add(number)
    return np.array(duplicates, int)


def load_reports(path: Path, tally: Tally, labelled: bool = True) -> Reports:
    """All accepted reports of a file, in memory. Raises `DataError` if there are none."""
    blocks = list(good_reports(path, tally, labelled))
    fields: dict[str, np.ndarray] = {}
    for key in list(blocks[0].fields):
        fields[key] = np.concatenate([block.fields.pop(key) for block in blocks])
        release_free_memory()  # after each column, so that only one column is in memory twice
    return Reports(
        fields,
        np.concatenate([block.code for block in blocks]),
        np.concatenate([block.label for block in blocks]),
        np.concatenate([block.errors for block in blocks]),
    )
