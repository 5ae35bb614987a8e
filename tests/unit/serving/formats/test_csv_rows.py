"""Lines of an answered table are those that `csv.writer` writes."""

import csv
import io
from collections.abc import Iterable

import numpy as np
from crime.classifier.scoring import ANSWER_COLUMNS, ScoredReports
from crime.reports.spreadsheet import escape_formulas
from crime.reports.table import CellError
from crime.serving.formats.csv_rows import answer_lines, own_lines
from hypothesis import given
from hypothesis import strategies as st

CELLS = st.text(st.sampled_from(list("ab1.,;\"'\n\r\t =-é")), max_size=5)


def written(rows: Iterable[Iterable[object]]) -> list[str]:
    lines = []
    for row in rows:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(row)
        lines.append(text.getvalue().removesuffix("\n"))
    return lines


@given(st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width))))
def test_own_rows(rows: list[list[str]]) -> None:
    assert own_lines(rows) == written(map(escape_formulas, rows))


def test_every_probability_is_written_as_python_does() -> None:
    shares = np.arange(7 * 142_858) / 1e6
    shares = np.minimum(shares, 1).reshape(-1, 7)
    rows = len(shares)
    scored = ScoredReports(shares, np.zeros(rows, int), np.full(rows, None, object), 0.0)
    lines = list(answer_lines(scored, {"error": [""] * rows}))
    assert lines == written(zip(*scored.columns().values(), strict=True))


def test_rejected_reports_and_notes_with_commas_and_quotes() -> None:
    errors = np.array([None, CellError("AREA", "unreadable", 'expected "a", or b'), None], object)
    shares = np.full((3, 7), np.nan)
    shares[[0, 2]] = 0.125
    scored = ScoredReports(shares, np.array([3, 0, 1]), errors, 0.0)
    notes = {"error": ["" if error is None else str(error) for error in errors], "warnings": ["x", "", "a, b\n"]}
    wanted = scored.columns() | notes
    assert list(wanted) == [*ANSWER_COLUMNS, "warnings"]
    assert list(answer_lines(scored, notes)) == written(zip(*wanted.values(), strict=True))
