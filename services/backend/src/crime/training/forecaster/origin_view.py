"""A history as it was known at the end of a day, the forecast origin."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial

import numpy as np

from crime.core.computed_once import ComputedOnce
from crime.features.windows import WINDOW_FEATURES
from crime.forecaster.arrays import HORIZON_DAYS
from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind, Places, area_index, daily_counts, places_of
from crime.training.forecaster.calendar_effects import calendar_effect, season_effect
from crime.training.forecaster.kernel_density import kernel_density
from crime.training.forecaster.reporting_delay import MAX_DELAY_DAYS, completeness, observed_days

# set by judgement, as docs/method.md says
HISTORY_DAYS = 5 * 365  # days of history that a forecast uses: bounds its time, and older reports add little
MIN_SEASON_DAYS = 2 * 365  # days of history from which on a season can be distinguished from a trend
MIN_HISTORY_DAYS = 84  # days of history before a first forecast
MAX_TRAINING_ORIGINS = 26  # past forecasts that a method is fitted to: half a year
TRAINING_STEP_DAYS = 7  # between these past origins
KERNEL_DAYS = 91  # days of reports that the kernel smooths
HALF_LIVES = (5.0, 14.0, 28.0, 91.0, 364.0, np.inf)  # days, that reports are weighted by


class DailyCounts:
    """Reports of the P places of one kind by day, as they were known at the end of any day."""

    def __init__(self, history: EventHistory, places: Places):
        self._history, self._places = history, places
        self._counts = daily_counts(history, places, history.first, history.last).astype(np.float32)

    def known_by(self, day: int, first: int, last: int) -> np.ndarray:
        """(P, days) reports of days `first` to `last`, as float32, that were known by `day`."""
        history = self._history
        counts = np.zeros((len(self._places), last - first + 1), np.float32)
        begin, end = max(first, history.first), min(last, history.last) + 1
        counts[:, begin - first : end - first] = self._counts[:, begin - history.first : end - history.first]
        rows = slice(*np.searchsorted(history.occurred, [first, last + 1]))
        index = self._places.index[rows]
        later = np.flatnonzero((history.known[rows] > day) & (index >= 0))
        np.subtract.at(counts, (index[later], history.occurred[rows][later] - first), 1)
        return counts


class OriginView:
    """What is known at `origin`: counts, their completeness, and effects of the calendar and the season.

    T is the number of days since `first`, at most five years. `observed` (T,) is False in gaps of the table, `exposure`
    (T,) the share of a day's reports known by now (0 in gaps). `calendar` and `season` (T + 28,) are multiplicative
    effects with mean 1, through the end of the horizon. `kernel_density(kind)` (P,) is the share of each place in the
    reports of the last 91 observed days, spread over its neighbours.
    """

    def __init__(
        self,
        history: EventHistory,
        places: Mapping[PlaceKind, Places],
        daily: Mapping[PlaceKind, DailyCounts],
        origin: int,
    ):
        self._history, self._places, self._daily = history, places, daily
        self._weighted = ComputedOnce(self._weigh)
        self.kernel_density = ComputedOnce(self._spread)
        self.origin = origin
        self.first = max(history.first, origin - HISTORY_DAYS)
        self.days = origin - self.first + 1
        city = self.counts("city")[0].astype(float)
        self.completeness = completeness(history, origin)
        self._age = np.arange(self.days)[::-1]
        self.observed = observed_days(city)
        self.exposure = self.completeness[np.minimum(self._age, MAX_DELAY_DAYS)] * self.observed
        last = origin + HORIZON_DAYS
        self.calendar = calendar_effect(self.first, last, city, self.exposure)
        self.season = np.ones(self.days + HORIZON_DAYS)
        if self.days >= MIN_SEASON_DAYS:
            self.season = season_effect(self.first, last, city, self.exposure * self.calendar[: self.days])

    def counts(self, kind: PlaceKind) -> np.ndarray:
        """(P, T) reports by place and day, as float32. Not kept: views of many origins would not fit in memory."""
        return self._daily[kind].known_by(self.origin, self.first, self.origin)

    def centres(self, kind: PlaceKind) -> np.ndarray:
        """(P, 2) mean latitude and longitude of each place's reports, 0 where none is known."""
        return _place_centres(self._history, self._places[kind], self.origin)

    def has_reports(self, kind: PlaceKind) -> np.ndarray:
        """(P,) bool: the places that had a report by now."""
        return self.weighted_reports(kind, np.inf) > 0

    def weighted_reports(self, kind: PlaceKind, half_life: float) -> np.ndarray:
        """(P,) reports of each place, weighted by 0.5 ** (age in days / half-life), one of `HALF_LIVES`."""
        return self._weighted(kind)[:, HALF_LIVES.index(half_life)]

    def window_counts(self, kind: PlaceKind) -> np.ndarray:
        """(P, windows) reports of the last days, as many as each of `WINDOW_FEATURES` says."""
        return self._weighted(kind)[:, len(HALF_LIVES) :][:, : len(WINDOW_FEATURES)]

    def kernel_reports(self, kind: PlaceKind) -> np.ndarray:
        """(P,) reports of the last 91 observed days."""
        return self._weighted(kind)[:, -1]

    def _spread(self, kind: PlaceKind) -> np.ndarray:
        return kernel_density(self.kernel_reports(kind), self.centres(kind))

    def _weigh(self, kind: PlaceKind) -> np.ndarray:
        """(P, weights) sums of counts over the days, by all weights at once: the counts are read a single time."""
        recent = np.cumsum(self.observed[::-1])[::-1] <= KERNEL_DAYS
        columns = [self._weight(half_life) for half_life in HALF_LIVES]
        columns += [self._age < window.days for window in WINDOW_FEATURES]
        weights = np.stack([*columns, recent], 1).astype(np.float32)
        return (self.counts(kind) @ weights).astype(float)

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
    """A history and its places, seen from any origin: `view(origin)`, which is kept."""

    def __init__(self, history: EventHistory, kinds: Sequence[PlaceKind]):
        """`kinds`: kinds of places in addition to the city and the areas, which every forecast needs."""
        self.history = history
        all_kinds: list[PlaceKind] = ["city", "area", *kinds]
        self.places = {kind: places_of(history, kind) for kind in dict.fromkeys(all_kinds)}
        self.daily = {kind: DailyCounts(history, places) for kind, places in self.places.items()}
        self.view = ComputedOnce(partial(OriginView, history, self.places, self.daily))

    @cached_property
    def area_of_district(self) -> np.ndarray:
        """(districts,) index of each district's area."""
        return area_index(self.places)

    def training_origins(self, origin: int) -> list[int]:
        """Past origins, a week apart and the latest first, whose 28 days had passed by `origin`."""
        earliest = max(self.history.first, origin - HISTORY_DAYS) + MIN_HISTORY_DAYS - 1
        latest = origin - HORIZON_DAYS
        return list(range(latest, earliest - 1, -TRAINING_STEP_DAYS))[:MAX_TRAINING_ORIGINS]

    def outcome(self, kind: PlaceKind, origin: int, known_by: int) -> np.ndarray:
        """(P, 28) reports of the days after `origin` that were known by `known_by`."""
        return self.daily[kind].known_by(known_by, origin + 1, origin + HORIZON_DAYS)

    def outcome_exposure(self, origin: int, known_by: int) -> np.ndarray:
        """(28,) share of the reports of the days after `origin` that was known by `known_by`; 0 for days in a gap."""
        view = self.view(known_by)
        days = np.arange(origin + 1, origin + HORIZON_DAYS + 1)
        known = view.completeness[np.minimum(known_by - days, MAX_DELAY_DAYS)]
        return np.asarray(known * view.observed[days - view.first])
