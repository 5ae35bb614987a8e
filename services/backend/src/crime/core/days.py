"""What an LAPD report is: its columns, codes and categories, and how each written value is read.

One parser a column serves files, payloads and training alike. A parser takes the stripped, non-empty text of
a cell and returns `(value, repair)`, where `repair` names what had to be mended (or is None); it raises
`ValueError` with what was expected. Blank cells never reach a parser.
"""

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def day_text(day: int) -> str:
    """`2020-01-31` of a day number."""
    return date.fromordinal(day + EPOCH_ORDINAL).isoformat()


def day_number(text: str) -> int:
    """A day number of `2020-01-31`; raises `ValueError` that says so."""
    try:
        return date.fromisoformat(text).toordinal() - EPOCH_ORDINAL
    except ValueError:
        raise ValueError(f"expected a day as 2020-01-31, got {text!r}") from None


def weekday(day: "np.ndarray") -> "np.ndarray":
    """0 for Monday to 6 for Sunday, of day numbers."""
    result: np.ndarray = (day + 3) % 7  # 1970-01-01, day 0, was a Thursday
    return result
