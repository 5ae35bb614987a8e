"""Answer a CSV table as CSV, a block of rows at a time, whatever its size."""

import codecs
import csv
import io
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import IO

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, ScoreBlock
from crime.core import limits
from crime.core.errors import DataError, DateOrderError
from crime.reports.archives import UNREADABLE_ERRORS
from crime.reports.formats import FORMAT_NAMES, format_of
from crime.reports.header import MAX_ROWS_BEFORE, CsvHeader, csv_header
from crime.reports.parsing import learn_dates, locate_columns, parse_columns
from crime.reports.spreadsheet import escape_formulas
from crime.reports.table import EncodedColumn, Reports, encode_column
from crime.reports.tally import Tally
from crime.serving.formats.csv_rows import TextBuffer, answer_lines, csv_line, own_lines
from crime.serving.row_notes import NOTE_COLUMNS, row_notes
from crime.serving.translation import translate_notes

NOTES = ("error", "warnings", "repaired")  # columns that people read
PROBE_ROWS = 500  # looked at together before the answer begins
ADDED_COLUMNS = (*ANSWER_COLUMNS, *NOTE_COLUMNS)


@dataclass(frozen=True)
class CsvTable:
    """A seekable table whose header was found. `tally` knows how it writes its dates.

    `mapping`: by LAPD's name of a column, the table's own name for it, where that differs.
    """

    file: IO[bytes]
    header: CsvHeader
    tally: Tally
    mapping: Mapping[str, str]

    @property
    def unmapped_names(self) -> list[str]:
        own_names = set(self.mapping.values())
        return [name for name in self.header.names if name not in own_names]


def open_csv(file: IO[bytes], day_first: bool | None = None, mapping: Mapping[str, str] | None = None) -> CsvTable:
    """Look at a table's first rows, before any of it is answered. `mapping` as in `CsvTable`.

    Raises `DataError` if no row can be read, or if a short table has a column that is not what its name says;
    `ColumnsError` if columns are missing; `DateOrderError` if the order of its dates is not told.
    """
    if (kind := format_of(file)) != "csv":
        advice = "Use the page or `crime predict`, or save it as CSV"
        raise DataError(f"{FORMAT_NAMES[kind]}: this server reads tables as CSV, or as Arrow streams. {advice}")
    with closing(csv_lines(file)) as lines:
        first_lines = list(islice(lines, MAX_ROWS_BEFORE + 1))
    header = csv_header((line[: limits.ROW_CHARACTERS] for line in first_lines), mapping)
    if len(first_lines[header.lines - 1]) > limits.ROW_CHARACTERS:
        raise DataError(f"the header has more than {limits.ROW_CHARACTERS:,} characters")
    table = CsvTable(file, header, Tally(day_first=day_first), mapping or {})
    trial, is_readable = Tally(day_first=False), False
    for block in _blocks(table, PROBE_ROWS):
        columns = block.columns()
        learn_dates(columns, table.tally)
        if is_settled := table.tally.dates.is_settled:
            trial.dates = table.tally.dates
        is_readable = bool(_parse(columns, block, trial).accepted.any()) or is_readable
        if is_readable and is_settled and block.is_full:
            return table
    table.tally.dates.check()
    if not is_readable:
        raise DataError(trial.no_report)
    trial.check_columns()
    return table


def _parse(columns: dict[str, EncodedColumn], block: "_Block", tally: Tally, labelled: bool = False) -> Reports:
    """The block's whole rows; the others are counted."""
    first = tally.rows + 1
    for index, problem in block.problems.items():
        tally.reject_misshapen(problem, first + index, "")
    return parse_columns(columns, len(block.whole), tally, labelled, reading="reject")


def csv_lines(file: IO[bytes]) -> Generator[str]:
    """Lines of a CSV file in UTF-8 or, with its byte order mark, UTF-16, from the start; the file stays open.

    Bytes that are not UTF-8 are read as Windows-1252, which spreadsheets write. A line of more than `ROW_CHARACTERS`
    comes in pieces, of which the last alone has a line end.
    """
    file.seek(0)
    encoding = "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, "crime-cp1252", newline="")
    try:
        while line := text.readline(limits.ROW_CHARACTERS + 1):
            yield line
    finally:
        with suppress(ValueError):  # the file is closed already, as where a client hung up
            text.detach()


def _decode_cp1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("crime-cp1252", _decode_cp1252)


def answer_csv(
    table: CsvTable,
    score: ScoreBlock,
    champion: CategoryBundle,
    block_rows: int | None = None,
    language: str = "en",
) -> Iterator[str]:
    """The table's own columns followed by `ADDED_COLUMNS`, in pieces: the header and a block, then block by block.

    `language`: of the columns that people read. Rows with the wrong number of cells are kept, with an `error`; of a
    row of more than `ROW_CHARACTERS` the error alone. A table that can't be read on, or with a column that is not what
    its name says, ends with a row whose `error` says why. `block_rows`: `limits.BLOCK_ROWS` if not given.
    Raises `DataError` if that is in the first block.
    """
    blocks = _answered_blocks(table, score, champion, block_rows, language)
    yield next(blocks)
    try:
        yield from blocks
    except (DataError, *UNREADABLE_ERRORS) as error:
        text = TextBuffer()
        reason = error.problem if isinstance(error, DateOrderError) else error
        row = [*[""] * len(table.header.names), *_only_error(f"the table ends here: {reason}")]
        csv.writer(text, lineterminator="\n").writerow(row)
        yield text.take()


def _only_error(message: str) -> list[str]:
    """The added cells of a row that was not read."""
    return [message if name == "error" else "" for name in ADDED_COLUMNS]


def _answered_blocks(
    table: CsvTable, score: ScoreBlock, champion: CategoryBundle, block_rows: int | None, language: str
) -> Iterator[str]:
    text = TextBuffer()
    write = csv.writer(text, lineterminator="\n").writerow
    write([*escape_formulas(table.header.names), *ADDED_COLUMNS])
    for block in _blocks(table, block_rows):
        repairs: list[tuple[np.ndarray, np.ndarray]] = []
        table.tally.row_repairs = repairs
        columns = block.columns()
        reports = _parse(columns, block, table.tally)
        scored = score(reports)
        notes = {"error": ["" if error is None else str(error) for error in scored.errors.tolist()]}
        notes |= row_notes(champion, columns, reports, repairs)
        for name in NOTES if language != "en" else ():
            notes[name] = [translate_notes(note, language) or "" for note in notes[name]]
        answers = answer_lines(scored, notes)
        for index, line in enumerate(own_lines(block.rows)):
            problem = block.problems.get(index)
            answer = next(answers) if problem is None else csv_line(_only_error(problem))
            text.write(f"{line},{answer}\n")
        yield text.take()
    if rest := text.take():  # of a table without rows
        yield rest
    table.tally.check_columns()


def labelled_blocks(table: CsvTable, block_rows: int | None = None) -> Iterator[tuple[list[int], Reports]]:
    """Blocks of reports with their crime codes, and the number of each in the table, from 1. Raises `DataError`."""
    for block in _blocks(table, block_rows):
        first = table.tally.rows + 1
        numbers = [first + index for index in range(len(block.rows)) if index not in block.problems]
        yield numbers, _parse(block.columns(), block, table.tally, labelled=True)
    table.tally.check_columns()


@dataclass(frozen=True)
class _Block:
    """Rows of a table, each with a cell for each of its columns; those that did not have them are `problems` by index.

    `is_full`: more rows may follow.
    """

    table: CsvTable
    rows: list[list[str]]
    problems: dict[int, str]
    is_full: bool = False

    @cached_property
    def whole(self) -> list[list[str]]:
        if not self.problems:
            return self.rows
        return [row for index, row in enumerate(self.rows) if index not in self.problems]

    def columns(self) -> dict[str, EncodedColumn]:
        """The whole rows' columns by key."""
        return {
            key: encode_column([row[position] for row in self.whole])
            for key, position in locate_columns(self.table.header.names, self.table.mapping).items()
        }


def _blocks(table: CsvTable, size: int | None = None) -> Iterator[_Block]:
    """Blocks of `size` rows, or less where these have many cells or characters; empty lines are left out."""
    size, width = size or limits.BLOCK_ROWS, len(table.header.names)
    size = min(size, max(1, limits.BLOCK_CELLS // width))
    with closing(csv_lines(table.file)) as lines:
        rows: list[list[str]] = []
        problems: dict[int, str] = {}
        source = _RowLines(islice(lines, table.header.lines, None))
        for row in source.rows(table.header.delimiter):
            if row is None:
                problems[len(rows)] = f"a row of more than {limits.ROW_CHARACTERS:,} characters"
                row = [""] * width
            elif len(row) != width:
                problems[len(rows)] = f"expected {width} cells, found {len(row)}"
                row = (row + [""] * (width - len(row)))[:width]
            rows.append(row)
            if len(rows) == size or source.characters >= limits.BLOCK_CHARACTERS:
                yield _Block(table, rows, problems, is_full=True)
                rows, problems, source.characters = [], {}, 0
        if rows:
            yield _Block(table, rows, problems)


class _LongRowError(Exception):
    """A row has more than `ROW_CHARACTERS`."""


class _RowLines:
    """Parses the lines of a CSV table into rows, and reads no more than `ROW_CHARACTERS` of any row.

    `characters`: how many were read since the caller last set it to 0.
    """

    def __init__(self, lines: Iterator[str]):
        self._lines, self._line = lines, ""
        self.characters = self._row_start = self._count = 0

    def _bounded(self) -> Iterator[str]:
        """The lines still to be read. Raises `_LongRowError` once a row is too long."""
        for line in self._lines:
            self._count += 1
            if self._count > limits.TABLE_LINES:
                raise DataError(f"the table has more than {limits.TABLE_LINES:,} lines")
            self._line = line
            self.characters += len(line)
            if self.characters - self._row_start > limits.ROW_CHARACTERS:
                raise _LongRowError
            yield line

    def rows(self, delimiter: str) -> Iterator[list[str] | None]:
        """Rows that are not empty; None for one that is too long. Raises `DataError` if that one never ends."""
        reader = csv.reader(self._bounded(), delimiter=delimiter)
        while True:
            self._row_start = self.characters
            try:
                row = next(reader)
            except StopIteration:
                return
            except _LongRowError:
                self._skip_row()
                reader = csv.reader(self._bounded(), delimiter=delimiter)
                yield None
            except csv.Error as error:
                raise DataError(f"not a CSV table: {error}") from error
            else:
                if row:
                    yield row

    def _skip_row(self) -> None:
        """Go to the end of the row that is too long: the first line end outside quotes."""
        in_quotes = self.characters - len(self._line) > self._row_start  # else its first line would have ended it
        line: str | None = self._line
        while line is not None:
            in_quotes ^= line.count('"') % 2 == 1
            if line.endswith(("\n", "\r")) and not in_quotes:
                return
            line = next(self._lines, None)
        if in_quotes:
            raise DataError(f"a row of more than {limits.ROW_CHARACTERS:,} characters, whose quotes are never closed")
