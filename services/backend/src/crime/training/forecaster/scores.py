"""Scores of each forecasting method over the trials of a cross-validation."""

from collections.abc import Sequence

import numpy as np

from crime.core.errors import DataError
from crime.forecaster.spec import BacktestSummary, MethodScores, StepLength
from crime.metrics.counts import concentration, poisson_deviance
from crime.reports.places import PlaceKind
from crime.training.forecaster.baselines import BASELINES
from crime.training.forecaster.cross_validation import TRUTH, OriginTrial
from crime.training.forecaster.forecaster import OUR_METHOD
from crime.training.forecaster.intervals import Cells, IntervalModel

CALIBRATION_ORIGINS = 3  # the first ones, which are not scored but used to fit the first intervals
AREA_PERCENTS = (5, 10, 20)  # % of places, as NIJ's 2016 forecasting challenge asked for small shares of the city


def calibration_trials(trials: Sequence[OriginTrial]) -> int:
    """How many of the trials are not scored: three, or half of fewer than six."""
    return min(CALIBRATION_ORIGINS, len(trials) // 2)


def score_method(name: str, trials: Sequence[OriginTrial]) -> MethodScores:
    """Scores of one method, rounded to 5 decimals. Intervals are fitted to the trials before each scored one."""
    calibrating = calibration_trials(trials)
    scored = trials[calibrating:]
    reports = np.concatenate([trial.reports.ravel() for trial in scored])
    mean = np.concatenate([trial.means[name].ravel() for trial in scored])
    cells = [Cells.of(trial.means[name], trial.reports) for trial in trials]
    coverages, losses, sizes = [], [], []
    for index, outcomes in enumerate(cells[calibrating:], calibrating):
        intervals = IntervalModel.fit(Cells.merge(cells[:index]))
        coverages.append(intervals.coverage(outcomes))
        losses.append(intervals.pinball(outcomes))
        sizes.append(trials[index].reports.size)
    scores = {
        "deviance": poisson_deviance(reports, mean),
        "pinball": float(np.average(losses, weights=sizes)),
        **_concentration_scores(name, scored),
    }
    scores["coverage80"], scores["coverage95"] = np.average(coverages, axis=0, weights=sizes).tolist()
    return MethodScores(**{score: round(value, 5) for score, value in scores.items()})


def _concentration_scores(name: str, scored: Sequence[OriginTrial]) -> dict[str, float]:
    """`hit`, `pai` and `pei` (see `MethodScores`) for each of `AREA_PERCENTS`."""
    total = max(1.0, float(sum(trial.reports.sum() for trial in scored)))
    scores: dict[str, float] = {}
    for percent in AREA_PERCENTS:
        parts = [concentration(trial.means[name], trial.reports, percent) for trial in scored]
        hits, best_hits = sum(part.hits for part in parts), sum(part.best_hits for part in parts)
        area_share = float(np.mean([part.area_share for part in parts]))
        scores |= {
            f"hit{percent}": hits / total,
            f"pai{percent}": hits / total / area_share,
            f"pei{percent}": hits / max(1.0, best_hits),
        }
    return scores


def summarise(trials: Sequence[OriginTrial], by: PlaceKind, every: StepLength) -> BacktestSummary:
    """Scores of every method, and the method that did best. Raises `DataError` if there is no trial."""
    if not trials:
        raise DataError("no backtest is possible: the table has gaps in all of its four-week periods")
    methods = {name: score_method(name, trials) for name in trials[0].means}
    deviance = {name: scores.deviance for name, scores in methods.items()}
    best_baseline = min(deviance[name] for name in BASELINES)
    reached = None
    if TRUTH in deviance:
        gap = max(best_baseline - deviance.pop(TRUTH), 1e-12)
        reached = round((best_baseline - deviance[OUR_METHOD]) / gap, 4)
    return BacktestSummary(
        by=by,
        every=every,
        origins=len(trials) - calibration_trials(trials),
        methods=methods,
        chosen=min(deviance, key=lambda name: deviance[name]),
        gain=round(1 - deviance[OUR_METHOD] / best_baseline, 5),
        reached=reached,
    )
