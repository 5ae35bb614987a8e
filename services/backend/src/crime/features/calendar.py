"""Calendar features of days: weekdays, federal holidays, and the firsts on which unknown dates are written."""

from functools import cache

import numpy as np
from pandas import Timestamp
from pandas.tseries.holiday import USFederalHolidayCalendar

from crime.core.days import EPOCH_ORDINAL, weekday


@cache  # the rules take 40 ms
def _holidays(first_year: int, last_year: int) -> np.ndarray:
    """(n,) days since 1970-01-01 on which federal holidays are observed, from the first year to the last."""
    begin, end = Timestamp(first_year, 1, 1), Timestamp(last_year, 12, 31)
    return np.array([day.toordinal() - EPOCH_ORDINAL for day in USFederalHolidayCalendar().holidays(begin, end)])


def federal_holidays(first: int, last: int) -> np.ndarray:
    """(days,) bool: which of the days `first` to `last` are federal holidays."""
    first_year, last_year = (Timestamp.fromordinal(day + EPOCH_ORDINAL).year for day in (first, last))
    return np.isin(np.arange(first, last + 1), _holidays(first_year, last_year))


def calendar_features(first: int, last: int) -> np.ndarray:
    """(days, 10) 0 or 1: Monday to Sunday, federal holiday, 1 January, first of another month.

    Firsts of a month, above all 1 January, have more reports because unknown dates are written so.
    """
    days = np.arange(first, last + 1)
    date = days.astype("datetime64[D]")
    first_of_month = date == date.astype("datetime64[M]")
    new_year = date == date.astype("datetime64[Y]")
    weekdays = weekday(days)[:, None] == np.arange(7)
    return np.column_stack(
        [weekdays, federal_holidays(first, last) & ~new_year, new_year, first_of_month & ~new_year]
    ).astype(float)
