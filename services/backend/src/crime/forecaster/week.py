"""What a forecast says of the latest weeks, `week.npz`: counts beside earlier ones, a year of weeks, what is unusual.

It is computed when the forecast is made. Bundles of earlier releases have none. P places are the city, then the areas.
Of the 8 kinds of report the first is all reports, and the others are the categories in their order.
"""

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from crime.core.days import EPOCH_ORDINAL
from crime.reports.categories import CATEGORIES

Period = Literal["week", "four_weeks", "year_to_date"]
PERIODS: tuple[Period, ...] = get_args(Period)
KINDS = (None, *CATEGORIES)  # of report; None: all
YEAR_WEEKS = 52
Span = tuple[int, int]  # first and last day


def period_spans(last: int) -> list[tuple[Span, Span, Span]]:
    """Of each period that ends on the day `last`: its days, as many days before it, and the same a year before.

    A year before is 364 days for whole weeks, so that weekdays agree, and the same dates for the year to date.
    """
    spans: list[tuple[Span, Span, Span]] = []
    for days in (7, 28):
        first = last - days + 1
        spans.append(((first, last), (first - days, last - days), (first - 364, last - 364)))
    today = date.fromordinal(last + EPOCH_ORDINAL)
    first = today.replace(month=1, day=1).toordinal() - EPOCH_ORDINAL
    leap_day = (today.month, today.day) == (2, 29)
    year_before = today.replace(year=today.year - 1, day=28 if leap_day else today.day).toordinal() - EPOCH_ORDINAL
    first_before = date(today.year - 1, 1, 1).toordinal() - EPOCH_ORDINAL
    spans.append(((first, last), (2 * first - last - 1, first - 1), (first_before, year_before)))
    return spans


@dataclass(frozen=True)
class WeekArrays:
    """The content of `week.npz`, all in the table's own counts: those of a random draw are not scaled.

    The last axes of `reports` are the three `PERIODS` and the three spans of `period_spans`. `days` are the days that
    the table covers of each; a span of which it covers less than half has 0, and its counts mean nothing.
    `corrected`: reports with those still to come, and the bounds of their 95 % range. `ratio`: of the rate to that of
    each of the two earlier spans, the bounds of its 95 % interval, and p; NaN where it can't be told. `marked`: more
    than chance over the whole table.

    Weeks end on the forecast's origin. `week_range`: what was expected of them and the 95 % range, NaN where no
    forecast was made. Of the U unusual places, the most unusual first: `unusual_place` is the index into
    `PLACE_KINDS`, the id, the index into `KINDS` and the days (7 or 14); `unusual_count` the reports known, those
    expected to be known, the bounds of the 95 % range, and p; `unusual_alarm` whether more than chance over all that
    was looked at, `looked_at` (2,): of city and areas, and of districts.
    """

    ids: np.ndarray  # (P,) area numbers; 0 for the city
    days: np.ndarray  # (3, 3)
    reports: np.ndarray  # (P, 8, 3, 3)
    corrected: np.ndarray  # (3, P, 8, 3, 3)
    ratio: np.ndarray  # (4, P, 8, 3, 2)
    marked: np.ndarray  # (P, 8, 3, 2)
    week_reports: np.ndarray  # (P, 8, 52)
    week_range: np.ndarray  # (3, P, 8, 52)
    unusual_place: np.ndarray  # (U, 4)
    unusual_count: np.ndarray  # (U, 5)
    unusual_alarm: np.ndarray  # (U,)
    looked_at: np.ndarray  # (2,)

    @classmethod
    def read(cls, path: Path) -> "WeekArrays":
        """Read what `write` wrote. Raises `OSError`, `KeyError` or `ValueError` if the file is damaged."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{field.name: file[field.name] for field in fields(cls)})

    def write(self, path: Path) -> None:
        np.savez_compressed(path, allow_pickle=False, **vars(self))
