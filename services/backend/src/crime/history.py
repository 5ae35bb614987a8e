"""Reports as events: where and when they happened, and when each became known.

Whoever looks at a day sees only what had been reported by then (`Date Rptd`): a report of an earlier day that came
in later is not there yet. Days are whole days since 1970-01-01.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from crime.data import DataError, Reports, Tally, good
from crime.schema import day_text

FIELDS = ("date_rptd", "date_occ", "time_occ", "area", "rpt_dist_no", "lat", "lon")
STRAY_GAP = 28  # days; rows beyond so long a silence at either end are dates mistyped, if they are few
STRAY_SHARE = 0.001
SILENCE = 20  # reports that would have come; days without one are then not observed, rather than quiet
LONGEST_DELAY = 400  # days; what is reported later is too little to reckon with


@dataclass(frozen=True)
class History:
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

    def take(self, rows: np.ndarray) -> "History":
        return History(*(getattr(self, field.name)[rows] for field in fields(self)))

    def known_by(self, day: int) -> "History":
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


def read(path: Path, tally: Tally) -> History:
    """The reports of an LAPD table. Raises `DataError` where there is none.

    Few rows beyond a silence of four weeks at either end are left out and counted as rejected: mistyped dates.
    """
    parts = [_events(reports) for reports in good(path, tally, fields=FIELDS)]
    whole = History(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(History)))
    low, high = _mainland(whole.occurred)
    inside = (whole.occurred >= low) & (whole.occurred <= high)
    for day in whole.occurred[~inside]:
        tally.reject(f"DATE OCC is {STRAY_GAP} days or more from all other reports", 0, day_text(int(day)))
    order = np.flatnonzero(inside)
    return whole.take(order[np.argsort(whole.occurred[order], kind="stable")])


def _events(reports: Reports) -> History:
    occurred = reports.fields["date_occ"].astype(np.int32)
    reported, district = reports.fields["date_rptd"], reports.fields["rpt_dist_no"]
    return History(
        occurred=occurred,
        known=np.where(np.isnan(reported), occurred, reported).astype(np.int32),
        area=reports.fields["area"].astype(np.int16),
        district=np.where(np.isnan(district), 0, district).astype(np.int16),
        category=reports.label.astype(np.int8),
        shift=(reports.fields["time_occ"] // 480).astype(np.int8),
        latitude=reports.fields["lat"],
        longitude=reports.fields["lon"],
    )


def _mainland(occurred: np.ndarray) -> tuple[int, int]:
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


@dataclass(frozen=True)
class Places:
    """The places of one kind in a history: `ids` (P,), and of each report the index of its place, -1 where unknown.

    `area` (P,) is the area each lies in: for districts the one most of its reports name.
    """

    kind: str
    ids: np.ndarray
    area: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def places(history: History, kind: str) -> Places:
    """The `city` (one place, id 0), its `area`s or its `district`s. Raises `DataError` where none is known."""
    ids = {"city": np.zeros(len(history), int), "area": history.area, "district": history.district}[kind]
    known = ids > 0 if kind != "city" else np.ones(len(ids), bool)
    if not known.any():
        raise DataError("no reporting district is known: the column 'Rpt Dist No' is missing or empty")
    found, inverse = np.unique(ids[known], return_inverse=True)
    index = np.full(len(history), -1)
    index[known] = inverse
    areas = int(history.area.max()) + 1
    votes = np.bincount(inverse * areas + history.area[known], minlength=len(found) * areas).reshape(-1, areas)
    return Places(kind, found, votes.argmax(1) if kind != "city" else np.zeros(1, int), index)


def daily(history: History, where: Places, first: int, last: int, known_by: int | None = None) -> np.ndarray:
    """(P, days) reports of each place on each day `first` to `last`, of those known by `known_by` if given."""
    days = last - first + 1
    rows = slice(*np.searchsorted(history.occurred, [first, last + 1]))
    index = where.index[rows]
    chosen = index >= 0
    if known_by is not None:
        chosen &= history.known[rows] <= known_by
    cells = index[chosen] * days + (history.occurred[rows][chosen] - first)
    return np.bincount(cells, minlength=len(where) * days).astype(np.int32).reshape(len(where), days)


def completeness(history: History, origin: int) -> np.ndarray:
    """Share of a day's reports that is known k days later, k = 0 to 400, from what was known by `origin`.

    Delays are seen only where they are short enough to have ended: the reverse-time hazard takes account of that
    (Kalbfleisch and Lawless, Inference based on retrospective ascertainment, JASA 1989).
    """
    seen = history.known <= origin
    delay = np.minimum(history.known[seen] - history.occurred[seen], LONGEST_DELAY)
    age = np.minimum(origin - history.occurred[seen], LONGEST_DELAY)
    size = LONGEST_DELAY + 1
    table = np.bincount(delay * size + age, minlength=size * size).reshape(size, size)
    by_age = np.cumsum(table[:, ::-1], axis=1)[:, ::-1]  # [k, a]: delay k, age a or more
    k = np.arange(size)
    at_k = by_age[k, k]
    up_to_k = np.cumsum(by_age, axis=0)[k, k]
    stays = 1 - at_k / np.maximum(up_to_k, 1)
    stays[up_to_k == 0] = 1
    share = np.ones(size)
    share[:-1] = np.cumprod(stays[:0:-1])[::-1]
    return np.maximum(share, 0.05)


def observed(counts: np.ndarray) -> np.ndarray:
    """Which days (T,) were observed, of the whole city's counts (T,).

    False in runs of days without a report in which 20 or more would have come: a gap in the table, not a quiet week.
    """
    seen = np.ones(len(counts), bool)
    some = counts[counts > 0]
    if not len(some):
        return seen
    edges = np.flatnonzero(np.diff(np.concatenate([[0], counts == 0, [0]])))
    for begin, finish in zip(edges[::2], edges[1::2], strict=True):
        around = counts[max(0, begin - 28) : finish + 28]
        if (finish - begin) * around.sum() / max(1, np.count_nonzero(around)) >= SILENCE and finish - begin >= 3:
            seen[begin:finish] = False
    return seen
