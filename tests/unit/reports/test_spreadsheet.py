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
