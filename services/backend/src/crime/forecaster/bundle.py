"""The bundle of `crime-risk`: expected reports of the next 28 days, with intervals. Reading it takes numpy alone.

`spec.json` describes it, `forecast.npz` holds the forecasts of each kind of place, `online.json` the latest features,
`week.npz` what it says of the latest weeks.
"""

import json
from pathlib import Path

import numpy as np

from crime.core.bundle_files import check_hashes, read_spec
from crime.core.days import weekday
from crime.core.errors import BundleError
from crime.forecaster.arrays import Cut, ForecastArrays
from crime.forecaster.spec import ForecastSpec
from crime.forecaster.week import WeekArrays
from crime.reports.categories import CATEGORIES
from crime.reports.places import PlaceKind

ARRAYS_FILE, FEATURES_FILE, WEEK_FILE = "forecast.npz", "online.json", "week.npz"
INTERVAL_BOUNDS = ("low80", "high80", "low95", "high95")


class ForecastBundle:
    """A loaded forecast. `origin` is the day at whose end it was made; the horizon begins on the next day.

    `week` is None in bundles of releases before 0.2.
    """

    def __init__(self, directory: Path, version: str | None = None):
        """Load the bundle in `directory` as the registry's `version`, or the one in its spec. Raises `BundleError`."""
        self.spec = read_spec(directory, ForecastSpec)
        try:
            check_hashes(directory, self.spec.sha256)
            arrays = ForecastArrays.read(directory / ARRAYS_FILE)
            self.grid, self.places = arrays.grid, arrays.places
            self.online: dict[str, dict[str, dict[str, int]]] = json.loads((directory / FEATURES_FILE).read_text())
            self.week = WeekArrays.read(directory / WEEK_FILE) if WEEK_FILE in self.spec.sha256 else None
            self.horizon = self.places["city"].mean.shape[1]
        except BundleError:
            raise
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"no forecast in {directory}: {error}") from error
        self.version = version or self.spec.version
        self.origin = self.spec.origin

    @property
    def name(self) -> str:
        return self.spec.model

    def verify(self) -> None:
        """Raise `BundleError` unless every forecast is finite and not negative."""
        for kind, places in self.places.items():
            if not (np.isfinite(places.mean).all() and (places.mean >= 0).all()):
                raise BundleError(f"{self.name} version {self.version}: not every {kind}'s forecast is 0 or more")

    def index_of(self, kind: PlaceKind, id_: int) -> int:
        """Index of a place in its `PlaceForecasts`; raises `KeyError` if the table had no report of it."""
        if kind not in self.places:
            raise KeyError(id_)
        ids = self.places[kind].ids
        index = int(np.searchsorted(ids, id_))
        if index == len(ids) or ids[index] != id_:
            raise KeyError(id_)
        return index

    def features_of(self, kind: PlaceKind, id_: int) -> dict[str, int]:
        """The latest features of a place; raises `KeyError` if the table had no report of it."""
        return self.online.get(kind, {})[str(id_)]

    def expected(
        self, kind: PlaceKind, days: np.ndarray, shift: int | None = None, category: str | None = None
    ) -> np.ndarray:
        """(P, len(days)) expected reports of every place on days of the horizon, of a shift and category if given."""
        places = self.places[kind]
        mean: np.ndarray = places.mean[:, days].astype(float)
        if shift is None and category is None:
            return mean
        share = places.share[:, weekday(self.origin + 1 + days)]
        share = share.sum(2) if shift is None else share[:, :, shift]
        mean *= share.sum(-1) if category is None else share[..., list(CATEGORIES).index(category)]
        return mean

    def bounds(
        self, kind: PlaceKind, mean: np.ndarray, shift: int | None = None, category: str | None = None, days: int = 1
    ) -> np.ndarray:
        """(4, ...) bounds of the 80 % and 95 % intervals around expected reports, in the order of `INTERVAL_BOUNDS`.

        `days`: that the reports are summed over, 1, 7 or 28. Raises `KeyError` if a bundle of an earlier release has
        none of a sum.
        """
        cut: Cut = "all"
        if shift is not None:
            cut = "shift" if category is None else "both"
        elif category is not None:
            cut = "category"
        table = self.places[kind].intervals[cut, days]
        return np.array([np.interp(mean, self.grid, row) for row in table]).round()

    def recent(self, kind: PlaceKind, place: int, shift: int | None, category: str | None) -> np.ndarray | None:
        """(91,) reports of a place on the days up to the origin; None where a part of them was not counted."""
        places = self.places[kind]
        if shift is None and category is None:
            return np.asarray(places.recent[place])
        return None if places.recent_split is None else _part(places.recent_split[place], shift, category)

    def past(
        self, kind: PlaceKind, place: int, shift: int | None, category: str | None
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """(28,) expected by the forecast before, and the reports that came; None where the bundle has neither."""
        places = self.places[kind]
        if places.past is None or places.outcome is None:
            return None
        expected: np.ndarray = places.past[place].astype(float)
        if shift is None and category is None:
            return expected, places.outcome[place]
        if places.past_share is None or places.outcome_split is None:
            return None
        days = weekday(self.spec.past_origin + 1 + np.arange(len(expected)))
        share = _part(places.past_share[place], shift, category)[days]
        return expected * share, _part(places.outcome_split[place], shift, category)


def _part(split: np.ndarray, shift: int | None, category: str | None) -> np.ndarray:
    """(days,) sums of (days, 3, 7) over the shifts and categories that are asked for; None: all."""
    chosen = split if shift is None else split[:, [shift]]
    chosen = chosen if category is None else chosen[..., [list(CATEGORIES).index(category)]]
    return np.asarray(chosen.sum((1, 2)))
