"""Smoothed rates: exponentially weighted means of each place's reports over their exposure, combined by likelihood.

The level of the city and its areas drifts, and short half-lives follow it. They also capture near repeats, which fade
within days, so each range of the horizon has its own combination. The shares of places in that level are more stable
and have longer half-lives.
"""

from dataclasses import dataclass

import numpy as np

from crime.core.computed_once import ComputedOnce
from crime.forecaster.arrays import HORIZON_DAYS
from crime.reports.places import PlaceKind
from crime.training.forecaster.baselines import MEAN_FLOOR, baseline_forecasts
from crime.training.forecaster.combination import combine_rates
from crime.training.forecaster.origin_view import KERNEL_DAYS, MIN_SEASON_DAYS, KnownHistory, OriginView

LEVEL_HALF_LIVES = (5.0, 14.0, 28.0, 91.0)  # days; of the level of the city and its areas: docs/method.md
SHARE_HALF_LIVES = (5.0, 28.0, 91.0, 364.0, np.inf)  # days; of places' shares in that level: docs/method.md
AREA_SHARE_HALF_LIVES = SHARE_HALF_LIVES[1:]
MIN_SEASON_HALF_LIFE = 28.0  # days; rates with a shorter half-life follow the season by themselves
MIN_SHRUNK_HALF_LIFE = 364.0  # days; shares with a shorter half-life are not shrunk, so that they follow changes
RANGE_STARTS = (0, 2, 7, 14)  # days of the horizon at which ranges begin, with weights each
RANGE_OF_DAY = np.searchsorted(RANGE_STARTS, np.arange(HORIZON_DAYS), "right") - 1


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


def range_sums(days: np.ndarray) -> np.ndarray:
    """(..., 4) sums over each range of the horizon of values by day (..., 28)."""
    return np.asarray(np.add.reduceat(days, RANGE_STARTS, -1))


@dataclass(frozen=True)
class Components:
    """K rates of P places: each place has a factor of the days' level of its group, and no less than its floor."""

    factor: np.ndarray  # (K, P)
    level: np.ndarray  # (K, groups, 28)
    group: np.ndarray  # (P,)
    floor: np.ndarray  # (P,) reports a day

    def __len__(self) -> int:
        return len(self.factor)

    def rates(self) -> np.ndarray:
        """(K, P, 28) reports a day."""
        return np.asarray(np.maximum(self.factor[:, :, None] * self.level[:, self.group], self.floor[:, None]))

    def expected(self, exposure: np.ndarray) -> np.ndarray:
        """(4, K, P) reports in each range of the horizon, of whose days the share `exposure` (28,) is known."""
        level = range_sums(self.level * exposure).transpose(2, 0, 1)
        floor = range_sums(exposure)[:, None] * self.floor
        return np.asarray(np.maximum(self.factor * level[:, :, self.group], floor[:, None]))


class SmoothedRates:
    """Baselines, component rates and their combination, by kind of place and origin.

    `components(kind, origin)` are the rates that the combination weighs, `combined(kind, origin)` (P, 28) is their sum,
    with the weights that fit the weeks before the origin. `baselines(kind, origin)` are (P, 28) expected reports by
    each baseline. All are kept.
    """

    def __init__(self, known: KnownHistory):
        self.known = known
        self.components = ComputedOnce(self._make_components)
        self.combined = ComputedOnce(self._combine)
        self.baselines = ComputedOnce(self._make_baselines)

    def _make_baselines(self, kind: PlaceKind, origin: int) -> dict[str, np.ndarray]:
        return baseline_forecasts(self.known.view(origin), kind)

    def _combine(self, kind: PlaceKind, origin: int) -> np.ndarray:
        weights = self._weights(kind, origin)[RANGE_OF_DAY]
        return np.asarray(np.einsum("kpd,dk->pd", self.components(kind, origin).rates(), weights))

    def _make_components(self, kind: PlaceKind, origin: int) -> Components:
        view = self.known.view(origin)
        parts = [] if kind == "district" else _levels(view, kind)
        group, level = np.zeros(len(self.known.places[kind]), int), np.zeros((0, HORIZON_DAYS))
        if kind == "area":
            level = self.combined("city", origin)
            parts += [(_shares(view, kind, h, group), level) for h in AREA_SHARE_HALF_LIVES]
        if kind == "district":
            group, level = self.known.area_of_district, self.combined("area", origin)
            parts += [(_shares(view, kind, h, group), level) for h in SHARE_HALF_LIVES]
        if kind != "city":
            parts.append((_neighbourhood(view, kind), self.combined("city", origin)))
        factors, levels = zip(*parts, strict=True)
        floor = MEAN_FLOOR * _long_run(view, kind)
        shape = max(1, len(level)), HORIZON_DAYS
        by_group = np.stack([np.broadcast_to(level, shape) for level in levels])
        return Components(np.stack(factors), by_group, group, floor)

    def _weights(self, kind: PlaceKind, origin: int) -> np.ndarray:
        """(4, K) weights in each range of the horizon, that fit the reports known at `origin`."""
        count = len(self.components(kind, origin))
        # an origin with less than two years of history has no season, and so fewer components
        past = [e for e in self.known.training_origins(origin) if len(self.components(kind, e)) == count]
        if not past:
            return np.full((len(RANGE_STARTS), count), 1 / count)
        expected = np.stack(
            [self.components(kind, e).expected(self.known.outcome_exposure(e, origin)) for e in past], 2
        ).reshape(len(RANGE_STARTS), count, -1)
        reports = np.stack([self.known.outcome(kind, e, origin) for e in past])
        by_range = range_sums(reports).transpose(2, 0, 1).reshape(len(RANGE_STARTS), -1)
        return np.stack([combine_rates(*pair) for pair in zip(expected, by_range, strict=True)])


def _levels(view: OriginView, kind: PlaceKind) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rates (P,) and effects (28,) of calendar, and of season where that applies, by half-life."""
    levels = []
    for half_life in LEVEL_HALF_LIVES:
        effects = [view.calendar]
        if half_life >= MIN_SEASON_HALF_LIFE and view.days >= MIN_SEASON_DAYS:
            effects.append(view.calendar * view.season)
        for effect in effects:
            rate = view.weighted_reports(kind, half_life) / view.weighted_exposure(half_life, effect)
            levels.append((rate, effect[-HORIZON_DAYS:]))
    return levels


def _shares(view: OriginView, kind: PlaceKind, half_life: float, group: np.ndarray) -> np.ndarray:
    reports = view.weighted_reports(kind, half_life)
    return shrunk_shares(reports, group, view.has_reports(kind), half_life >= MIN_SHRUNK_HALF_LIFE)


def _long_run(view: OriginView, kind: PlaceKind) -> np.ndarray:
    """(P,) mean reports of an observed day."""
    return np.asarray(view.weighted_reports(kind, np.inf) / view.observed.sum())


def _neighbourhood(view: OriginView, kind: PlaceKind) -> np.ndarray:
    """(P,) shares of places in the city, by recent reports nearby."""
    days = min(KERNEL_DAYS, view.observed.sum())
    rate = view.kernel_density(kind) * view.kernel_reports(kind).sum() / days
    rate = np.maximum(rate, MEAN_FLOOR * _long_run(view, kind))
    return np.asarray(rate / rate.sum())
