"""What a forecast says of the latest weeks, `week.npz`: counts beside earlier ones, a year of weeks, what is unusual.

It is computed when the forecast is made. Bundles of earlier releases have none. P places are the city, then the areas.
Of the 8 kinds of report the first is all reports, and the others are the categories in their order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from crime.core.bundle_arrays import ArrayRule, read_arrays
from crime.core.days import EPOCH_ORDINAL
from crime.core.errors import BundleError
from crime.forecaster.arrays import MAX_PLACES, PlaceForecasts
from crime.reports.categories import CATEGORIES
from crime.reports.places import PLACE_KINDS, PlaceKind

Period = Literal["week", "four_weeks", "year_to_date"]
PERIODS: tuple[Period, ...] = get_args(Period)
KINDS = (None, *CATEGORIES)  # of report; None: all
YEAR_WEEKS, MAX_UNUSUAL = 52, 100_000
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
    def read(cls, content: bytes, places: Mapping[PlaceKind, PlaceForecasts]) -> "WeekArrays":
        """Read what `write` wrote, of a forecast of these places. Raises `BundleError`."""
        arrays = read_arrays(content, RULES, {"places": MAX_PLACES, "unusual": MAX_UNUSUAL})
        ids, days = arrays["ids"].tolist(), arrays["days"]
        if ids != [0, *places["area"].ids.tolist()]:
            raise BundleError("ids: expected the city and the areas of the forecast")
        if not np.isfinite(np.where(days > 0, arrays["corrected"], 0)).all():
            raise BundleError("corrected: not every value is a finite number")
        p = arrays["ratio"][3]
        if not (np.isnan(p) | ((p >= 0) & (p <= 1))).all():
            raise BundleError("ratio: p is no probability")
        known = {(PLACE_KINDS.index(kind), id_) for kind, found in places.items() for id_ in found.ids.tolist()}
        for kind, id_, category, length in arrays["unusual_place"].tolist():
            if (kind, id_) not in known or category >= len(KINDS) or length not in (7, 14):
                raise BundleError(f"unusual_place: {kind}, {id_}, {category}, {length} is no place of the forecast")
        return cls(**arrays)

    def write(self, path: Path) -> None:
        np.savez_compressed(path, allow_pickle=False, **vars(self))


_CELLS = ("places", len(KINDS))
RULES = {
    "ids": ArrayRule("integer", ("places",), 0, 21),
    "days": ArrayRule("integer", (len(PERIODS), 3), 0, 366),
    "reports": ArrayRule("integer", (*_CELLS, len(PERIODS), 3), 0, 1e9),
    "corrected": ArrayRule("number", (3, *_CELLS, len(PERIODS), 3), 0, 1e12, finite=False),
    "ratio": ArrayRule("number", (4, *_CELLS, len(PERIODS), 2), 0, finite=False),
    "marked": ArrayRule("flag", (*_CELLS, len(PERIODS), 2)),
    "week_reports": ArrayRule("integer", (*_CELLS, YEAR_WEEKS), 0, 1e9),
    "week_range": ArrayRule("number", (3, *_CELLS, YEAR_WEEKS), 0, 1e12, finite=False),
    "unusual_place": ArrayRule("integer", ("unusual", 4), 0, 9_999),
    "unusual_count": ArrayRule("number", ("unusual", 5), 0, 1e12),
    "unusual_alarm": ArrayRule("flag", ("unusual",)),
    "looked_at": ArrayRule("integer", (2,), 0, 1e9),
}
