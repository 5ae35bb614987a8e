"""Score tables, a block of rows at a time, whatever their size."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


FORMULA, NUMBER = r"^[=+\-@\t\r]", r"^[+-]?[0-9.]+$"  # what a spreadsheet would run, and what only looks like it
_formula = re.compile(rf"(?!{NUMBER}){FORMULA}").match


def escape_formulas(cells: Iterable[str]) -> list[str]:
    """As `_tame`, of a row."""
    return [f"'{cell}" if _formula(cell) else cell for cell in cells]


def escape_formula_column(column: "pa.Array") -> "pa.Array":
    """Cells that a spreadsheet would run as a formula, behind an apostrophe (OWASP: CSV injection)."""
    import pyarrow as pa
    from pyarrow import compute

    if not pa.types.is_string(column.type):
        return column
    runs = compute.and_not(
        compute.match_substring_regex(column, FORMULA), compute.match_substring_regex(column, NUMBER)
    )
    return compute.if_else(runs, compute.binary_join_element_wise("'", column, ""), column)
