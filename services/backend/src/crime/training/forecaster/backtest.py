"""How good forecasts were: made anew at past origins from what was known then, held against what was reported.

Intervals come from a negative binomial whose variance is mean (1 + a) + b mean², fitted with its levels to forecasts
of earlier origins alone, for each method its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from crime.core.days import day_text
from crime.core.errors import DataError
from crime.core.progress import Progress
from crime.forecaster.bundle import HORIZON_DAYS
from crime.metrics.counts import concentration, poisson_deviance
from crime.reports.history import EventHistory
from crime.reports.places import Places
from crime.training.forecaster.baselines import BASELINES
from crime.training.forecaster.forecaster import MIN_HISTORY_DAYS, OUR_METHOD, Forecaster
from crime.training.forecaster.intervals import IntervalModel
from crime.training.forecaster.reporting_delay import MAX_DELAY_DAYS, completeness

MAX_ORIGINS, CALIBRATION_ORIGINS = 12, 3  # origins in all, and how many of them only serve to fit the first intervals
MIN_COMPLETENESS = 0.9  # share of a day's reports that must be known for the day to be judged
AREA_PERCENTS = (5, 10, 20)  # % of places, as NIJ's 2016 challenge asked for small shares of the city
TRUTH = "truth"
Truth = Callable[[EventHistory, Places, int, int], np.ndarray]  # expected reports (P, days), where they are known


def backtest_origins(history: EventHistory) -> list[int]:
    """Days at whose end forecasts are tried, four weeks apart, the first first. Raises `DataError` where too few."""
    known = completeness(history, history.end)
    last = history.last - HORIZON_DAYS
    while known[min(history.end - last - HORIZON_DAYS, MAX_DELAY_DAYS)] < MIN_COMPLETENESS:
        last -= 1
    first = history.first + MIN_HISTORY_DAYS + HORIZON_DAYS - 1
    found = list(range(last, first - 1, -HORIZON_DAYS))[:MAX_ORIGINS][::-1]
    if len(found) < 2:
        raise DataError(
            f"{len(history):,} reports from {day_text(history.first)} to {day_text(history.last)} are too short a time "
            f"to try forecasts on: {MIN_HISTORY_DAYS + 3 * HORIZON_DAYS + 14} days or more are needed"
        )
    return found


@dataclass(frozen=True)
class OriginTrial:
    """Forecasts and outcomes of one origin: (P, steps) each, only of places that had a report by then."""

    origin: int
    means: dict[str, np.ndarray]
    reports: np.ndarray


def run_trials(
    forecaster: Forecaster,
    kind: str,
    every: str,
    truth: Truth | None,
    progress: Progress = lambda what, share: None,
) -> list[OriginTrial]:
    """A trial at each origin; a step is a day or a week."""
    history = forecaster.history
    known = completeness(history, history.end)
    tried = backtest_origins(history)
    whole = forecaster.view(history.last)
    found = []
    for at, origin in enumerate(tried):
        progress(f"forecast of {day_text(origin)}", at / len(tried))
        ahead = np.arange(origin + 1, origin + HORIZON_DAYS + 1)
        seen = forecaster.view(origin).counts[kind].any(1)
        share = known[np.minimum(history.end - ahead, MAX_DELAY_DAYS)]
        share = share * whole.observed[ahead - whole.first]
        means = dict(forecaster.baselines(kind, origin))
        means[OUR_METHOD] = forecaster.forecast(kind, origin)
        if truth:
            means[TRUTH] = truth(history, forecaster.places[kind], origin, HORIZON_DAYS)
        reports = forecaster.outcome(kind, origin, history.end)
        use = share > 0
        if every == "week":  # whole weeks only
            use = np.repeat(use.reshape(-1, 7).all(1), 7)

        def steps(values: np.ndarray, use: np.ndarray = use, seen: Any = seen) -> np.ndarray:
            chosen = values[seen][:, use]
            return chosen.reshape(len(chosen), -1, 7).sum(2) if every == "week" else chosen

        if use.any():
            found.append(
                OriginTrial(
                    origin,
                    {name: np.maximum(steps(mean * share), 1e-9) for name, mean in means.items()},
                    steps(reports),
                )
            )
    return found


def score_methods(tried: list[OriginTrial]) -> dict[str, dict[str, float]]:
    """Figures of each method over all origins but those that only fit the first intervals."""
    calibrating = min(CALIBRATION_ORIGINS, len(tried) // 2)
    scored = tried[calibrating:]
    found: dict[str, dict[str, float]] = {}
    reports = np.concatenate([trial.reports.ravel() for trial in scored])
    for name in tried[0].means:
        mean = np.concatenate([trial.means[name].ravel() for trial in scored])
        covered, losses, sizes = [], [], []
        for at, trial in enumerate(scored, calibrating):
            before = tried[:at]
            spread = IntervalModel.fit(
                np.concatenate([t.means[name].ravel() for t in before]),
                np.concatenate([t.reports.ravel() for t in before]),
            )
            covered.append(spread.covered(trial.means[name].ravel(), trial.reports.ravel()))
            losses.append(spread.pinball(trial.means[name].ravel(), trial.reports.ravel()))
            sizes.append(trial.reports.size)
        figures = {"deviance": poisson_deviance(reports, mean), "pinball": float(np.average(losses, weights=sizes))}
        total = max(1.0, float(reports.sum()))
        for percent in AREA_PERCENTS:
            parts = [concentration(trial.means[name], trial.reports, percent) for trial in scored]
            hits, best = sum(part[0] for part in parts), sum(part[1] for part in parts)
            place = float(np.mean([part[2] for part in parts]))
            figures |= {
                f"hit{percent}": hits / total,
                f"pai{percent}": hits / total / place,  # prediction accuracy index (Chainey 2008)
                f"pei{percent}": hits / max(1.0, best),  # prediction efficiency index (Hunt 2016), as in NIJ 2016
            }
        figures["coverage80"], figures["coverage95"] = np.average(covered, axis=0, weights=sizes).tolist()
        found[name] = {key: round(value, 5) for key, value in figures.items()}
    return found


def summarise(tried: list[OriginTrial], by: str, every: str) -> dict[str, Any]:
    """What `crime backtest` ends with; on a twin's table also `reached`, the share of the reachable gain.

    `reached` is how much of the way from the best baseline's deviance to that of the true intensity was gone.
    """
    methods = score_methods(tried)
    candidates = {name: figures["deviance"] for name, figures in methods.items() if name != TRUTH}
    found: dict[str, Any] = {
        "by": by,
        "every": every,
        "origins": len(tried) - min(CALIBRATION_ORIGINS, len(tried) // 2),
        "methods": methods,
        "chosen": min(candidates, key=lambda name: candidates[name]),
    }
    best = min(candidates[name] for name in BASELINES)
    found["gain"] = round(1 - candidates[OUR_METHOD] / best, 5)
    if TRUTH in methods:
        found["reached"] = round((best - candidates[OUR_METHOD]) / max(best - methods[TRUTH]["deviance"], 1e-12), 4)
    return found
