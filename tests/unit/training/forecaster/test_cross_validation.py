"""Cross-validation over past origins, and the scores of its trials."""

import numpy as np
import pytest
from crime.core.errors import DataError
from crime.core.executors import LocalExecutor
from crime.forecaster.arrays import HORIZON_DAYS
from crime.reports.history import EventHistory
from crime.reports.places import Places
from crime.training.forecaster.baselines import BASELINES
from crime.training.forecaster.cross_validation import (
    N_WINDOWS,
    TRUTH,
    OriginTrial,
    backtest_needs,
    backtest_origins,
    cross_validation,
)
from crime.training.forecaster.forecaster import OUR_METHOD, Forecaster
from crime.training.forecaster.origin_view import MIN_HISTORY_DAYS
from crime.training.forecaster.scores import score_method, summarise
from histories import MONDAY, make_history, poisson_history

DAYS = 200
RATES = {101: 2.0, 102: 1.0, 201: 0.5, 202: 3.0}


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    return Forecaster(poisson_history(DAYS, RATES), [])


def test_origins_are_four_weeks_apart_and_have_their_outcome() -> None:
    origins = backtest_origins(poisson_history(600))
    assert len(origins) == N_WINDOWS
    assert set(np.diff(origins)) == {HORIZON_DAYS}
    assert origins[-1] == MONDAY + 599 - HORIZON_DAYS
    assert backtest_origins(poisson_history(600), n_windows=3) == origins[-3:]


def test_the_first_origin_has_a_past_forecast_to_learn_from() -> None:
    assert min(backtest_origins(poisson_history(DAYS))) >= MONDAY + MIN_HISTORY_DAYS + HORIZON_DAYS - 1


def test_days_that_are_not_known_well_are_no_outcome() -> None:
    history = poisson_history(600, late=0.6).known_by(MONDAY + 599)
    last = backtest_origins(history)[-1]
    assert last < MONDAY + 599 - HORIZON_DAYS
    assert last > MONDAY + 599 - HORIZON_DAYS - 21


def test_a_short_history_has_no_origins() -> None:
    with pytest.raises(DataError, match="too short a time for a backtest: 182 days"):
        backtest_origins(poisson_history(130))


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_computed_at_the_same_time_is_the_same_bit_by_bit(threads: int) -> None:
    history, made = poisson_history(300, RATES, late=0.3), []
    forecasters = [Forecaster(history, ["district"]) for _ in range(2)]
    steps: list[str] = []
    forecasters[0].compute(
        backtest_needs(history, ["district"]), LocalExecutor(threads), lambda step, share: steps.append(step)
    )
    assert steps[0] == "forecast of 2020-06-20"
    for forecaster in forecasters:
        trials = cross_validation(forecaster, "district", "day")
        made.append([(name, mean.tobytes()) for trial in trials for name, mean in trial.means.items()])
    assert made[0] == made[1]


def test_trials_hold_forecasts_and_what_followed(forecaster: Forecaster) -> None:
    trials = cross_validation(forecaster, "area", "day", n_windows=2)
    history = forecaster.known.history
    for trial in trials:
        assert set(trial.means) == {*BASELINES, OUR_METHOD}
        assert trial.covers_horizon
        assert trial.reports.sum() == np.count_nonzero(
            (history.occurred > trial.origin) & (history.occurred <= trial.origin + HORIZON_DAYS)
        )
        np.testing.assert_allclose(trial.means[OUR_METHOD], forecaster.forecast("area", trial.origin))


def test_weeks_are_sums_of_days(forecaster: Forecaster) -> None:
    by_day, by_week = (cross_validation(forecaster, "area", step, n_windows=2) for step in ("day", "week"))
    for day, week in zip(by_day, by_week, strict=True):
        np.testing.assert_array_equal(week.reports, day.reports.reshape(2, 4, 7).sum(2))
        np.testing.assert_allclose(week.means[OUR_METHOD], day.means[OUR_METHOD].reshape(2, 4, 7).sum(2))


def test_days_in_a_gap_are_not_judged() -> None:
    whole = poisson_history(DAYS)
    gap = (whole.occurred >= MONDAY + 180) & (whole.occurred < MONDAY + 190)
    forecaster = Forecaster(whole.take(np.flatnonzero(~gap)), [])
    last = {step: cross_validation(forecaster, "area", step, n_windows=2)[-1] for step in ("day", "week")}
    assert last["day"].reports.shape == (2, 18)
    assert not last["day"].covers_horizon
    assert last["week"].reports.shape == (2, 2)


def test_the_summary_says_which_method_is_best_and_how_near_the_truth() -> None:
    """Of two areas whose expected reports are drawn anew each day, which only the truth knows."""
    rng = np.random.default_rng(0)
    expected = np.array([[3.0], [6.0]]) * rng.gamma(4, 0.25, (2, DAYS))
    counts = rng.poisson(expected)
    occurred = np.concatenate([np.repeat(MONDAY + np.arange(DAYS), area) for area in counts])
    history = make_history(occurred, np.zeros(len(occurred)), np.repeat([101, 201], counts.sum(1)))

    def truth(history: EventHistory, places: Places, origin: int, horizon: int) -> np.ndarray:
        return expected[:, origin + 1 - MONDAY :][:, :horizon]

    summary = summarise(cross_validation(Forecaster(history, []), "area", "day", truth), "area", "day")
    assert (summary.by, summary.every, summary.origins) == ("area", "day", 2)
    assert set(summary.methods) == {*BASELINES, OUR_METHOD, TRUTH}
    deviance = {name: scores.deviance for name, scores in summary.methods.items()}
    best = min(deviance[name] for name in BASELINES)
    assert deviance[TRUTH] < 0.7 * best
    assert summary.chosen == min((name for name in deviance if name != TRUTH), key=deviance.__getitem__)
    assert summary.gain == pytest.approx(1 - deviance[OUR_METHOD] / best, abs=1e-4)
    assert summary.reached == pytest.approx((best - deviance[OUR_METHOD]) / (best - deviance[TRUTH]), abs=1e-3)


def trial(mean: np.ndarray, reports: np.ndarray) -> OriginTrial:
    return OriginTrial(MONDAY, np.arange(len(mean)), {"ours": mean, **dict.fromkeys(BASELINES, mean)}, reports)


def test_indices_of_concentration() -> None:
    """20 places; the highest forecast of 5 % of them, one place, has 6 of all 30 reports, and the best place 12."""
    mean = np.arange(20, 0, -1.0)[:, None]
    reports = np.array([6, 12, *[0] * 6, *[1] * 12])[:, None]
    scores = score_method("ours", [trial(mean, reports)] * 2)
    assert (scores.hit5, scores.pai5, scores.pei5) == (0.2, 4, 0.5)
    assert (scores.hit10, scores.pai10, scores.pei10) == (0.6, 6, 1)


def test_coverage_of_the_true_distribution_is_what_intervals_say() -> None:
    rng = np.random.default_rng(0)
    mean = rng.gamma(2, 2, (20, 100))
    scores = score_method("ours", [trial(mean, rng.poisson(mean)) for _ in range(5)])
    assert scores.coverage80 == pytest.approx(0.8, abs=0.02)
    assert scores.coverage95 == pytest.approx(0.95, abs=0.02)


def test_a_table_with_gaps_in_every_four_weeks_is_refused() -> None:
    with pytest.raises(DataError, match="gaps"):
        summarise([], "area", "day")
