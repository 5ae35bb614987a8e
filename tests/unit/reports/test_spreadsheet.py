"""No cell of a written table runs as a formula."""

import pyarrow as pa
import pytest
from crime.reports.spreadsheet import escape_formula_column, escape_formulas

CELLS = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\tx", "-118.25", "+34", "1=1", "", "A ST"]
ESCAPED = ["'=1+1", "'+A1", "'-A1", "'@SUM(A1)", "'\tx", "-118.25", "+34", "1=1", "", "A ST"]


def test_formulas_are_quoted_and_numbers_are_not() -> None:
    assert escape_formulas(CELLS) == ESCAPED
    assert escape_formula_column(pa.array([*CELLS, None])).to_pylist() == [*ESCAPED, None]


@pytest.mark.parametrize("column", [pa.array([-1.5, None]), pa.array([1, 2])])
def test_numbers_stay_as_they_are(column: pa.Array) -> None:
    assert escape_formula_column(column) is column


@pytest.mark.parametrize("start", ["\n", " ", "\u200b", "\ufeff", "\xa0", "\u3000", "\x00", "\r\n \u2060"])
def test_a_formula_behind_characters_that_show_nothing_is_quoted(start: str) -> None:
    formulas = [f"{start}{sign}1+A1" for sign in "=+-@\uff1d\uff0b\uff0d\uff20"]
    plain = [" -118.25", " 34 ", " A ST", "a\n=1"]
    assert escape_formulas(formulas + plain) == [f"'{cell}" for cell in formulas] + plain
    assert escape_formula_column(pa.array(formulas + plain)).to_pylist() == escape_formulas(formulas + plain)
