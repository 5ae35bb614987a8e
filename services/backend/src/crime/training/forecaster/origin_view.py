"""A history as it was known at the end of a day, the forecast origin."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from crime.forecaster.arrays import HORIZON_DAYS
from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind, Places, area_index, daily_counts, places_of
from crime.training.forecaster.calendar_effects import calendar_effect, season_effect
from crime.training.forecaster.reporting_delay import MAX_DELAY_DAYS, completeness, observed_days

# set by judgement, as docs/method.md says
HISTORY_DAYS = 5 * 365  # days of history that a forecast uses: bounds its time, and older reports add little
MIN_SEASON_DAYS = 2 * 365  # days of history from which on a season can be distinguished from a trend
MIN_HISTORY_DAYS = 84  # days of history before a first forecast
MAX_TRAINING_ORIGINS = 26  # past forecasts that a method is fitted to: half a year
TRAINING_STEP_DAYS = 7  # between these past origins


class OriginView:
    """What is known at `origin`: counts, their completeness, and effects of the calendar and the season.

    T is the number of days since `first`, at most five years. `counts[kind]` (P, T) are reports by place and day.
    `observed` (T,) is False in gaps of the table, `exposure` (T,) the share of a day's reports known by now (0 in
    gaps). `calendar` and `season` (T + 28,) are multiplicative effects with mean 1, through the end of the horizon.
    `centres[kind]` (P, 2) are the mean latitude and longitude of each place's reports, 0 where none is known.
    """

    def __init__(self, history: EventHistory, places: Mapping[PlaceKind, Places], origin: int):
        self.first = max(history.first, origin - HISTORY_DAYS)
        self.days = origin - self.first + 1
        self.counts = {kind: daily_counts(history, p, self.first, origin, origin) for kind, p in places.items()}
        self.centres = {kind: _place_centres(history, p, origin) for kind, p in places.items()}
        city = self.counts["city"][0].astype(float)
        self.completeness = completeness(history, origin)
        self._age = np.arange(self.days)[::-1]
        self.observed = observed_days(city)
        self.exposure = self.completeness[np.minimum(self._age, MAX_DELAY_DAYS)] * self.observed
        last = origin + HORIZON_DAYS
        self.calendar = calendar_effect(self.first, last, city, self.exposure)
        self.season = np.ones(self.days + HORIZON_DAYS)
        if self.days >= MIN_SEASON_DAYS:
            self.season = season_effect(self.first, last, city, self.exposure * self.calendar[: self.days])

    def has_reports(self, kind: PlaceKind) -> np.ndarray:
        """(P,) bool: the places that had a report by now."""
        return np.asarray(self.counts[kind].any(1))

    def weighted_reports(self, kind: PlaceKind, half_life: float) -> np.ndarray:
        """(P,) reports of each place, weighted by 0.5 ** (age in days / half-life)."""
        return np.asarray(self.counts[kind] @ self._weight(half_life))

    def weighted_exposure(self, half_life: float, effect: np.ndarray) -> float:
        """Exposure with the same weights, in days of an average `effect` (T + 28,)."""
        return float(max(1e-9, (self._weight(half_life) * self.exposure * effect[: self.days]).sum()))

    def _weight(self, half_life: float) -> np.ndarray:
        return np.asarray(0.5 ** (self._age / half_life) * self.observed)


def located_reports(history: EventHistory, places: Places, origin: int) -> np.ndarray:
    """(P,) reports of each place known at `origin` that have coordinates."""
    return np.bincount(places.index[_located(history, places, origin)], minlength=len(places))


def _located(history: EventHistory, places: Places, origin: int) -> np.ndarray:
    """(n,) bool: reports known at `origin` with coordinates and a place."""
    located = ~np.isnan(history.latitude) & ~np.isnan(history.longitude)
    return np.asarray(located & (history.known <= origin) & (places.index >= 0))


def _place_centres(history: EventHistory, places: Places, origin: int) -> np.ndarray:
    """(P, 2) mean latitude and longitude of each place's reports known at `origin`."""
    used = _located(history, places, origin)
    index = places.index[used]
    reports = np.maximum(np.bincount(index, minlength=len(places)), 1)
    sums = [np.bincount(index, degrees[used], len(places)) for degrees in (history.latitude, history.longitude)]
    return np.asarray(np.stack(sums, 1) / reports[:, None])


class KnownHistory:
    """A history and its places, seen from any origin. Views are cached."""

    def __init__(self, history: EventHistory, kinds: Sequence[PlaceKind]):
        """`kinds`: kinds of places in addition to the city and the areas, which every forecast needs."""
        self.history = history
        all_kinds: list[PlaceKind] = ["city", "area", *kinds]
        self.places = {kind: places_of(history, kind) for kind in dict.fromkeys(all_kinds)}
        self._views: dict[int, OriginView] = {}

    @cached_property
    def area_of_district(self) -> np.ndarray:
        """(districts,) index of each district's area."""
        return area_index(self.places)

    def view(self, origin: int) -> OriginView:
        if origin not in self._views:
            self._views[origin] = OriginView(self.history, self.places, origin)
        return self._views[origin]

    def training_origins(self, origin: int) -> list[int]:
        """Past origins, a week apart and the latest first, whose 28 days had passed by `origin`."""
        earliest = max(self.history.first, origin - HISTORY_DAYS) + MIN_HISTORY_DAYS - 1
        latest = origin - HORIZON_DAYS
        return list(range(latest, earliest - 1, -TRAINING_STEP_DAYS))[:MAX_TRAINING_ORIGINS]

    def outcome(self, kind: PlaceKind, origin: int, known_by: int) -> np.ndarray:
        """(P, 28) reports of the days after `origin` that were known by `known_by`."""
        return daily_counts(self.history, self.places[kind], origin + 1, origin + HORIZON_DAYS, known_by)

    def outcome_exposure(self, origin: int, known_by: int) -> np.ndarray:
        """(28,) share of the reports of the days after `origin` that was known by `known_by`; 0 for days in a gap."""
        view = self.view(known_by)
        days = np.arange(origin + 1, origin + HORIZON_DAYS + 1)
        known = view.completeness[np.minimum(known_by - days, MAX_DELAY_DAYS)]
        return np.asarray(known * view.observed[days - view.first])
