"""What is unusual now: told where the forecast's range was left, alarm where chance does not explain it."""

import numpy as np
import pytest
from crime.reports.history import EventHistory
from crime.reports.places import PLACE_KINDS
from crime.training.forecaster.forecaster import Forecaster
from crime.training.forecaster.intervals import IntervalModel
from crime.training.forecaster.unusual import (
    AHEAD_DAYS,
    FAMILIES,
    Family,
    Models,
    Replay,
    chance,
    find_unusual,
    fit_models,
    judge,
    over_windows,
    replay,
)
from histories import poisson_history

DAYS = 160
RATES = {101: 3.0, 102: 0.02, 201: 4.0}
POISSON = IntervalModel(1e-9, 1e-9)
MODELS: Models = {(family, window): POISSON for family in FAMILIES for window in (0, 1)}
AREA_1, AREA_2 = (PLACE_KINDS.index("area"), 1), (PLACE_KINDS.index("area"), 2)


@pytest.fixture(scope="module")
def history() -> EventHistory:
    return poisson_history(DAYS, RATES, late=0.3, seed=3)


@pytest.fixture(scope="module")
def forecaster(history: EventHistory) -> Forecaster:
    return Forecaster(history.known_by(history.last), ["area", "district"])


@pytest.fixture(scope="module")
def now(forecaster: Forecaster) -> Replay:
    last = forecaster.known.history.last
    return replay(forecaster, last - AHEAD_DAYS, last)


def changed(now: Replay, family: Family, cell: int, factor: float) -> Replay:
    """With `factor` times the expected reports in one cell of a family."""
    reports = {name: now.expected[name].round() for name in now.reports}
    reports[family][:, cell] = (factor * now.expected[family][:, cell]).round()
    return Replay(now.expected, reports)


def test_a_replay_expects_what_was_known_then(forecaster: Forecaster, now: Replay) -> None:
    last = forecaster.known.history.last
    assert now.expected["all"].shape == now.reports["all"].shape == (2, 3)  # the city and two areas
    assert now.expected["category"].shape == (2, 3 * 7)
    assert now.expected["district"].shape == (2, 3)
    week = forecaster.known.history.occurred > last - 7
    assert now.reports["all"][0, 0] == week.sum()
    all_reports = sum(RATES.values())
    assert 6 * all_reports * 0.7 < now.expected["all"][0, 0] < 7 * all_reports * 0.98  # not yet complete
    np.testing.assert_allclose(now.expected["category"].reshape(2, 3, 7).sum(2), now.expected["all"], rtol=0.01)


def test_nothing_is_unusual_where_all_is_as_expected(forecaster: Forecaster, now: Replay) -> None:
    found = find_unusual(forecaster, changed(now, "all", 1, 1.0), MODELS)
    assert len(found.places) == len(found.alarms) == 0
    assert found.looked_at.tolist() == [3 + 3 * 7, 2]  # the third district has too few reports to tell


def test_a_rise_in_one_category_of_an_area_is_first_and_an_alarm(forecaster: Forecaster, now: Replay) -> None:
    found = find_unusual(forecaster, changed(now, "category", 2 * 7 + 4, 6.0), MODELS)
    assert found.places[0].tolist()[:3] == [*AREA_2, 5]  # the fifth category, after all reports
    assert found.alarms.tolist() == [True]
    reports, expected, low, high, p = found.counts[0]
    assert low <= expected <= high < reports
    assert p < 0.001


def test_a_fall_is_unusual_too_and_a_small_one_is_told_without_an_alarm(forecaster: Forecaster, now: Replay) -> None:
    assert find_unusual(forecaster, changed(now, "all", 1, 0.1), MODELS).alarms.tolist() == [True]
    small = find_unusual(forecaster, changed(now, "all", 1, 0.5), MODELS)
    assert small.places[:, :2].tolist() == [list(AREA_1)]
    assert small.alarms.tolist() == [False]
    assert small.counts[0, 0] < small.counts[0, 2]  # below the range


def test_two_windows_count_as_two_trials() -> None:
    p = over_windows(np.array([[0.01, np.nan, 0.9, np.nan], [0.2, 0.03, 0.8, np.nan]]))
    np.testing.assert_allclose(p, [0.02, 0.06, 1, np.nan])


def test_the_window_that_is_told_is_the_more_unusual_one() -> None:
    now = Replay({"all": np.array([[50.0, 50.0], [100.0, 100.0]])}, {"all": np.array([[90, 50], [100, 160]])})
    judged = judge(now, MODELS, "all")
    assert judged.window.tolist() == [0, 1]
    assert judged.reports.tolist() == [90, 160]
    assert (judged.high < judged.reports).all()


def test_forecasts_that_were_off_before_make_the_range_wider(forecaster: Forecaster) -> None:
    origins = [forecaster.known.history.last - days for days in (28, 35, 42, 49)]
    good = [replay(forecaster, origin, origin + AHEAD_DAYS) for origin in origins]
    off = [Replay(one.expected, {name: counts * 3 for name, counts in one.reports.items()}) for one in good]
    p = [float(chance(changed(good[0], "all", 2, 2.0), fit_models(part), "all")[0, 2]) for part in (good, off)]
    assert p[0] < 0.01 < p[1]
