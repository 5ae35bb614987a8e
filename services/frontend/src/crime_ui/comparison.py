"""Counts of two periods, one beside the other."""

import datetime
import math
from collections.abc import Mapping
from typing import Literal

from crime_ui.language import _, number

Against = Literal["nothing", "before", "year_before"]
YEAR_DAYS = 364  # whole weeks, so that weekdays agree
Z95 = 1.96  # standard normal deviate of a 95 % interval
Days = tuple[datetime.date, datetime.date]  # first and last


def earlier_days(days: Days, against: Against) -> Days | None:
    """As many days before these, or the same weeks a year before; None if they are compared with nothing."""
    first, last = days
    if against == "nothing":
        return None
    back = datetime.timedelta(days=YEAR_DAYS if against == "year_before" else (last - first).days + 1)
    return first - back, last - back


def change_text(now: int, earlier: int) -> str:
    """The change in percent with its 95 % range, such as +20 % (-3 % to +48 %).

    The range is that of the ratio of two Poisson counts of as long a time, on the logarithmic scale (Rothman,
    Greenland and Lash, Modern Epidemiology, 2008).
    """
    if not now or not earlier:
        return "–"
    ratio, deviation = now / earlier, Z95 * math.sqrt(1 / now + 1 / earlier)
    low, high = ratio * math.exp(-deviation), ratio * math.exp(deviation)
    return _("{change} ({low} to {high})").format(change=_signed(ratio), low=_signed(low), high=_signed(high))


def by_period(by_day: Mapping[str, int]) -> tuple[dict[str, int], str]:
    """Counts by day, by week or by month, whichever makes a readable number of bars, and which it is.

    Weeks begin with the first day; a last one that is cut off is left out.
    """
    days = list(by_day)
    if len(days) <= 62:  # two months
        return dict(by_day), _("By day")
    if len(days) <= 2 * 366:
        weeks = range(0, len(days) - 6, 7)
        return {days[start]: sum(by_day[day] for day in days[start : start + 7]) for start in weeks}, _("By week")
    months: dict[str, int] = {}
    for day, reports in by_day.items():
        months[day[:7]] = months.get(day[:7], 0) + reports
    return months, _("By month")


def _signed(ratio: float) -> str:
    percents = round(100 * (ratio - 1))
    return f"{'+' if percents > 0 else ''}{number(percents)} %"
