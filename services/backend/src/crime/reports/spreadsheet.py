"""Escape cells that a spreadsheet would run as formulas (OWASP: CSV injection)."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# First and last of each range of characters that show nothing: controls, spaces, zero-width and direction marks
_INVISIBLE = (
    ("\x00", "\x20"), ("\x7f", "\xa0"), ("\xad", "\xad"), ("\u034f", "\u034f"), ("\u061c", "\u061c"),
    ("\u115f", "\u1160"), ("\u1680", "\u1680"), ("\u17b4", "\u17b5"), ("\u180b", "\u180f"), ("\u2000", "\u200f"),
    ("\u2028", "\u202f"), ("\u205f", "\u206f"), ("\u2800", "\u2800"), ("\u3000", "\u3000"), ("\u3164", "\u3164"),
    ("\ufe00", "\ufe0f"), ("\ufeff", "\ufeff"), ("\uffa0", "\uffa0"), ("\ufff0", "\ufffb"),
)  # fmt: skip
_STARTS = "=+@\uff1d\uff0b\uff0d\uff20\u2212-"  # of a formula, also in full width; a spreadsheet may read both
_CONTROLS = "\t\r\n"  # with which no cell may begin
# A cell that spreadsheets take for a formula, unless it is a number: both as Python's and Google's engine read it.
FORMULA = f"^(?:[{_CONTROLS}]|[{''.join(f'{first}-{last}' for first, last in _INVISIBLE)}]*[{_STARTS}])"
NUMBER = "^ *[+-]?[0-9.]+ *"
_FIRST_CHARACTERS = frozenset(_STARTS).union(
    *(map(chr, range(ord(first), ord(last) + 1)) for first, last in _INVISIBLE)
)  # looked at before the patterns, which take longer
_formula = re.compile(rf"(?!{NUMBER}\Z){FORMULA}").match


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
        compute.match_substring_regex(column, FORMULA), compute.match_substring_regex(column, f"{NUMBER}$")
    )
    return compute.if_else(is_formula, compute.binary_join_element_wise("'", column, ""), column)
