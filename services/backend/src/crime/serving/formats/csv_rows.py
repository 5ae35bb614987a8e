"""Write the rows of a scored CSV table: the text is that of `csv.writer`, but it takes less time."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np
from pydantic_core import to_json

from crime.classifier.scoring import PROBABILITY_DECIMALS, ScoredReports
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.spreadsheet import escape_formulas

NOT_ANSWERED = "," * (3 + len(CATEGORY_NAMES))  # the blank cells of a rejected report, up to its error
_needs_quotes = re.compile('[,"\r\n]').search
_below_1e4 = re.compile(r"0\.0000(\d)(\d?)(?!\d)|(\d)e-(\d)(?!\d)")  # Python writes 1.2e-05, JSON 0.000012


class TextBuffer:
    """Collects what `csv.writer` writes. `take` returns the text so far and starts anew."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    def take(self) -> str:
        text, self.parts = "".join(self.parts), []
        return text


def csv_line(cells: Sequence[object]) -> str:
    """Cells as CSV, without a line end."""
    text = TextBuffer()
    csv.writer(text, lineterminator="\n").writerow([*cells, ""])  # the last: a line of one blank cell gets quotes
    return text.take().removesuffix(",\n")


def own_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table's own rows, all of the same number of cells; formulas are escaped."""
    safe = list(map(escape_formulas, rows))
    lines = list(map(",".join, safe))
    text = "\n".join(lines)
    cells = sum(map(len, safe))
    if '"' in text or "\r" in text or text.count("\n") + text.count(",") != max(0, cells - 1):
        return list(map(csv_line, safe))
    return lines


def answer_lines(scored: ScoredReports, notes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield one CSV line per report: the cells of `ANSWER_COLUMNS`, then the notes that are not among them.

    `notes`: texts by column, in order. The first is `error`, which is the last of `ANSWER_COLUMNS`.
    """
    probabilities = np.nan_to_num(scored.probabilities)
    rounded = probabilities.round(PROBABILITY_DECIMALS)
    tops = _written(rounded.max(1).tolist())[1:-1].split(",")
    shares = _written(rounded.tolist())[2:-2].split("],[")
    levels = list(DETAIL_LEVELS)
    labels = [f"{label},{csv_line([name])}," for label, name in enumerate(CATEGORY_NAMES)]
    quoted = cache(_quoted)  # the texts of a block repeat
    rows = zip(
        scored.accepted.tolist(),
        probabilities.argmax(1).tolist(),
        tops,
        scored.level.tolist(),
        shares,
        zip(*(map(quoted, column) for column in notes.values()), strict=True),
        strict=True,
    )
    for is_accepted, label, top, level, of_categories, noted in rows:
        answer = f"{labels[label]}{top},{levels[level]},{of_categories}" if is_accepted else NOT_ANSWERED
        yield f"{answer},{','.join(noted)}"


def _written(numbers: list[float] | list[list[float]]) -> str:
    """Probabilities in JSON, but each as Python writes it."""
    return _below_1e4.sub(_scientific, to_json(numbers).decode())


def _scientific(match: re.Match[str]) -> str:
    first, second, alone, exponent = match.groups()
    if alone:
        return f"{alone}e-0{exponent}"
    return f"{first}.{second}e-05" if second else f"{first}e-05"


def _quoted(text: str) -> str:
    return csv_line([text]) if _needs_quotes(text) else text
