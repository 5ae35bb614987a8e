"""Reports as events: where and when each happened, and on which day it became known."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from crime.core.days import day_text
from crime.core.memory import release_free_memory
from crime.reports.files import good_reports
from crime.reports.table import Reports
from crime.reports.tally import Tally

HISTORY_FIELDS = ("date_rptd", "date_occ", "time_occ", "area", "rpt_dist_no", "lat", "lon")
# Reports before or after a gap of STRAY_GAP days have mistyped dates if they are at most STRAY_SHARE of all.
STRAY_GAP = 28  # days
STRAY_SHARE = 0.001
WINDOW_DAYS, DENSE_SHARE = 28, 0.1  # of the search for the first day; set by judgement: docs/method.md


@dataclass(frozen=True)
class EventHistory:
    """n reports as arrays (n,), sorted by the day on which they happened. Days count from 1970-01-01.

    `occurred`: the day it happened. `known`: the day the report was taken, or `occurred` if that is not known.
    `district`: 0 if not known. `category` and `shift` are indices into `CATEGORIES` and `SHIFTS`. `latitude` and
    `longitude` are NaN where withheld.
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

    @classmethod
    def of_days(cls, occurred: np.ndarray, known: np.ndarray) -> "EventHistory":
        """Reports (n,) of which only the days count, as for where a table ends. Mistyped dates are left out."""
        low, high = _main_period(occurred)
        inside = (occurred >= low) & (occurred <= high)
        unread = np.broadcast_to(np.int8(0), int(inside.sum()))  # takes no memory
        return cls(occurred[inside], known[inside], *[unread] * 6)

    def take(self, rows: np.ndarray) -> "EventHistory":
        """The reports at these row numbers."""
        return EventHistory(*(getattr(self, field.name)[rows] for field in fields(self)))

    def known_by(self, day: int) -> "EventHistory":
        """The reports that were taken by the end of `day`."""
        return self.take(np.flatnonzero(self.known <= day))

    @cached_property
    def first(self) -> int:
        """The first day on which anything happened."""
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
    """The reports of an LAPD table. Raises `DataError` if there are none.

    Reports with mistyped dates are left out and counted as rejected: a few reports weeks before or after all others.
    """
    blocks = [_events(reports) for reports in good_reports(path, tally, fields=HISTORY_FIELDS)]
    history = EventHistory(
        *(np.concatenate([getattr(block, field.name) for block in blocks]) for field in fields(EventHistory))
    )
    del blocks  # they hold all reports a second time
    release_free_memory()
    low, high = _main_period(history.occurred)
    inside = (history.occurred >= low) & (history.occurred <= high)
    for day in history.occurred[~inside]:
        tally.reject(f"DATE OCC is {STRAY_GAP} days or more from all other reports", 0, day_text(int(day)))
    rows = np.flatnonzero(inside)
    return history.take(rows[np.argsort(history.occurred[rows], kind="stable")])


def first_dense_day(counts: np.ndarray, usual_rate: float) -> int:
    """The first day with a report from which on four weeks have a tenth of their usual reports or more.

    `counts` (days,) are reports by day, `usual_rate` reports a day; 0 for less than four weeks. Before it are late
    reports and mistyped dates, back to the year 1900.
    """
    windows = np.convolve(counts, np.ones(WINDOW_DAYS), "valid") if len(counts) >= WINDOW_DAYS else np.empty(0)
    if not len(windows):
        return 0
    begun = int(np.argmax(windows >= DENSE_SHARE * WINDOW_DAYS * usual_rate))
    return begun + int(np.argmax(counts[begun:] > 0))


def occurred_and_known(reports: Reports) -> tuple[np.ndarray, np.ndarray]:
    """Days (n,) on which reports happened and became known, as in `EventHistory`."""
    occurred, reported = reports.fields["date_occ"].astype(np.int32), reports.fields["date_rptd"]
    return occurred, np.where(np.isnan(reported), occurred, reported).astype(np.int32)


def _events(reports: Reports) -> EventHistory:
    occurred, known = occurred_and_known(reports)
    district = reports.fields["rpt_dist_no"]
    return EventHistory(
        occurred=occurred,
        known=known,
        area=reports.fields["area"].astype(np.int16),
        district=np.where(np.isnan(district), 0, district).astype(np.int16),
        category=reports.label.astype(np.int8),
        shift=(reports.fields["time_occ"] // 480).astype(np.int8),
        latitude=reports.fields["lat"],
        longitude=reports.fields["lon"],
    )


def _main_period(occurred: np.ndarray) -> tuple[int, int]:
    """First and last day of `occurred` (n,), stray reports left out: a few that lie beyond a long gap at either end."""
    days, counts = np.unique(occurred, return_counts=True)
    most_stray = STRAY_SHARE * len(occurred)
    low, high = 0, len(days) - 1
    for gap in np.flatnonzero(np.diff(days) > STRAY_GAP).tolist():
        if counts[: gap + 1].sum() <= most_stray:
            low = max(low, gap + 1)
        elif counts[gap + 1 :].sum() <= most_stray:
            high = min(high, gap)
    return int(days[low]), int(days[high])
