"""Days as whole numbers, counted from 1970-01-01."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
# the days that a bundle may speak of
FIRST_DAY, LAST_DAY = date(1900, 1, 1).toordinal() - EPOCH_ORDINAL, date(2199, 12, 31).toordinal() - EPOCH_ORDINAL
DayNumbers = TypeVar("DayNumbers", int, float, "np.ndarray")


def day_text(day: int) -> str:
    """A day as ISO text, such as `2020-01-31`."""
    return date.fromordinal(day + EPOCH_ORDINAL).isoformat()


def day_number(text: str) -> int:
    """The day written as ISO text. Raises `ValueError`."""
    try:
        return date.fromisoformat(text).toordinal() - EPOCH_ORDINAL
    except ValueError:
        raise ValueError(f"expected a day as 2020-01-31, got {text!r}") from None


def today() -> int:
    """The day it is now, by UTC. Tests replace it."""
    return datetime.now(UTC).date().toordinal() - EPOCH_ORDINAL


def weekday(day: DayNumbers) -> DayNumbers:
    """0 for Monday to 6 for Sunday, of one day or an array of days."""
    result: DayNumbers = (day + 3) % 7  # 1970-01-01, day 0, was a Thursday
    return result
