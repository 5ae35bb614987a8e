"""Calendar features of days: weekdays, federal holidays, and the firsts on which unknown dates are written."""

import numpy as np
from pandas import Timestamp
from pandas.tseries.holiday import USFederalHolidayCalendar

from crime.core.days import EPOCH_ORDINAL, weekday


def federal_holidays(first: int, last: int) -> np.ndarray:
    """(days,) bool: which of the days `first` to `last` are federal holidays."""
    begin, end = (Timestamp.fromordinal(day + EPOCH_ORDINAL) for day in (first, last))
    holidays = np.zeros(last - first + 1, bool)
    for holiday in USFederalHolidayCalendar().holidays(begin, end):
        holidays[holiday.toordinal() - EPOCH_ORDINAL - first] = True
    return holidays


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
