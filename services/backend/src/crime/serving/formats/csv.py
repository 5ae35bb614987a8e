"""Score tables, a block of rows at a time, whatever their size."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, OnScored, score_reports
from crime.core.errors import DataError
from crime.reports.parsing import parse_columns
from crime.reports.spreadsheet import escape_formulas
from crime.reports.table import encode_column
from crime.reports.tally import Tally


def score_csv(
    model: CategoryBundle, lines: Iterable[str], seen: OnScored | None = None, block: int = 5_000
) -> Iterator[str]:
    """A CSV text with the answer's columns behind its own, a block at a time, without pyarrow (the server's way).

    Rows with the wrong number of cells stay, with an `error`. Raises `DataError` if it is no LAPD table.
    """
    from crime.reports.parsing import locate_columns

    text = _Buffer()
    write = csv.writer(text, lineterminator="\n").writerow
    rows = csv.reader(lines)
    try:
        names = next(rows, None)
        if not names:
            raise DataError("the file is empty")
        names[0] = names[0].removeprefix("\ufeff")
        places = locate_columns(names)
        write([*escape_formulas(names), *ANSWER_COLUMNS])
        yield text.take()
        tally = Tally()
        for chunk in _chunks(rows, block):
            whole = [row for row in chunk if len(row) == len(names)]
            columns = {k: encode_column([row[at] for row in whole]) for k, at in places.items()}
            answers = iter(zip(*score_reports(model, parse_columns(columns, len(whole), tally), seen), strict=True))
            for row in chunk:
                row = escape_formulas(row)
                if len(row) == len(names):
                    write([*row, *("" if cell is None else cell for cell in next(answers))])
                else:
                    filled = (row + [""] * len(names))[: len(names)]
                    write(
                        [*filled, *[""] * (len(ANSWER_COLUMNS) - 1), f"expected {len(names)} cells, found {len(row)}"]
                    )
            yield text.take()
    except csv.Error as error:
        raise DataError(f"not a CSV table: {error}") from error


def _chunks(rows: Iterable[Sequence[str]], size: int) -> Iterator[list[list[str]]]:
    chunk: list[list[str]] = []
    for row in rows:
        if row:
            chunk.append(list(row))
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Buffer:
    """What csv.writer needs of a file: what was written, taken out in pieces."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    def take(self) -> str:
        text, self.parts = "".join(self.parts), []
        return text


MAX_LINE_CHARACTERS = 1 << 20
# what is not UTF-8 in an upload is read as Windows-1252, which spreadsheets write
codecs.register_error("cp1252", lambda e: (e.object[e.start : e.end].decode("cp1252", "replace"), e.end))  # type: ignore[attr-defined]


def bounded_lines(text: io.TextIOBase) -> Iterator[str]:
    """A few bytes of gzip can be a line of many gigabytes."""
    while line := text.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS:
            raise DataError(f"a line of {MAX_LINE_CHARACTERS:,} characters or more")
        yield line
