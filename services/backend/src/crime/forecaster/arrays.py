"""The arrays of a forecast bundle, `forecast.npz`, which numpy alone reads and writes.

Its entries are `grid` and, for each kind of place, the fields of `PlaceForecasts` with the kind as a prefix
(`area_mean`); the interval tables are named after their cut and, unless they are of a day, their days (`area_shift`,
`area_shift_7`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from crime.core.bundle_arrays import ArrayRule, read_arrays
from crime.core.errors import BundleError
from crime.reports.categories import CATEGORIES
from crime.reports.places import PLACE_KINDS, PlaceKind
from crime.reports.schema import SHIFTS

HORIZON_DAYS, RECENT_DAYS = 28, 91
Cut = Literal["all", "shift", "category", "both"]  # how finely a day's reports are split
CUTS: tuple[Cut, ...] = get_args(Cut)
PeriodAhead = Literal["day", "week", "four_weeks"]
PERIOD_DAYS: Mapping[PeriodAhead, int] = {"day": 1, "week": 7, "four_weeks": HORIZON_DAYS}
# of a file that is read
PLACE_NUMBERS: Mapping[PlaceKind, tuple[int, int]] = {"city": (0, 0), "area": (1, 21), "district": (1, 9_999)}
MAX_PLACES, MAX_GRID, SHIFT_COUNT = 10_000, 10_000, len(SHIFTS)
SHARE_ERROR = 1e-3  # by which shares that add up to 1 may differ from it


@dataclass(frozen=True)
class PlaceForecasts:
    """The forecasts of the P places of one kind, 28 days ahead.

    `recent` are the reports of the 91 days before the forecast, `past` is the latest forecast of the backtest and
    `outcome` the reports that followed it. Both are None for districts, and where the table has a gap there. The
    `_split` ones are the same by shift and category, `past_share` as `share`: None for districts, and in bundles of
    earlier releases, which also have neither `located` nor intervals of more than a day.
    """

    ids: np.ndarray  # (P,) ascending
    area: np.ndarray  # (P,) number of the area the place lies in; 0 for the city
    mean: np.ndarray  # (P, 28) expected reports by day
    share: np.ndarray  # (P, 7, 3, 7) share of each shift and category by weekday, Monday first
    centre: np.ndarray  # (P, 2) mean latitude and longitude of its reports; 0 if none is known
    recent: np.ndarray  # (P, 91) reports by day
    # (4, grid) bounds over the expectations of `ForecastArrays.grid`, of sums over 1, 7 and 28 days
    intervals: Mapping[tuple[Cut, int], np.ndarray]
    past: np.ndarray | None = None  # (P, 28)
    outcome: np.ndarray | None = None  # (P, 28)
    located: np.ndarray | None = None  # (P,) how many reports `centre` is the mean of
    recent_split: np.ndarray | None = None  # (P, 91, 3, 7)
    past_share: np.ndarray | None = None  # (P, 7, 3, 7)
    outcome_split: np.ndarray | None = None  # (P, 28, 3, 7)

    @classmethod
    def from_entries(cls, entries: Mapping[str, np.ndarray], kind: PlaceKind) -> "PlaceForecasts":
        """One kind of place from the entries of `forecast.npz`, as they were checked."""
        columns = {name: entries[f"{kind}_{name}"] for name in REQUIRED}
        columns |= {name: entries[f"{kind}_{name}"] for name in OPTIONAL if f"{kind}_{name}" in entries}
        keys = [(cut, days) for cut in CUTS for days in PERIOD_DAYS.values()]
        stored = [key for key in keys if key[1] == 1 or _interval_entry(kind, *key) in entries]
        intervals = {key: entries[_interval_entry(kind, *key)] for key in stored}
        return cls(intervals=intervals, **columns)

    def entries(self, kind: PlaceKind) -> dict[str, np.ndarray]:
        """The entries of `forecast.npz`."""
        entries = {f"{kind}_{name}": getattr(self, name) for name in (*REQUIRED, *OPTIONAL)}
        entries |= {_interval_entry(kind, cut, days): table for (cut, days), table in self.intervals.items()}
        return {name: values for name, values in entries.items() if values is not None}


REQUIRED = ("ids", "area", "mean", "share", "centre", "recent")
OPTIONAL = ("past", "outcome", "located", "recent_split", "past_share", "outcome_split")


def _interval_entry(kind: PlaceKind, cut: Cut, days: int) -> str:
    return f"{kind}_{cut}" if days == 1 else f"{kind}_{cut}_{days}"


@dataclass(frozen=True)
class ForecastArrays:
    """The content of `forecast.npz`: `grid` (G,), the expectations for which intervals are tabulated, and forecasts.

    `places` has no districts if the table names none.
    """

    grid: np.ndarray
    places: Mapping[PlaceKind, PlaceForecasts]

    @classmethod
    def read(cls, content: bytes) -> "ForecastArrays":
        """Read what `write` wrote. Raises `BundleError`."""
        entries = read_arrays(content, _rules(), {"expectations": MAX_GRID, **dict.fromkeys(PLACE_KINDS, MAX_PLACES)})
        grid = entries["grid"]
        if len(grid) < 2 or (np.diff(grid) <= 0).any():
            raise BundleError("grid: expected expectations that ascend")
        kinds = [kind for kind in PLACE_KINDS if kind != "district" or "district_ids" in entries]
        for kind in kinds:
            _check_entries(entries, kind)
        return cls(grid, {kind: PlaceForecasts.from_entries(entries, kind) for kind in kinds})

    def write(self, path: Path) -> None:
        entries = {"grid": self.grid}
        for kind, places in self.places.items():
            entries |= places.entries(kind)
        np.savez_compressed(path, allow_pickle=False, **entries)


_MOST = 1e9  # reports of a place


@cache
def _rules() -> Mapping[str, ArrayRule]:
    """What each entry of `forecast.npz` must be. Those of districts may be missing, all together."""
    rules = {"grid": ArrayRule("number", ("expectations",), 0, _MOST)}
    split = (SHIFT_COUNT, len(CATEGORIES))
    for kind in PLACE_KINDS:
        shapes: dict[str, tuple[int, ...]] = {
            "mean": (HORIZON_DAYS,),
            "share": (7, *split),
            "recent": (RECENT_DAYS,),
            "past": (HORIZON_DAYS,),
            "outcome": (HORIZON_DAYS,),
            "located": (),
            "recent_split": (RECENT_DAYS, *split),
            "past_share": (7, *split),
            "outcome_split": (HORIZON_DAYS, *split),
        }
        is_there = kind != "district"
        lowest, highest = PLACE_NUMBERS[kind]
        rules[f"{kind}_ids"] = ArrayRule("integer", (kind,), lowest, highest, required=is_there)
        rules[f"{kind}_area"] = ArrayRule("integer", (kind,), 0, PLACE_NUMBERS["area"][1], required=is_there)
        rules[f"{kind}_centre"] = ArrayRule("number", (kind, 2), -180, 180, required=is_there)
        for name, shape in shapes.items():
            highest_value = 1.0 + SHARE_ERROR if name.endswith("share") else _MOST
            required = is_there and name in REQUIRED
            rules[f"{kind}_{name}"] = ArrayRule("number", (kind, *shape), 0, highest_value, required=required)
        for cut in CUTS:
            for days in PERIOD_DAYS.values():
                table = ArrayRule("number", (4, "expectations"), -_MOST, _MOST, required=is_there and days == 1)
                rules[_interval_entry(kind, cut, days)] = table
    return rules


def _check_entries(entries: Mapping[str, np.ndarray], kind: PlaceKind) -> None:
    """What the entries of a kind of place say together. Raises `BundleError`."""
    required = [f"{kind}_{name}" for name in REQUIRED] + [_interval_entry(kind, cut, 1) for cut in CUTS]
    if missing := [name for name in required if name not in entries]:
        raise BundleError(f"has no array {missing[0]}")
    ids = entries[f"{kind}_ids"]
    if not len(ids) or (np.diff(ids.astype(int)) <= 0).any():
        raise BundleError(f"{kind}_ids: expected places, ascending")
    for name in ("share", "past_share"):
        sums = entries[f"{kind}_{name}"].astype(float).sum((2, 3)) if f"{kind}_{name}" in entries else np.ones(1)
        if (np.abs(sums - 1) > SHARE_ERROR).any():
            raise BundleError(f"{kind}_{name}: shares of a day do not add up to 1")
    for first, second in (("past", "outcome"), ("past_share", "outcome_split")):
        if (f"{kind}_{first}" in entries) != (f"{kind}_{second}" in entries):
            raise BundleError(f"has only one of {kind}_{first} and {kind}_{second}")
    for days in PERIOD_DAYS.values():
        names = [_interval_entry(kind, cut, days) for cut in CUTS]
        if len(stored := [name for name in names if name in entries]) not in (0, len(names)):
            raise BundleError(f"has {stored[0]}, but not all of {', '.join(names)}")
        for name in stored:
            low80, high80, low95, high95 = entries[name]
            if not ((low95 <= low80) & (low80 <= high80) & (high80 <= high95)).all():
                raise BundleError(f"{name}: expected the interval of 80 % within that of 95 %")
