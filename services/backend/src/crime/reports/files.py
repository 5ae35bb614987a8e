"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""

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


SIMULATED_LOCATION = "SIMULATED"  # what stands as LOCATION in every row of a simulated table


def read_blocks(path: Path, tally: Tally) -> Iterator["pa.RecordBatch"]:
    """The file's rows as they are, a block at a time, whatever its size.

    Raises `DataError` if the file is no LAPD table or ends early; what was read before stays counted.
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
    except (*UNREADABLE_ERRORS, pa.ArrowException, OSError) as error:
        after = f" after {tally.rows:,} rows" if tally.rows else ""
        raise DataError(f"{path.name} can't be read{after}: {error}") from error


def parse_block(
    batch: "pa.RecordBatch", tally: Tally, labelled: bool = False, only: Collection[str] | None = None
) -> Reports:
    """Parse a block that `blocks` gave."""
    columns: dict[str, EncodedColumn] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        name_key = column_key(name)
        wanted = name_key in COLUMNS and COLUMNS[name_key].parse and name_key not in columns
        if wanted and (only is None or name_key in only or name_key == "crm_cd"):
            if name_key == "dr_no":
                columns[name_key] = column.to_pylist(), np.arange(len(column))
                continue
            coded = column.dictionary_encode(null_encoding="encode")
            columns[name_key] = coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)
    reports = parse_columns(columns, len(batch), tally, labelled, only)
    tally.simulated += _count_simulated(batch)
    _write_rejected(batch, reports, np.flatnonzero(reports.errors != None), tally)  # noqa: E711 (elementwise)
    return reports


def _count_simulated(batch: "pa.RecordBatch") -> int:
    import pyarrow as pa
    from pyarrow import compute

    places = [at for at, name in enumerate(batch.schema.names) if column_key(name) == "location"]
    if not places:
        return 0
    column = batch.column(places[0])
    return compute.sum(compute.equal(column, pa.scalar(SIMULATED_LOCATION, column.type))).as_py() or 0


def _write_rejected(batch: "pa.RecordBatch", reports: Reports, rows: np.ndarray, tally: Tally) -> None:
    """Write rejected rows as they stand to the tally's file, if it has one."""
    import pyarrow as pa

    if tally.rejects and len(rows):
        cells = [[cell_text(cell)[0] for cell in column.take(pa.array(rows)).to_pylist()] for column in batch]
        tally.keep(batch.schema.names, list(zip(map(str, reports.errors[rows]), *cells, strict=True)))


def good_reports(
    path: Path, tally: Tally, labelled: bool = True, fields: Collection[str] | None = None
) -> Iterator[Reports]:
    """The good reports of a file, a block at a time, or only some `fields` and the report's number.

    A report number that comes again is rejected. Raises `DataError` at the end if there was no good report.
    """
    seen: set[int | str] = set()
    found = False
    for batch in read_blocks(path, tally):
        first = tally.rows - len(tally.misshapen)
        part = parse_block(batch, tally, labelled, fields and {*fields, "dr_no"})
        again = []
        for row, text in enumerate(part.fields["dr_no"]):
            if text is not None and part.errors[row] is None:
                # as a number it takes half the room; a leading zero tells texts apart
                plain = len(text) < 19 and text.isascii() and text.isdecimal() and text[0] != "0"
                number = int(text) if plain else text
                if number in seen:
                    part.errors[row] = CellError("DR_NO", "duplicate", "this report number came before")
                    tally.reject(str(part.errors[row]), first + row + 1, text)
                    again.append(row)
                seen.add(number)
        _write_rejected(batch, part, np.array(again, int), tally)
        part = part.take(np.flatnonzero(part.errors == None))  # noqa: E711 (elementwise)
        found = found or len(part) > 0
        yield part
    if not found:
        raise DataError(f"{path.name}: no report could be read ({tally.rejected_rows} rows rejected)")


def load_reports(path: Path, tally: Tally, labelled: bool = True) -> Reports:
    """All good reports of a file, in memory. Raises `DataError` where there is none."""
    parts = list(good_reports(path, tally, labelled))
    columns: dict[str, np.ndarray] = {}
    for name in list(parts[0].fields):
        columns[name] = np.concatenate([part.fields.pop(name) for part in parts])
        release_free_memory()  # or all would be there twice
    return Reports(
        columns,
        np.concatenate([part.code for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.errors for part in parts]),
    )
