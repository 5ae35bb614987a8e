"""The arrays of a forecast bundle, `forecast.npz`, which numpy alone reads and writes.

Its entries are `grid` and, for each kind of place, the fields of `PlaceForecasts` with the kind as a prefix
(`area_mean`); the interval tables are named after their cut (`area_shift`).
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


@dataclass(frozen=True)
class PlaceForecasts:
    """The forecasts of the P places of one kind, 28 days ahead.

    `recent` are the reports of the 91 days before the forecast, `past` is the latest forecast of the backtest and
    `outcome` the reports that followed it. Both are None for districts, and where the table has a gap there.
    """

    ids: np.ndarray  # (P,) ascending
    area: np.ndarray  # (P,) number of the area the place lies in; 0 for the city
    mean: np.ndarray  # (P, 28) expected reports by day
    share: np.ndarray  # (P, 7, 3, 7) share of each shift and category by weekday, Monday first
    centre: np.ndarray  # (P, 2) mean latitude and longitude of its reports; 0 if none is known
    recent: np.ndarray  # (P, 91) reports by day
    intervals: Mapping[Cut, np.ndarray]  # (4, grid) bounds over the expectations of `ForecastArrays.grid`
    past: np.ndarray | None = None  # (P, 28)
    outcome: np.ndarray | None = None  # (P, 28)

    @classmethod
    def from_entries(cls, entries: Mapping[str, np.ndarray], kind: PlaceKind) -> "PlaceForecasts":
        """Read one kind of place from the entries of `forecast.npz`. Raises `KeyError` if one is missing."""
        required = {name: entries[f"{kind}_{name}"] for name in ("ids", "area", "mean", "share", "centre", "recent")}
        return cls(
            **required,
            intervals={cut: entries[f"{kind}_{cut}"] for cut in CUTS},
            past=entries.get(f"{kind}_past"),
            outcome=entries.get(f"{kind}_outcome"),
        )

    def entries(self, kind: PlaceKind) -> dict[str, np.ndarray]:
        """The entries of `forecast.npz`, in the order they are stored."""
        entries = {"ids": self.ids, "area": self.area, "mean": self.mean, "share": self.share, "centre": self.centre}
        entries.update({cut: self.intervals[cut] for cut in CUTS})
        if self.past is not None and self.outcome is not None:
            entries.update(past=self.past, outcome=self.outcome)
        entries["recent"] = self.recent
        return {f"{kind}_{name}": values for name, values in entries.items()}


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
