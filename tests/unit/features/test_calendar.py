"""Calendar features of days."""

import pandas as pd
from crime.core.days import day_number
from crime.features.calendar import calendar_features, federal_holidays
from pandas.tseries.holiday import USFederalHolidayCalendar


def test_federal_holidays_are_marked() -> None:
    first, last = day_number("2023-12-20"), day_number("2024-07-10")
    holidays = federal_holidays(first, last)
    assert len(holidays) == last - first + 1
    expected = ("2023-12-25", "2024-01-01", "2024-01-15", "2024-02-19", "2024-05-27", "2024-06-19", "2024-07-04")
    assert [first + day for day in holidays.nonzero()[0].tolist()] == [day_number(day) for day in expected]


def test_each_day_has_its_features() -> None:
    rows = calendar_features(day_number("2023-12-25"), day_number("2024-02-01")).tolist()
    christmas, new_year, february = rows[0], rows[7], rows[-1]
    assert christmas == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0]  # a Monday
    assert new_year == [1, 0, 0, 0, 0, 0, 0, 0, 1, 0]  # not a holiday as well
    assert february == [0, 0, 0, 1, 0, 0, 0, 0, 0, 1]  # a Thursday


def test_federal_holidays_are_those_of_pandas() -> None:
    first, last = pd.Timestamp(1995, 1, 1), pd.Timestamp(2045, 12, 31)
    expected = USFederalHolidayCalendar().holidays(first, last)
    holidays = federal_holidays(day_number("1995-01-01"), day_number("2045-12-31"))
    assert holidays.nonzero()[0].tolist() == [(day - first).days for day in expected]
