"""The bundle of `crime-risk`: expected reports of the next 28 days, with intervals. Reading it takes numpy alone.

`spec.json` describes it, `forecast.npz` holds the forecasts of each kind of place, `online.json` the latest features,
`week.npz` what it says of the latest weeks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from crime.core import limits
from crime.core.bundle_files import BundleFiles, Count, Text, read_spec
from crime.core.days import weekday
from crime.core.errors import BundleError
from crime.core.strict_json import parse_json
from crime.features.windows import Entity
from crime.forecaster.arrays import HORIZON_DAYS, MAX_PLACES, Cut, ForecastArrays
from crime.forecaster.spec import ARRAYS_FILE, FEATURES_FILE, WEEK_FILE, ForecastSpec
from crime.forecaster.week import WeekArrays
from crime.reports.categories import CATEGORIES
from crime.reports.places import PlaceKind

INTERVAL_BOUNDS = ("low80", "high80", "low95", "high95")


class ForecastBundle:
    """A loaded forecast. `origin` is the day at whose end it was made; the horizon begins on the next day.

    `week` is None in bundles of releases before 0.2.
    """

    def __init__(self, directory: Path, version: str | None = None):
        """Load the bundle in `directory` as the registry's `version`, or the one in its spec. Raises `BundleError`."""
        self.spec = read_spec(directory, ForecastSpec)
        files = BundleFiles(directory, self.spec.sha256)
        with files.reading(ARRAYS_FILE) as content:
            arrays = ForecastArrays.read(content)
        self.grid, self.places = arrays.grid, arrays.places
        with files.reading(FEATURES_FILE) as content:
            self.online = read_features(content)
        self.week: WeekArrays | None = None
        if WEEK_FILE in self.spec.sha256:
            with files.reading(WEEK_FILE) as content:
                self.week = WeekArrays.read(content, self.places)
        self.horizon = HORIZON_DAYS
        self.version = version or self.spec.version
        self.origin = self.spec.origin

    @property
    def name(self) -> str:
        return self.spec.model

    def verify(self) -> None:
        """Nothing is left to verify: all that a forecast says is checked when it is read."""

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


_FEATURES: TypeAdapter[Any] = TypeAdapter(
    dict[
        Entity,
        Annotated[
            dict[Annotated[str, Field(pattern="^[0-9]{1,4}$")], Annotated[dict[Text, Count], Field(max_length=100)]],
            Field(max_length=MAX_PLACES),
        ],
    ]
)


def read_features(content: bytes) -> Mapping[str, Mapping[str, dict[str, int]]]:
    """The latest features by kind of place and number. Raises `BundleError`."""
    try:
        parse_json(content, limits.SPEC_DEPTH)
        features: Mapping[str, Mapping[str, dict[str, int]]] = _FEATURES.validate_json(content, strict=True)
        return features
    except ValueError as error:
        raise BundleError(f"is no table of features: {str(error)[:300]}") from None
