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
        self, kind: PlaceKind, mean: np.ndarray, shift: int | None = None, category: str | None = None
    ) -> np.ndarray:
        """(4, ...) bounds of the 80 % and 95 % intervals around expected reports, in the order of `INTERVAL_BOUNDS`."""
        cut: Cut = "all"
        if shift is not None:
            cut = "shift" if category is None else "both"
        elif category is not None:
            cut = "category"
        table = self.places[kind].intervals[cut]
        return np.array([np.interp(mean, self.grid, row) for row in table]).round()
