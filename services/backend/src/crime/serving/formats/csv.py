"""Answer a CSV table as CSV, a block of rows at a time, whatever its size."""

import codecs
import csv
import io
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import IO

from crime.classifier.scoring import ANSWER_COLUMNS, ScoreBlock
from crime.core.errors import DataError
from crime.reports.archives import UNREADABLE_ERRORS
from crime.reports.formats import FORMAT_NAMES, format_of
from crime.reports.header import CsvHeader, csv_header
from crime.reports.parsing import learn_dates, locate_columns, parse_columns
from crime.reports.spreadsheet import escape_formulas
from crime.reports.table import EncodedColumn, Reports, encode_column
from crime.reports.tally import Tally

BLOCK_ROWS = 5_000  # scored at a time: bounds the memory that an upload takes
PROBE_ROWS = 500  # looked at together before the answer begins
MAX_LINE_CHARACTERS = 1 << 20  # a small gzip file can hold a line of many gigabytes


@dataclass(frozen=True)
class CsvTable:
    """A seekable table whose header was found. `tally` knows how it writes its dates."""

    file: IO[bytes]
    header: CsvHeader
    tally: Tally


def open_csv(file: IO[bytes], day_first: bool | None = None) -> CsvTable:
    """Look at a table's first rows, before any of it is answered.

    Raises `DataError` if it is no LAPD table, if no row can be read, if the order of its dates is not told, or if a
    short table has a column that is not what its name says.
    """
    if (kind := format_of(file)) != "csv":
        advice = "Use the page or `crime predict`, or save it as CSV"
        raise DataError(f"{FORMAT_NAMES[kind]}: this server reads tables as CSV, or as Arrow streams. {advice}")
    with closing(csv_lines(file)) as lines:
        table = CsvTable(file, csv_header(lines), Tally(day_first=day_first))
    trial, is_readable = Tally(day_first=False), False
    for block in _blocks(table, PROBE_ROWS):
        columns = block.columns()
        learn_dates(columns, table.tally)
        if is_settled := table.tally.dates.is_settled:
            trial.dates = table.tally.dates
        is_readable = bool(_parse(columns, block, trial).accepted.any()) or is_readable
        if is_readable and is_settled and len(block.rows) == PROBE_ROWS:
            return table
    table.tally.dates.check()
    if not is_readable:
        raise DataError(trial.no_report)
    trial.check_columns()
    return table


def _parse(columns: dict[str, EncodedColumn], block: "_Block", tally: Tally) -> Reports:
    """The block's whole rows; the others are counted."""
    for row in block.rows:
        if len(row) != len(block.names):
            tally.reject_misshapen(f"expected {len(block.names)} cells, found {len(row)}", tally.rows + 1, "")
    return parse_columns(columns, len(block.whole), tally, reading="reject")


def csv_lines(file: IO[bytes]) -> Generator[str]:
    """Lines of a CSV file in UTF-8 or, with its byte order mark, UTF-16, from the start; the file stays open.

    Bytes that are not UTF-8 are read as Windows-1252, which spreadsheets write. Raises `DataError` for a line of more
    than a million characters.
    """
    file.seek(0)
    encoding = "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, "crime-cp1252", newline="")
    try:
        while line := text.readline(MAX_LINE_CHARACTERS):
            if len(line) == MAX_LINE_CHARACTERS:
                raise DataError(f"a line of {MAX_LINE_CHARACTERS:,} characters or more")
            yield line
    finally:
        text.detach()


def _decode_cp1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("crime-cp1252", _decode_cp1252)


def answer_csv(table: CsvTable, score: ScoreBlock, block_rows: int = BLOCK_ROWS) -> Iterator[str]:
    """The table's own columns followed by `ANSWER_COLUMNS`, in pieces: the header and a block, then block by block.

    Rows with the wrong number of cells are kept, with an `error`. A table that can't be read on, or with a column that
    is not what its name says, ends with a row whose `error` says why. Raises `DataError` if that is in the first block.
    """
    blocks = _answered_blocks(table, score, block_rows)
    yield next(blocks)
    try:
        yield from blocks
    except (DataError, *UNREADABLE_ERRORS) as error:
        text = _Buffer()
        blank = [""] * (len(table.header.names) + len(ANSWER_COLUMNS) - 1)
        csv.writer(text, lineterminator="\n").writerow([*blank, f"the table ends here: {error}"])
        yield text.take()


def _answered_blocks(table: CsvTable, score: ScoreBlock, block_rows: int) -> Iterator[str]:
    text, width = _Buffer(), len(table.header.names)
    write = csv.writer(text, lineterminator="\n").writerow
    write([*escape_formulas(table.header.names), *ANSWER_COLUMNS])
    for block in _blocks(table, block_rows):
        reports = _parse(block.columns(), block, table.tally)
        scored = score(reports)
        answers = zip(*scored.columns().values(), strict=True)
        for row in block.rows:
            if len(row) == width:
                answer: Iterable[object] = ("" if cell is None else cell for cell in next(answers))
            else:
                answer = [*[""] * (len(ANSWER_COLUMNS) - 1), f"expected {width} cells, found {len(row)}"]
            write([*_resize(escape_formulas(row), width), *answer])
        yield text.take()
    if rest := text.take():  # of a table without rows
        yield rest
    table.tally.check_columns()


def _resize(row: list[str], length: int) -> list[str]:
    return (row + [""] * (length - len(row)))[:length]


@dataclass(frozen=True)
class _Block:
    """Rows of a table, of which those that are `whole` have a cell in each of the columns `names`."""

    names: list[str]
    rows: list[list[str]]

    @cached_property
    def whole(self) -> list[list[str]]:
        return [row for row in self.rows if len(row) == len(self.names)]

    def columns(self) -> dict[str, EncodedColumn]:
        """The whole rows' columns by key."""
        return {
            key: encode_column([row[position] for row in self.whole])
            for key, position in locate_columns(self.names).items()
        }


def _blocks(table: CsvTable, size: int) -> Iterator[_Block]:
    """Blocks of `size` rows; empty lines are left out."""
    with closing(csv_lines(table.file)) as lines:
        rows: list[list[str]] = []
        try:
            for row in csv.reader(islice(lines, table.header.lines, None), delimiter=table.header.delimiter):
                if row:
                    rows.append(row)
                if len(rows) == size:
                    yield _Block(table.header.names, rows)
                    rows = []
        except csv.Error as error:
            raise DataError(f"not a CSV table: {error}") from error
        if rows:
            yield _Block(table.header.names, rows)


class _Buffer:
    """The file that `csv.writer` writes to; `take` empties it."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    def take(self) -> str:
        text, self.parts = "".join(self.parts), []
        return text
