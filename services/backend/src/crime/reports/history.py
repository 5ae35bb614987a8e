"""Reports as events: where and when they happened, and when each became known.

Whoever looks at a day sees only what had been reported by then (`Date Rptd`): a report of an earlier day that came
in later is not there yet. Days are whole days since 1970-01-01.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from crime.core.days import day_text
from crime.reports.files import good_reports
from crime.reports.table import Reports
from crime.reports.tally import Tally

HISTORY_FIELDS = ("date_rptd", "date_occ", "time_occ", "area", "rpt_dist_no", "lat", "lon")
STRAY_GAP = 28  # days; rows beyond so long a silence at either end are dates mistyped, if they are few
STRAY_SHARE = 0.001


@dataclass(frozen=True)
class EventHistory:
    """n reports, in the order of the days they happened on; every array is (n,).

    `known` is the day a report was taken, the day it happened where that is not known. `district` is 0 where not
    known. `category` indexes `schema.CATEGORIES`, `shift` `schema.SHIFTS`; coordinates are NaN where withheld.
    """

    occurred: np.ndarray
    known: np.ndarray
    area: np.ndarray
    district: np.ndarray
    category: np.ndarray
    shift: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray

    def __len__(self) -> int:
        return len(self.occurred)

    def take(self, rows: np.ndarray) -> "EventHistory":
        return EventHistory(*(getattr(self, field.name)[rows] for field in fields(self)))

    def known_by(self, day: int) -> "EventHistory":
        """What had been reported by the end of `day`."""
        return self.take(np.flatnonzero(self.known <= day))

    @cached_property
    def first(self) -> int:
        return int(self.occurred.min())

    @cached_property
    def last(self) -> int:
        """The last day on which anything happened."""
        return int(self.occurred.max())

    @cached_property
    def end(self) -> int:
        """The day by which all of these reports were known."""
        return int(self.known.max())


def read_history(path: Path, tally: Tally) -> EventHistory:
    """The reports of an LAPD table. Raises `DataError` where there is none.

    Few rows beyond a silence of four weeks at either end are left out and counted as rejected: mistyped dates.
    """
    parts = [_events(reports) for reports in good_reports(path, tally, fields=HISTORY_FIELDS)]
    whole = EventHistory(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(EventHistory))
    )
    low, high = _main_period(whole.occurred)
    inside = (whole.occurred >= low) & (whole.occurred <= high)
    for day in whole.occurred[~inside]:
        tally.reject(f"DATE OCC is {STRAY_GAP} days or more from all other reports", 0, day_text(int(day)))
    order = np.flatnonzero(inside)
    return whole.take(order[np.argsort(whole.occurred[order], kind="stable")])


def _events(reports: Reports) -> EventHistory:
    occurred = reports.fields["date_occ"].astype(np.int32)
    reported, district = reports.fields["date_rptd"], reports.fields["rpt_dist_no"]
    return EventHistory(
        occurred=occurred,
        known=np.where(np.isnan(reported), occurred, reported).astype(np.int32),
        area=reports.fields["area"].astype(np.int16),
        district=np.where(np.isnan(district), 0, district).astype(np.int16),
        category=reports.label.astype(np.int8),
        shift=(reports.fields["time_occ"] // 480).astype(np.int8),
        latitude=reports.fields["lat"],
        longitude=reports.fields["lon"],
    )


def _main_period(occurred: np.ndarray) -> tuple[int, int]:
    """First and last day of the reports, without islands of few rows beyond a long silence."""
    days, counts = np.unique(occurred, return_counts=True)
    few = STRAY_SHARE * len(occurred)
    low, high = 0, len(days) - 1
    for cut in np.flatnonzero(np.diff(days) > STRAY_GAP):
        if counts[: cut + 1].sum() <= few:
            low = max(low, int(cut) + 1)
        elif counts[cut + 1 :].sum() <= few:
            high = min(high, int(cut))
    return int(days[low]), int(days[high])
