"""Expected reports by place and day, up to 28 days ahead: the model `crime-risk`, and the baselines it has to beat.

A smoothed rate first, then what is left. At an origin (the end of a day) every place has several rates, each an
exponentially weighted mean of its known reports over their exposure (calendar x share known by now), with another
half-life; long rates of districts are shrunk towards their area (gamma-Poisson). Their non-negative combination
maximises the Poisson likelihood of the weeks before the origin, apart for four ranges of the horizon: short
half-lives carry near repeats, and fade. LightGBM starts from that (`init_score`) and learns what it leaves.
All of it sees what had been reported by the origin, nothing later.
"""

import numpy as np
from sklearn.linear_model import PoissonRegressor

from crime.features.calendar import calendar_features
from crime.forecaster.bundle import HORIZON_DAYS
from crime.reports.history import EventHistory
from crime.reports.places import Places, daily_counts
from crime.training.forecaster.reporting_delay import MAX_DELAY_DAYS, completeness, observed_days

KEPT_DAYS = 5 * 365  # older reports say nothing about next month


def _season(first: int, last: int) -> np.ndarray:
    """(days, 4): two waves a year."""
    turn = 2 * np.pi * np.arange(first, last + 1)[:, None] / 365.25 * np.array([1, 2])
    return np.column_stack([np.sin(turn), np.cos(turn)])


def _calendar_effect(
    design: np.ndarray, counts: np.ndarray, exposure: np.ndarray, window: int, precision: float
) -> np.ndarray:
    """Multiplicative effect (days,) of a design on counts (T,), around their mean over a sliding `window` of days.

    Ridge-penalised Poisson regression; `precision` is that of the normal prior of each coefficient.
    """
    ones = np.ones(window)
    level = np.convolve(counts, ones, "same") / np.maximum(np.convolve(exposure, ones, "same"), 1e-9)
    weight = exposure * level
    use = weight > 0
    if not use.any():
        return np.ones(len(design))
    fitted = PoissonRegressor(alpha=precision / weight[use].sum(), solver="newton-cholesky")
    fitted.fit(design[: len(counts)][use], (counts[use] / weight[use]), sample_weight=weight[use])
    effect = np.exp(design @ fitted.coef_)
    return effect / np.average(effect[: len(counts)], weights=np.maximum(exposure, 1e-9))


def _place_centres(history: EventHistory, where: Places, origin: int) -> np.ndarray:
    """(P, 2) mean latitude and longitude of each place's reports known at `origin`."""
    good = (history.known <= origin) & (where.index >= 0) & ~np.isnan(history.latitude) & ~np.isnan(history.longitude)
    index = where.index[good]
    many = np.maximum(np.bincount(index, minlength=len(where)), 1)
    sums = [np.bincount(index, degrees[good], len(where)) for degrees in (history.latitude, history.longitude)]
    return np.stack(sums, 1) / many[:, None]


class OriginView:
    """What is known at the end of day `origin`: counts, how complete they are, and the calendar's effect.

    `counts[kind]` (P, T) by place and day since `first`; `exposure` (T,) is the share of a day's reports known by
    now, 0 where the table has a gap; `calendar` (T + 28,) and `season` likewise are effects with mean 1.
    `centres[kind]` (P, 2) are the mean latitude and longitude of each place's reports, 0 where none is known.
    """

    def __init__(self, history: EventHistory, where: dict[str, Places], origin: int):
        self.origin = origin
        self.first = max(history.first, origin - KEPT_DAYS)
        self.counts = {kind: daily_counts(history, found, self.first, origin, origin) for kind, found in where.items()}
        self.centres = {kind: _place_centres(history, found, origin) for kind, found in where.items()}
        city = self.counts["city"][0].astype(float)
        self.days = len(city)
        self.known = completeness(history, origin)
        age = np.minimum(np.arange(self.days)[::-1], MAX_DELAY_DAYS)
        self.observed = observed_days(city)
        self.exposure = self.known[age] * self.observed
        last = origin + HORIZON_DAYS
        self.calendar = _calendar_effect(calendar_features(self.first, last), city, self.exposure, 29, 50.0)
        self.season = np.ones(self.days + HORIZON_DAYS)
        if self.days >= 730:
            self.season = _calendar_effect(
                _season(self.first, last), city, self.exposure * self.calendar[: self.days], 365, 50.0
            )

    def rates(self, kind: str, half_life: float, effect: np.ndarray) -> tuple[np.ndarray, float]:
        """Weighted reports (P,) of each place and their exposure: the quotient is a rate a day."""
        age = np.arange(self.days)[::-1]
        weight = 0.5 ** (age / half_life) * self.observed
        return self.counts[kind] @ weight, float(max(1e-9, (weight * self.exposure * effect[: self.days]).sum()))
