"""Training writes a bundle that is read, and whose bytes depend on the reports alone."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from crime.core.days import day_text
from crime.forecaster.arrays import CUTS, HORIZON_DAYS
from crime.forecaster.bundle import ForecastBundle
from crime.reports.categories import CATEGORIES
from crime.reports.history import EventHistory
from crime.reports.tally import Tally
from crime.training.forecaster.intervals import MEAN_GRID
from crime.training.forecaster.train import train_forecast
from histories import MONDAY, poisson_history

DAYS = 190
LAST = MONDAY + DAYS - 1


@pytest.fixture(scope="module")
def history() -> EventHistory:
    return poisson_history(DAYS, late=0.2).known_by(LAST)


@pytest.fixture(scope="module")
def directory(history: EventHistory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("forecast") / "bundle"
    train_forecast(history, Tally(rows=len(history), simulated=5), place)
    return place


def test_the_bundle_says_what_it_was_made_from(history: EventHistory, directory: Path) -> None:
    bundle = ForecastBundle(directory)
    bundle.verify()
    assert (bundle.name, bundle.origin, bundle.horizon) == ("crime-risk", LAST, HORIZON_DAYS)
    data = bundle.spec.data
    assert (data.reports, data.first_day, data.until) == (len(history), day_text(MONDAY), day_text(LAST))
    assert data.simulated == 5
    assert list(bundle.spec.backtest) == ["area", "district"]


def test_every_kind_of_place_has_its_forecast(history: EventHistory, directory: Path) -> None:
    places = ForecastBundle(directory).places
    assert {kind: forecasts.ids.tolist() for kind, forecasts in places.items()} == {
        "city": [0],
        "area": [1, 2],
        "district": [101, 102, 201, 202],
    }
    for forecasts in places.values():
        count = len(forecasts.ids)
        assert forecasts.mean.shape == (count, HORIZON_DAYS)
        assert forecasts.recent.shape == (count, 91)
        assert forecasts.recent.sum() == np.count_nonzero(history.occurred > LAST - 91)
        assert {key: table.shape for key, table in forecasts.intervals.items()} == {
            (cut, days): (4, len(MEAN_GRID)) for cut in CUTS for days in (1, 7, 28)
        }
        assert forecasts.located is not None
    assert places["area"].past is not None
    assert places["area"].outcome is not None
    assert places["district"].past is None


@pytest.mark.parametrize("days", [1, 7, 28])
def test_intervals_of_the_city_hold_its_expectation(days: int, directory: Path) -> None:
    bundle = ForecastBundle(directory)
    mean = bundle.expected("city", np.arange(HORIZON_DAYS)).reshape(-1, days).sum(1)
    low80, high80, low95, high95 = bundle.bounds("city", mean, days=days)
    assert ((low95 <= low80) & (low80 <= mean) & (mean <= high80) & (high80 <= high95)).all()


def test_the_past_is_told_by_shift_and_category(directory: Path) -> None:
    bundle = ForecastBundle(directory)
    cells = itertools.product(range(3), CATEGORIES)
    recent = np.array([bundle.recent("area", 0, shift, category) for shift, category in cells])
    np.testing.assert_array_equal(recent.sum(0), bundle.recent("area", 0, None, None))
    past = np.array([bundle.past("area", 0, shift, None) for shift in range(3)])  # (3, 2, 28)
    np.testing.assert_allclose(past.sum(0), np.array(bundle.past("area", 0, None, None)), rtol=1e-5)
    assert bundle.recent("district", 0, 1, None) is None  # of districts only all reports


def test_online_features_are_those_of_the_last_day(history: EventHistory, directory: Path) -> None:
    recent = (history.district == 202) & (history.occurred > LAST - 28)
    assert ForecastBundle(directory).features_of("district", 202)["reports_28d"] == np.count_nonzero(recent)


def test_the_latest_weeks_are_beside_earlier_ones_and_what_was_expected(history: EventHistory, directory: Path) -> None:
    week = ForecastBundle(directory).week
    assert week is not None
    assert week.ids.tolist() == [0, 1, 2]
    latest = history.occurred > LAST - 7
    assert week.reports[0, 0, 0, 0] == week.week_reports[0, 0, -1] == latest.sum()
    assert week.week_reports[2, 3, -1] == (latest & (history.area == 2) & (history.category == 2)).sum()
    expected, low, high = week.week_range[:, :, 0]
    assert not np.isnan(expected[:, -8:]).any()
    assert np.isnan(expected[:, 0]).all()  # before the table began
    known = week.week_reports[:, 0, -8:]
    assert ((low[:, -8:] <= known) & (known <= high[:, -8:])).mean() > 0.8
    assert expected[0, -4:].sum() == pytest.approx(known[0, -4:].sum(), rel=0.25)
    assert not week.unusual_alarm.any()  # nothing changed
    assert week.looked_at.tolist() == [3 * 8, 4]


def test_the_same_reports_make_the_same_bytes(history: EventHistory, directory: Path, tmp_path: Path) -> None:
    train_forecast(history, Tally(rows=len(history), simulated=5), tmp_path)
    for path in directory.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_a_table_without_districts_has_no_forecast_by_district(tmp_path: Path) -> None:
    history = poisson_history(DAYS, {101: 3.0, 201: 2.0})
    history.district[:] = 0
    bundle = train_forecast(history, Tally(), tmp_path)
    assert list(bundle.places) == ["city", "area"]
    assert list(bundle.online) == ["area"]
    assert bundle.week is not None
    assert bundle.week.looked_at[1] == 0
