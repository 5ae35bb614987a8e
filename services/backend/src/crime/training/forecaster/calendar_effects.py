"""Multiplicative effects of weekdays, holidays and the season on the city's reports.

Each effect is a ridge-penalised Poisson regression with log link (Nelder and Wedderburn, Generalized linear models,
JRSS A 1972) of the city's daily counts around their sliding mean.
"""

import numpy as np

from crime.features.calendar import calendar_features

# set by judgement, as docs/method.md says
CALENDAR_WINDOW = 29  # days of the sliding mean that weekdays and holidays are measured against
SEASON_WINDOW = 365  # days of the sliding mean that the season is measured against
DAYS_PER_YEAR = 365.25
COEFFICIENT_PRECISION = 50.0  # 1/variance of each coefficient's normal prior, which keeps effects of few reports near 1
MAX_NEWTON_STEPS, MIN_NEWTON_STEP = 25, 1e-9


def calendar_effect(first: int, last: int, counts: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """(days,) multiplicative effect of weekdays and holidays on days `first` to `last`, with mean 1.

    `counts` and `exposure` (T,) are the city's, of the first T of these days: as many as the sliding mean has, or more.
    """
    return _effect(calendar_features(first, last), counts, exposure, CALENDAR_WINDOW)


def season_effect(first: int, last: int, counts: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """(days,) multiplicative effect of the season: a yearly and a half-yearly wave. Arguments as `calendar_effect`."""
    phase = 2 * np.pi * np.arange(first, last + 1)[:, None] / DAYS_PER_YEAR * np.array([1, 2])
    return _effect(np.column_stack([np.sin(phase), np.cos(phase)]), counts, exposure, SEASON_WINDOW)


def _effect(design: np.ndarray, counts: np.ndarray, exposure: np.ndarray, window: int) -> np.ndarray:
    ones = np.ones(window)
    level = np.convolve(counts, ones, "same") / np.maximum(np.convolve(exposure, ones, "same"), 1e-9)
    weight = exposure * level
    fitted_days = weight > 0
    if not fitted_days.any():
        return np.ones(len(design))
    coefficients = _poisson_ridge(design[: len(counts)][fitted_days], counts[fitted_days], weight[fitted_days])
    effect = np.exp(design @ coefficients)
    return np.asarray(effect / np.average(effect[: len(counts)], weights=np.maximum(exposure, 1e-9)))


def _poisson_ridge(design: np.ndarray, counts: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """(k,) coefficients of design (n, k) for counts (n,), by Newton's method; the intercept is not penalised."""
    design = np.column_stack([design, np.ones(len(design))])
    precision = np.full(design.shape[1], COEFFICIENT_PRECISION)
    precision[-1] = 0
    coefficients = np.zeros(len(precision))
    coefficients[-1] = np.log(max(counts.sum(), 1e-9) / exposure.sum())
    for _ in range(MAX_NEWTON_STEPS):
        mean = exposure * np.exp(design @ coefficients)
        gradient = (mean - counts) @ design + precision * coefficients
        step = np.linalg.solve((design.T * mean) @ design + np.diag(precision), gradient)
        coefficients -= step
        if np.abs(step).max() < MIN_NEWTON_STEP:
            break
    return coefficients[:-1]
