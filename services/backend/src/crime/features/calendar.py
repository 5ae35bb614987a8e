"""Calendar features of days: weekdays, federal holidays, and the firsts on which unknown dates are written."""

from datetime import date, timedelta
from functools import cache

import numpy as np

from crime.core.days import EPOCH_ORDINAL, weekday

MONDAY, THURSDAY, SATURDAY, SUNDAY = 0, 3, 5, 6
FIXED_HOLIDAYS = ((1, 1), (7, 4), (11, 11), (12, 25))  # month and day; on a weekend the nearest workday is observed
JUNETEENTH, JUNETEENTH_SINCE = (6, 19), 2021
# the first such weekday from a day on: Martin Luther King's birthday, Washington's birthday, Memorial Day, Labor Day,
# Columbus Day and Thanksgiving
MOVING_HOLIDAYS = (
    (1, 15, MONDAY),
    (2, 15, MONDAY),
    (5, 25, MONDAY),
    (9, 1, MONDAY),
    (10, 8, MONDAY),
    (11, 22, THURSDAY),
)


@cache
def _holidays(year: int) -> list[int]:
    """Days since 1970-01-01 on which the federal holidays of a year are observed (5 U.S.C. 6103)."""
    fixed = [*FIXED_HOLIDAYS, *([JUNETEENTH] if year >= JUNETEENTH_SINCE else [])]
    observed = [_nearest_workday(date(year, month, day)) for month, day in fixed]
    for month, day, weekday_ in MOVING_HOLIDAYS:
        first = date(year, month, day)
        observed.append(first + timedelta(days=(weekday_ - first.weekday()) % 7))
    return [day.toordinal() - EPOCH_ORDINAL for day in observed]


def _nearest_workday(day: date) -> date:
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def federal_holidays(first: int, last: int) -> np.ndarray:
    """(days,) bool: which of the days `first` to `last` are federal holidays."""
    first_year, last_year = (date.fromordinal(day + EPOCH_ORDINAL).year for day in (first, last))
    # 1 January of the year after may be observed on 31 December
    observed = [day for year in range(first_year, last_year + 2) for day in _holidays(year)]
    return np.isin(np.arange(first, last + 1), observed)


def calendar_features(first: int, last: int) -> np.ndarray:
    """(days, 10) 0 or 1: Monday to Sunday, federal holiday, 1 January, first of another month.

    Firsts of a month, above all 1 January, have more reports because unknown dates are written so.
    """
    days = np.arange(first, last + 1)
    dates = days.astype("datetime64[D]")
    first_of_month = dates == dates.astype("datetime64[M]")
    new_year = dates == dates.astype("datetime64[Y]")
    weekdays = weekday(days)[:, None] == np.arange(7)
    return np.column_stack(
        [weekdays, federal_holidays(first, last) & ~new_year, new_year, first_of_month & ~new_year]
    ).astype(float)
