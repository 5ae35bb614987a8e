"""Time series cross-validation: forecasts at past origins, made from what was known then, compared with the outcomes.

Tashman, Out-of-sample tests of forecasting accuracy, International Journal of Forecasting 2000 (rolling origins).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from crime.core.days import day_text
from crime.core.errors import DataError
from crime.forecaster.arrays import HORIZON_DAYS
from crime.forecaster.spec import StepLength
from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind, Places
from crime.training.forecaster.forecaster import OUR_METHOD, Forecaster, OriginKinds
from crime.training.forecaster.origin_view import MIN_HISTORY_DAYS
from crime.training.forecaster.reporting_delay import MAX_DELAY_DAYS, completeness

N_WINDOWS = 12  # origins at most
STEP_SIZE = HORIZON_DAYS  # days from one origin to the next: every day is forecast once
MIN_COMPLETENESS = 0.9  # share of a day's reports that must be known for the day to count as an outcome
MIN_EXPECTED = 1e-9  # reports a step: deviance is infinite at 0
TRUTH = "truth"  # name of the true intensity among the methods
Truth = Callable[[EventHistory, Places, int, int], np.ndarray]  # (P, horizon) true expectation after an origin


def backtest_origins(history: EventHistory, n_windows: int = N_WINDOWS) -> list[int]:
    """Past forecast origins, four weeks apart, the earliest first. Raises `DataError` if there are fewer than two."""
    known = completeness(history, history.end)
    last = history.last - HORIZON_DAYS
    while known[min(history.end - last - HORIZON_DAYS, MAX_DELAY_DAYS)] < MIN_COMPLETENESS:
        last -= 1
    first = history.first + MIN_HISTORY_DAYS + HORIZON_DAYS - 1
    origins = list(range(last, first - 1, -STEP_SIZE))[:n_windows][::-1]
    if len(origins) < 2:
        raise DataError(
            f"{len(history):,} reports from {day_text(history.first)} to {day_text(history.last)} are too short a time "
            f"for a backtest: {MIN_HISTORY_DAYS + 3 * HORIZON_DAYS + 14} days or more are needed"
        )
    return origins


def backtest_needs(history: EventHistory, kinds: Sequence[PlaceKind]) -> list[OriginKinds]:
    """What a backtest of some kinds of places asks of a forecaster. Raises `DataError` as `backtest_origins`."""
    return [OriginKinds(origin, kinds, kinds) for origin in backtest_origins(history)]


@dataclass(frozen=True)
class OriginTrial:
    """Forecasts and outcomes of one origin, of the P places that had a report by then.

    Steps are the days or whole weeks of the horizon that the table covers.
    """

    origin: int
    places: np.ndarray  # (P,) index among all places of the kind
    means: dict[str, np.ndarray]  # (P, steps) by method, of the reports known by now
    reports: np.ndarray  # (P, steps)

    @property
    def covers_horizon(self) -> bool:
        """Whether each of the 28 days is a step."""
        return int(self.reports.shape[1]) == HORIZON_DAYS


def cross_validation(
    forecaster: Forecaster,
    kind: PlaceKind,
    step: StepLength,
    truth: Truth | None = None,
    *,
    n_windows: int = N_WINDOWS,
) -> list[OriginTrial]:
    """The trial of each origin: our method, each baseline and, on a simulated city, the true intensity.

    `forecaster.compute` of `backtest_needs`, called before, makes their forecasts at the same time.
    """
    history = forecaster.known.history
    known_now = completeness(history, history.end)
    trials = [
        _trial(forecaster, kind, step, truth, origin, _exposure(forecaster, known_now, origin))
        for origin in backtest_origins(history, n_windows)
    ]
    return [trial for trial in trials if trial.reports.size]


def _exposure(forecaster: Forecaster, known_now: np.ndarray, origin: int) -> np.ndarray:
    """(28,) share of the reports of the days after `origin` that the table has; 0 for days in a gap.

    `known_now` is the `completeness` at the table's end.
    """
    history = forecaster.known.history
    days = np.arange(origin + 1, origin + HORIZON_DAYS + 1)
    whole = forecaster.known.view(history.last)
    return np.asarray(known_now[np.minimum(history.end - days, MAX_DELAY_DAYS)] * whole.observed[days - whole.first])


def _trial(
    forecaster: Forecaster, kind: PlaceKind, step: StepLength, truth: Truth | None, origin: int, exposure: np.ndarray
) -> OriginTrial:
    known = forecaster.known
    history = known.history
    means = dict(forecaster.rates.baselines(kind, origin))
    means[OUR_METHOD] = forecaster.forecast(kind, origin)
    if truth:
        means[TRUTH] = truth(history, known.places[kind], origin, HORIZON_DAYS)
    covered = exposure > 0
    if step == "week":
        covered = np.repeat(covered.reshape(-1, 7).all(1), 7)
    places = np.flatnonzero(known.view(origin).has_reports(kind))

    def steps(values: np.ndarray) -> np.ndarray:
        days: np.ndarray = values[places][:, covered]
        return days.reshape(len(days), -1, 7).sum(2) if step == "week" else days

    return OriginTrial(
        origin,
        places,
        {name: np.maximum(steps(mean * exposure), MIN_EXPECTED) for name, mean in means.items()},
        steps(known.outcome(kind, origin, history.end)),
    )
