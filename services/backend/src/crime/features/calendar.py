"""Expected reports by place and day, up to 28 days ahead: the model `crime-risk`, and the baselines it has to beat.

A smoothed rate first, then what is left. At an origin (the end of a day) every place has several rates, each an
exponentially weighted mean of its known reports over their exposure (calendar x share known by now), with another
half-life; long rates of districts are shrunk towards their area (gamma-Poisson). Their non-negative combination
maximises the Poisson likelihood of the weeks before the origin, apart for four ranges of the horizon: short
half-lives carry near repeats, and fade. LightGBM starts from that (`init_score`) and learns what it leaves.
All of it sees what had been reported by the origin, nothing later.
"""

import numpy as np
from pandas.tseries.holiday import USFederalHolidayCalendar

from crime.core.days import EPOCH_ORDINAL


def federal_holidays(first: int, last: int) -> np.ndarray:
    """Which of the days `first` to `last` are federal holidays, as bool."""
    from pandas import Timestamp

    begin, end = (Timestamp.fromordinal(day + EPOCH_ORDINAL) for day in (first, last))
    found = USFederalHolidayCalendar().holidays(begin, end)
    marked = np.zeros(last - first + 1, bool)
    marked[[day.toordinal() - EPOCH_ORDINAL - first for day in found]] = True
    return marked


def calendar_features(first: int, last: int) -> np.ndarray:
    """(days, 10) 0/1: Monday to Sunday, holiday, 1 January, first of another month (unknown dates stand there)."""
    days = np.arange(first, last + 1)
    date = days.astype("datetime64[D]")
    first_of_month = date == date.astype("datetime64[M]")
    new_year = date == date.astype("datetime64[Y]")
    weekday = (days[:, None] + 3) % 7 == np.arange(7)
    return np.column_stack(
        [weekday, federal_holidays(first, last) & ~new_year, new_year, first_of_month & ~new_year]
    ).astype(float)
