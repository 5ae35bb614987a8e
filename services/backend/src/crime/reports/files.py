"""Read the reports of a table in any format, a block of rows at a time."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crime.core import limits
from crime.core.days import day_text, today
from crime.core.errors import DataError
from crime.core.memory import limited_memory, release_free_memory
from crime.reports.archives import UNREADABLE_ERRORS, open_unpacked
from crime.reports.arrow_blocks import read_arrow_blocks, read_folder_blocks, read_parquet_blocks
from crime.reports.cells import cell_text
from crime.reports.coordinates import place_column
from crime.reports.csv_blocks import read_csv_blocks
from crime.reports.formats import FORMAT_NAMES, format_of
from crime.reports.parsing import DATE_COLUMNS, Reading, learn_dates, parse_columns
from crime.reports.row_blocks import read_json_blocks, read_workbook_blocks
from crime.reports.schema import column_key
from crime.reports.sources import SOURCES, own_columns, systems_of, unread_columns
from crime.reports.systems import SYSTEMS
from crime.reports.table import CellError, EncodedColumn, Reports
from crime.reports.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa


LOCATION_NAMES = ("location", "hndrdth_loc_chk")
SIMULATED_LOCATION = "SIMULATED"  # the LOCATION of every row of a simulated table


def read_blocks(path: Path, tally: Tally) -> Iterator["pa.RecordBatch"]:
    """The file's rows as batches of binary columns, a block at a time, whatever its size.

    Raises `DataError` if the file is not an LAPD table or is damaged; `tally` then holds the counts up to there.
    """
    batches = _open_batches(path, tally)
    first = next(batches, None)
    if first is None:
        return
    tally.unread = unread_columns(first.schema.names)
    learn_dates(_encoded_columns(first, DATE_COLUMNS), tally)
    if not tally.dates.is_settled:  # a row further down may tell
        for batch in _open_batches(path, Tally()):
            learn_dates(_encoded_columns(batch, DATE_COLUMNS), tally)
            if tally.dates.is_settled:
                break
    yield first
    yield from batches


def _open_batches(path: Path, tally: Tally) -> Iterator["pa.RecordBatch"]:
    """The file's rows as they are read, within bounds of memory. Raises `DataError`."""
    import pyarrow as pa

    if path.exists() and not path.is_dir() and not path.is_file():  # opening a pipe would wait for its other end
        raise DataError(f"{path.name} is neither a file nor a folder")
    batches = _read_batches(path, tally)
    while True:
        after = f" after {tally.rows:,} rows" if tally.rows else ""
        try:
            with limited_memory(limits.COMMAND_BYTES):
                batch = next(batches, None)
        except MemoryError as error:
            reason = str(error) or "it asked for more"
            limit = f"a block of it takes more than {limits.COMMAND_BYTES >> 20:,} MB of memory"
            raise DataError(f"{path.name} can't be read{after}: {limit} ({reason})") from None
        except (*UNREADABLE_ERRORS, pa.ArrowException, UnicodeDecodeError, OverflowError, OSError) as error:
            raise DataError(f"{path.name} can't be read{after}: {error}") from error
        if batch is None:
            return
        if batch.nbytes > limits.COMMAND_BLOCK_BYTES:
            size = f"{batch.nbytes:,} bytes of text in {len(batch):,} rows"
            raise DataError(f"{path.name} can't be read{after}: {size}")
        yield batch


def _read_batches(path: Path, tally: Tally) -> Iterator["pa.RecordBatch"]:
    if path.is_dir():
        yield from read_folder_blocks(path)
        return
    with path.open("rb") as raw:
        kind = format_of(raw)
        if kind == "parquet":
            yield from read_parquet_blocks(path)
        elif kind == "arrow":
            yield from read_arrow_blocks(path)
        elif kind == "workbook":
            yield from read_workbook_blocks(raw)
        else:
            with open_unpacked(raw) as stream:
                kind = format_of(stream)
                if kind == "json":
                    yield from read_json_blocks(stream)
                elif kind == "csv":
                    yield from read_csv_blocks(stream, tally)
                else:
                    raise DataError(f"{FORMAT_NAMES[kind]} inside an archive: unpack it first")


def parse_block(
    batch: "pa.RecordBatch",
    tally: Tally,
    labelled: bool = False,
    only: Collection[str] | None = None,
    reading: Reading = "repair",
) -> Reports:
    """Parse a batch of `read_blocks`; for `labelled`, `only` and `reading` see `parse_columns`."""
    columns = _encoded_columns(batch, _wanted_columns(list(map(column_key, batch.schema.names)), only))
    reports = parse_columns(columns, len(batch), tally, labelled, only, reading)
    tally.simulated += _count_simulated(batch)
    _write_rejected(batch, reports, np.flatnonzero(~reports.accepted), tally)
    return reports


def _encoded_columns(batch: "pa.RecordBatch", wanted: Collection[str]) -> dict[str, EncodedColumn]:
    """The wanted columns by key; of columns with the same key the first."""
    columns: dict[str, EncodedColumn] = {}
    for key, column in zip(map(column_key, batch.schema.names), batch.columns, strict=True):
        if key not in wanted or key in columns:
            continue
        if key in ("dr_no", "uniquenibrno"):  # nearly all differ
            columns[key] = column.to_pylist(), np.arange(len(column))
            continue
        encoded = column.dictionary_encode(null_encoding="encode")
        columns[key] = encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False)
    return columns


def _wanted_columns(keys: list[str], only: Collection[str] | None) -> set[str]:
    """The keys of the columns to parse: those of the fields `only`, and those that tell the two systems apart."""
    systems = systems_of(keys)
    wanted = {
        key
        for system in systems
        for key, field in SOURCES[system].field_of.items()
        if only is None or field in only or field == "crime_code"
    }
    place = place_column(keys)
    # the others tell the rows of the two systems apart
    return wanted | {"system", *own_columns("nibrs")} | ({place} if place else set())


def _count_simulated(batch: "pa.RecordBatch") -> int:
    import pyarrow as pa
    from pyarrow import compute

    positions = [position for position, name in enumerate(batch.schema.names) if column_key(name) in LOCATION_NAMES]
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

    A report whose number came before is rejected. Where `labelled`, offenses of one case and category are one report:
    the first. Raises `DataError` at the end if no report was accepted, or if a column is not what its name says.
    """
    numbers: set[int | str] = set()
    cases: set[tuple[str, int]] = set()
    any_accepted = False
    for batch in read_blocks(path, tally):
        first_row = tally.rows - tally.misshapen_rows + 1
        reports = parse_block(batch, tally, labelled, fields and {*fields, "dr_no", "caseno"})
        duplicates = _reject_duplicates(reports, numbers, first_row, tally)
        late = _reject_future(reports, first_row, tally) if labelled and not tally.simulated else duplicates[:0]
        _write_rejected(batch, reports, np.concatenate([duplicates, late]), tally)
        keep = reports.accepted
        if labelled:
            keep &= ~_repeated_in_case(reports, cases, tally)
        del reports.fields["caseno"]
        reports = reports.take(np.flatnonzero(keep))
        any_accepted = any_accepted or len(reports) > 0
        yield reports
    if not any_accepted:
        raise DataError(f"{path.name}: {tally.no_report}")
    tally.check_columns()


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


def _reject_future(reports: Reports, first_row: int, tally: Tally) -> np.ndarray:
    """Reject reports of days after today, whose dates are mistyped, and return their rows."""
    rows = np.flatnonzero(reports.accepted & (reports.fields["date_occ"] > today()))
    error = CellError("DATE OCC", "order", "expected a day up to today")
    for row in rows.tolist():
        reports.errors[row] = error
        tally.reject(str(error), first_row + row, day_text(int(reports.fields["date_occ"][row])))
    return rows


def _repeated_in_case(reports: Reports, cases: set[tuple[str, int]], tally: Tally) -> np.ndarray:
    """(rows,) accepted offenses whose case and category are in `cases`, to which the others' are added.

    Only NIBRS reports have a case.
    """
    repeated = np.zeros(len(reports), bool)
    for row in np.flatnonzero((reports.fields["system"] == SYSTEMS.index("nibrs")) & reports.accepted).tolist():
        case = case_number(reports.fields["caseno"][row], reports.fields["dr_no"][row])
        if case:
            offense = (case, int(reports.label[row]))
            repeated[row] = offense in cases
            cases.add(offense)
    if repeated.any():
        tally.merged += int(repeated.sum())
    return repeated


def case_number(case: str | None, number: str | None) -> str | None:
    """The case of a record from its fields `caseno` and `dr_no`; None if it has neither.

    Without `CaseNo`, it is what comes before the offense code in `UniqueNIBRNo`, or else the report number.
    """
    return case or (number.rsplit("_", 2)[0] if number and number.count("_") >= 2 else number)


def load_reports(path: Path, tally: Tally, labelled: bool = True) -> Reports:
    """All accepted reports of a file, in memory. Raises `DataError` if there are none."""
    return join_blocks(list(good_reports(path, tally, labelled)))


def join_blocks(blocks: list[Reports]) -> Reports:
    """The reports of one block or more as one. The blocks' fields are gone afterwards, which saves memory."""
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
