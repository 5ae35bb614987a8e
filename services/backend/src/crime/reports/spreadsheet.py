"""Escape cells that a spreadsheet would run as formulas (OWASP: CSV injection)."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


FORMULA = r"^[=+\-@\t\r]"  # a cell that spreadsheets take for a formula, unless it is a number
NUMBER = r"^[+-]?[0-9.]+$"
_FIRST_CHARACTERS = frozenset("=+-@\t\r")  # of a formula; looked at before the pattern, which takes longer
_formula = re.compile(rf"(?!{NUMBER}){FORMULA}").match


def escape_formulas(cells: Iterable[str]) -> list[str]:
    """A row's cells; an apostrophe is put before each formula."""
    return [f"'{cell}" if cell[:1] in _FIRST_CHARACTERS and _formula(cell) else cell for cell in cells]


def escape_formula_column(column: "pa.Array") -> "pa.Array":
    """A column with an apostrophe before each formula; a column that is not text is returned unchanged."""
    import pyarrow as pa
    from pyarrow import compute

    if not pa.types.is_string(column.type):
        return column
    is_formula = compute.and_not(
        compute.match_substring_regex(column, FORMULA), compute.match_substring_regex(column, NUMBER)
    )
    return compute.if_else(is_formula, compute.binary_join_element_wise("'", column, ""), column)
