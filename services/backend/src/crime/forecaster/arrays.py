"""The arrays of a forecast bundle, `forecast.npz`, which numpy alone reads and writes.

Its entries are `grid` and, for each kind of place, the fields of `PlaceForecasts` with the kind as a prefix
(`area_mean`); the interval tables are named after their cut and, unless they are of a day, their days (`area_shift`,
`area_shift_7`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from crime.reports.places import PLACE_KINDS, PlaceKind

HORIZON_DAYS = 28
Cut = Literal["all", "shift", "category", "both"]  # how finely a day's reports are split
CUTS: tuple[Cut, ...] = get_args(Cut)
PeriodAhead = Literal["day", "week", "four_weeks"]
PERIOD_DAYS: Mapping[PeriodAhead, int] = {"day": 1, "week": 7, "four_weeks": HORIZON_DAYS}


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
        """Read one kind of place from the entries of `forecast.npz`. Raises `KeyError` if one is missing."""
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
    def read(cls, path: Path) -> "ForecastArrays":
        """Read what `write` wrote. Raises `OSError`, `KeyError` or `ValueError` if the file is damaged."""
        with np.load(path, allow_pickle=False) as file:
            entries = dict(file)
        kinds = [kind for kind in PLACE_KINDS if kind != "district" or "district_ids" in entries]
        return cls(entries["grid"], {kind: PlaceForecasts.from_entries(entries, kind) for kind in kinds})

    def write(self, path: Path) -> None:
        entries = {"grid": self.grid}
        for kind, places in self.places.items():
            entries |= places.entries(kind)
        np.savez_compressed(path, allow_pickle=False, **entries)
