"""Smoothed rates: exponentially weighted means of each place's reports over their exposure, combined by likelihood.

The level of the city and its areas drifts, and short half-lives follow it. They also capture near repeats, which fade
within days, so each range of the horizon has its own combination. The shares of places in that level are more stable
and have longer half-lives.
"""

import numpy as np

from crime.forecaster.arrays import HORIZON_DAYS
from crime.reports.places import PlaceKind
from crime.training.forecaster.baselines import MEAN_FLOOR, baseline_forecasts
from crime.training.forecaster.combination import combine_rates
from crime.training.forecaster.origin_view import MIN_SEASON_DAYS, KnownHistory, OriginView

LEVEL_HALF_LIVES = (5.0, 14.0, 28.0, 91.0)  # days; of the level of the city and its areas: docs/method.md
SHARE_HALF_LIVES = (5.0, 28.0, 91.0, 364.0, np.inf)  # days; of places' shares in that level: docs/method.md
AREA_SHARE_HALF_LIVES = SHARE_HALF_LIVES[1:]
MIN_SEASON_HALF_LIFE = 28.0  # days; rates with a shorter half-life follow the season by themselves
MIN_SHRUNK_HALF_LIFE = 364.0  # days; shares with a shorter half-life are not shrunk, so that they follow changes
HORIZON_RANGES = (slice(0, 2), slice(2, 7), slice(7, 14), slice(14, 28))  # days of the horizon, with weights each


def shrunk_shares(reports: np.ndarray, group: np.ndarray, active: np.ndarray, shrink: bool) -> np.ndarray:
    """(P,) share of each place in the reports (P,) of its group, 0 for places that are not `active` (P,).

    `group` (P,) is the index of each place's group. `shrink` moves each place towards the mean of its group by
    empirical Bayes with a gamma prior (Clayton and Kaldor, Empirical Bayes estimates of age-standardized relative
    risks, Biometrics 1987): the less places differ beyond what chance explains, the further.
    """
    members = np.maximum(np.bincount(group, reports > 0), 1)
    total = np.bincount(group, reports, len(members))
    mean = (total / members)[group]
    shape = 0.0  # of the gamma prior
    if shrink:
        excess = max(1e-9, float((np.square(reports - mean) - mean)[active].mean()))  # variance beyond Poisson's
        shape = float(np.square(mean[active]).mean() / excess)
    shrunk = (reports + shape) * mean / np.maximum(mean + shape, 1e-12) * active
    return np.asarray(shrunk / np.maximum(np.bincount(group, shrunk, len(members)), 1e-12)[group])


class SmoothedRates:
    """Baselines, component rates and their combination, by kind of place and origin. All are cached."""

    def __init__(self, known: KnownHistory):
        self.known = known
        self._baselines: dict[tuple[PlaceKind, int], dict[str, np.ndarray]] = {}
        self._components: dict[tuple[PlaceKind, int], np.ndarray] = {}
        self._combined: dict[tuple[PlaceKind, int], np.ndarray] = {}

    def baselines(self, kind: PlaceKind, origin: int) -> dict[str, np.ndarray]:
        """(P, 28) expected reports by each baseline."""
        if (kind, origin) not in self._baselines:
            self._baselines[kind, origin] = baseline_forecasts(self.known.view(origin), kind)
        return self._baselines[kind, origin]

    def components(self, kind: PlaceKind, origin: int) -> np.ndarray:
        """(K, P, 28) rates that the combination weighs."""
        if (kind, origin) not in self._components:
            self._components[kind, origin] = self._make_components(kind, origin)
        return self._components[kind, origin]

    def combined(self, kind: PlaceKind, origin: int) -> np.ndarray:
        """(P, 28) the components, with the weights that fit the weeks before the origin."""
        if (kind, origin) not in self._combined:
            self._combined[kind, origin] = self._combine(kind, origin)
        return self._combined[kind, origin]

    def _make_components(self, kind: PlaceKind, origin: int) -> np.ndarray:
        view = self.known.view(origin)
        components = [] if kind == "district" else _levels(view, kind)
        if kind == "area":
            city, one_group = self.combined("city", origin), np.zeros(len(self.known.places[kind]), int)
            components += [_shares(view, kind, h, one_group)[:, None] * city for h in AREA_SHARE_HALF_LIVES]
        if kind == "district":
            group = self.known.area_of_district
            area = self.combined("area", origin)[group]
            components += [_shares(view, kind, h, group)[:, None] * area for h in SHARE_HALF_LIVES]
        baselines = self.baselines(kind, origin)
        if kind != "city":  # recent reports of the neighbourhood, at the city's level
            neighbourhood = baselines["KDE hot spots"][:, 0]
            components.append(neighbourhood[:, None] / neighbourhood.sum() * self.combined("city", origin))
        floor = MEAN_FLOOR * baselines["long-run mean"]
        return np.asarray(np.maximum(np.stack(components), floor), np.float32)

    def _combine(self, kind: PlaceKind, origin: int) -> np.ndarray:
        components = self.components(kind, origin)
        combined = np.zeros(components.shape[1:])
        # an origin with less than two years of history has no season, and so fewer components
        past = [
            earlier
            for earlier in self.known.training_origins(origin)
            if len(self.components(kind, earlier)) == len(components)
        ]
        outcomes = [self.known.outcome(kind, earlier, origin) for earlier in past]
        exposures = [np.broadcast_to(self.known.outcome_exposure(e, origin), combined.shape) for e in past]
        for days in HORIZON_RANGES:
            weights = np.full(len(components), 1 / len(components))
            if past:
                rates = [self.components(kind, e)[:, :, days].reshape(len(components), -1) for e in past]
                weights = combine_rates(
                    np.concatenate(rates, axis=1),
                    np.concatenate([reports[:, days].ravel() for reports in outcomes]),
                    np.concatenate([exposure[:, days].ravel() for exposure in exposures]),
                )
            combined[:, days] = np.tensordot(weights, components[:, :, days], 1)
        return combined


def _levels(view: OriginView, kind: PlaceKind) -> list[np.ndarray]:
    """(P, 28) each: rates with calendar, and with season where that applies, by half-life."""
    levels = []
    for half_life in LEVEL_HALF_LIVES:
        effects = [view.calendar]
        if half_life >= MIN_SEASON_HALF_LIFE and view.days >= MIN_SEASON_DAYS:
            effects.append(view.calendar * view.season)
        for effect in effects:
            rate = view.weighted_reports(kind, half_life) / view.weighted_exposure(half_life, effect)
            levels.append(rate[:, None] * effect[-HORIZON_DAYS:])
    return levels


def _shares(view: OriginView, kind: PlaceKind, half_life: float, group: np.ndarray) -> np.ndarray:
    reports = view.weighted_reports(kind, half_life)
    return shrunk_shares(reports, group, view.has_reports(kind), half_life >= MIN_SHRUNK_HALF_LIFE)
