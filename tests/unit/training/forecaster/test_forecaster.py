"""Forecasts: from what was known, and parts that add up."""

import pickle

import numpy as np
import pytest
from crime.core.errors import DataError
from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind
from crime.training.forecaster.cross_validation import cross_validation
from crime.training.forecaster.forecaster import Forecaster
from histories import MONDAY, poisson_history

DISTRICT_RATES = {101: 2.0, 102: 1.0, 201: 0.5, 202: 3.0}
LAST = MONDAY + 159


@pytest.fixture(scope="module")
def history() -> EventHistory:
    return poisson_history(160, DISTRICT_RATES)


@pytest.fixture(scope="module")
def forecaster(history: EventHistory) -> Forecaster:
    return Forecaster(history, ["district"])


def test_a_worker_gets_the_history_alone_and_forecasts_the_same(history: EventHistory) -> None:
    computed = Forecaster(history, ["district"])
    sent = pickle.dumps(computed)
    mean = computed.forecast("district", LAST)
    assert len(pickle.dumps(computed)) == len(sent) < 2 * len(pickle.dumps(history))
    np.testing.assert_array_equal(pickle.loads(sent).forecast("district", LAST), mean)


def test_parts_add_up(forecaster: Forecaster) -> None:
    city, area, district = (forecaster.forecast(kind, LAST) for kind in ("city", "area", "district"))
    np.testing.assert_allclose(city[0], area.sum(0))
    np.testing.assert_allclose(np.add.reduceat(district, [0, 2]), area)


def test_a_steady_history_goes_on(forecaster: Forecaster) -> None:
    mean = forecaster.forecast("district", LAST).mean(1)
    np.testing.assert_allclose(mean, list(DISTRICT_RATES.values()), rtol=0.25)
    assert mean.sum() == pytest.approx(sum(DISTRICT_RATES.values()), rel=0.1)


@pytest.mark.parametrize("kind", ["area", "district"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_forecast_does_not_depend_on_what_was_reported_later(kind: PlaceKind, seed: int) -> None:
    """Reports that are known later are moved, delayed or dropped at random, those of earlier days among them."""
    origin = MONDAY + 130
    history = poisson_history(160, late=0.4, seed=seed)
    rng = np.random.default_rng(seed)
    known = history.known <= origin
    changed = history.take(np.flatnonzero(known | (rng.random(len(history)) < 0.7)))
    later = np.flatnonzero(changed.known > origin)
    changed.area[later] = rng.choice([1, 2], len(later))
    changed.district[later] = 100 * changed.area[later] + 1
    changed.known[later] += rng.integers(0, 60, len(later))
    forecasts = [Forecaster(h, [kind]).forecast(kind, origin) for h in (changed, history, history.known_by(origin))]
    np.testing.assert_array_equal(forecasts[0], forecasts[2])
    np.testing.assert_array_equal(forecasts[1], forecasts[2])


def test_a_gap_of_weeks_does_not_pull_the_forecast_down(history: EventHistory, forecaster: Forecaster) -> None:
    gap = (history.occurred > MONDAY + 60) & (history.occurred < MONDAY + 95)
    holed = Forecaster(history.take(np.flatnonzero(~gap)), [])
    expected = forecaster.forecast("area", LAST).sum()
    assert holed.forecast("area", LAST).sum() == pytest.approx(expected, rel=0.1)


def test_late_reports_do_not_pull_the_forecast_down() -> None:
    history = poisson_history(160, {101: 8.0, 201: 8.0}, late=0.7).known_by(LAST)
    assert history.occurred[history.occurred > LAST - 7].size < 7 * 16 * 0.75
    assert Forecaster(history, []).forecast("city", LAST).mean() == pytest.approx(16, rel=0.1)


@pytest.mark.parametrize("reports", [1, 40])
def test_too_short_a_history_is_refused(reports: int, history: EventHistory) -> None:
    with pytest.raises(DataError, match="too short a time"):
        cross_validation(Forecaster(history.take(np.arange(reports)), []), "area", "day")
