"""Answer a CSV table as CSV, a block of rows at a time, whatever its size."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from typing import IO

from crime.classifier.scoring import ANSWER_COLUMNS, ScoreBlock
from crime.core.errors import DataError
from crime.reports.parsing import locate_columns, parse_columns
from crime.reports.spreadsheet import escape_formulas
from crime.reports.table import encode_column
from crime.reports.tally import Tally

BLOCK_ROWS = 5_000  # scored at a time: bounds the memory that an upload takes
MAX_LINE_CHARACTERS = 1 << 20  # a small gzip file can hold a line of many gigabytes


def csv_lines(file: IO[bytes]) -> Iterator[str]:
    """Lines of a CSV file in UTF-8; bytes that are not are read as Windows-1252, which spreadsheets write.

    Raises `DataError` for a line of more than a million characters.
    """
    text = io.TextIOWrapper(file, "utf-8", "crime-cp1252", newline="")
    while line := text.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS:
            raise DataError(f"a line of {MAX_LINE_CHARACTERS:,} characters or more")
        yield line


def _decode_cp1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("crime-cp1252", _decode_cp1252)


def answer_csv(lines: Iterable[str], score: ScoreBlock, block_rows: int = BLOCK_ROWS) -> Iterator[str]:
    """The table's own columns followed by `ANSWER_COLUMNS`, in pieces: first the header, then block by block.

    Rows with the wrong number of cells are kept, with an `error`. Raises `DataError` if it is no LAPD table.
    """
    text = _Buffer()
    write = csv.writer(text, lineterminator="\n").writerow
    rows = csv.reader(lines)
    try:
        names = next(rows, None)
        if not names:
            raise DataError("the file is empty")
        names[0] = names[0].removeprefix("\ufeff")
        positions = locate_columns(names)
        write([*escape_formulas(names), *ANSWER_COLUMNS])
        yield text.take()
        tally = Tally()
        for block in _blocks(rows, block_rows):
            complete = [row for row in block if len(row) == len(names)]
            columns = {key: encode_column([row[position] for row in complete]) for key, position in positions.items()}
            scored = score(parse_columns(columns, len(complete), tally))
            answers = zip(*scored.columns().values(), strict=True)
            for row in block:
                if len(row) == len(names):
                    answer: Iterable[object] = ("" if cell is None else cell for cell in next(answers))
                else:
                    error = f"expected {len(names)} cells, found {len(row)}"
                    answer = [*[""] * (len(ANSWER_COLUMNS) - 1), error]
                write([*_resize(escape_formulas(row), len(names)), *answer])
            yield text.take()
    except csv.Error as error:
        raise DataError(f"not a CSV table: {error}") from error


def _resize(row: list[str], length: int) -> list[str]:
    return (row + [""] * (length - len(row)))[:length]


def _blocks(rows: Iterable[list[str]], size: int) -> Iterator[list[list[str]]]:
    """Blocks of `size` rows; empty lines are left out."""
    block: list[list[str]] = []
    for row in rows:
        if row:
            block.append(row)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


class _Buffer:
    """The file that `csv.writer` writes to; `take` empties it."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    def take(self) -> str:
        text, self.parts = "".join(self.parts), []
        return text
