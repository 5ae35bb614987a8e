"""The truth of a simulated city is that of the reports it writes."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from crime.core.days import day_number
from crime.reports.files import load_reports
from crime.reports.history import EventHistory, read_history
from crime.reports.places import places_of
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.intensity import FIRST_DAY
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.simulation.truth import bayes_log_losses, expected_counts, posterior, simulated_city

SETTINGS = CitySettings(seed=4, rows=8_000, drift="2020-01-07")
NEWER: tuple[CitySettings, ...] = (
    CitySettings(seed=4, rows=20_000, drift="2025-01-15", system="nibrs"),
    CitySettings(seed=4, rows=20_000, drift="2024-09-10", system="both", first="2024-09-01"),
)


@pytest.fixture(scope="module")
def city() -> SimulatedCity:
    return SimulatedCity(SETTINGS)


@pytest.fixture(scope="module")
def history(table: Path) -> EventHistory:
    return read_history(table, Tally())


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_true_probabilities_are_calibrated(city: SimulatedCity, reports: Reports, level: DetailLevel) -> None:
    shares = posterior(city, reports.fields, level)
    np.testing.assert_allclose(shares.sum(1), 1)
    for category in range(7):
        for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 1.01)):
            rows = (shares[:, category] >= low) & (shares[:, category] < high)
            expected, variance = shares[rows, category].sum(), (shares * (1 - shares))[rows, category].sum()
            assert abs((reports.label[rows] == category).sum() - expected) <= 4 * variance**0.5 + 1


@pytest.fixture(scope="module", params=NEWER, ids=lambda settings: settings.system)
def newer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SimulatedCity, Path, Reports]:
    city, path = SimulatedCity(request.param), tmp_path_factory.mktemp("city") / "city.parquet"
    write_city(city, path)
    return city, path, load_reports(path, Tally())


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_the_truth_of_nibrs_rows_and_of_both_is_exact(
    newer: tuple[SimulatedCity, Path, Reports], level: DetailLevel
) -> None:
    city, _, reports = newer
    shares = posterior(city, reports.fields, level)
    np.testing.assert_allclose(shares.sum(1), 1)
    loss = -np.log(shares[np.arange(len(reports)), reports.label])
    surprise = loss + (shares * np.log(shares)).sum(1)  # what the loss is above the truth's own entropy
    assert abs(surprise.sum()) <= 4 * surprise.std() * len(surprise) ** 0.5
    for category in range(7):
        for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 1.01)):
            rows = (shares[:, category] >= low) & (shares[:, category] < high)
            expected, variance = shares[rows, category].sum(), (shares * (1 - shares))[rows, category].sum()
            assert abs((reports.label[rows] == category).sum() - expected) <= 4 * variance**0.5 + 1


def test_limits_of_nibrs_fall_as_more_is_known(newer: tuple[SimulatedCity, Path, Reports]) -> None:
    _, path, reports = newer
    limits = list(bayes_log_losses(path, reports).values())
    assert sorted(limits, reverse=True) == limits
    assert limits[0] > limits[1] + 0.1 > limits[2] + 0.1


def test_the_more_is_known_the_smaller_is_the_limit(table: Path, reports: Reports) -> None:
    limits = bayes_log_losses(table, reports)
    assert list(limits) == list(DETAIL_LEVELS)
    assert sorted(limits.values(), reverse=True) == list(limits.values())
    assert 0 < limits["report"] < 0.4


def test_limits_are_the_loss_of_the_true_probabilities(city: SimulatedCity, table: Path, reports: Reports) -> None:
    shares = posterior(city, reports.fields)
    loss = -np.log(shares[np.arange(len(reports)), reports.label]).mean()
    assert bayes_log_losses(table, reports)["report"] == pytest.approx(loss)


def test_a_real_table_has_no_known_truth(tmp_path: Path, reports: Reports) -> None:
    assert simulated_city(tmp_path / "reports.csv") is None
    assert bayes_log_losses(tmp_path / "reports.csv", reports) == {}


def test_categories_and_premises_change_on_the_day_of_the_drift(city: SimulatedCity) -> None:
    same = SimulatedCity(CitySettings(seed=4, rows=8_000))
    days = np.arange(FIRST_DAY, FIRST_DAY + 14)
    before = days < day_number("2020-01-07")
    shares, steady = city.intensity.category_shares(days), same.intensity.category_shares(days)
    np.testing.assert_array_equal(shares[before], steady[before])
    assert (np.abs(shares - steady).max((1, 2)) > 0.05)[~before].all()
    assert city.intensity.drifted(days).tolist() == (~before).tolist()
    assert not same.intensity.drifted(days).any()
    np.testing.assert_allclose(city.details.drifted_premise_share.sum(1), city.details.premise_share.sum(1))
    assert np.abs(city.details.drifted_premise_share - city.details.premise_share).max() > 0.1


def test_expected_counts_are_the_mean_of_simulated_days(city: SimulatedCity, history: EventHistory) -> None:
    expected = expected_counts(city, history, places_of(history, "city"), FIRST_DAY - 1, 6)[0]
    runs = np.array(
        [
            [reports.sum() for _, reports in islice(city.intensity.simulate(np.random.default_rng(seed)), 6)]
            for seed in range(30)
        ]
    )
    error = runs.std(0) / len(runs) ** 0.5
    assert (np.abs(runs.mean(0) - expected) <= 4 * error).all()


def test_places_share_out_the_citys_expectation(city: SimulatedCity, history: EventHistory) -> None:
    origin = history.last - 2
    whole, areas, districts = (
        expected_counts(city, history, places_of(history, kind), origin, 28) for kind in ("city", "area", "district")
    )
    np.testing.assert_allclose(areas.sum(0), whole[0])
    assert (districts.sum(0) <= whole[0] + 1e-9).all()  # some districts have no report yet


def test_a_report_raises_the_expectation_in_its_district_alone(city: SimulatedCity, history: EventHistory) -> None:
    places, origin = places_of(history, "district"), history.last - 1
    today = np.flatnonzero(history.occurred == origin)
    more = history.take(np.sort(np.append(np.arange(len(history)), today[:1])))
    rise = expected_counts(city, more, places, origin, 7) - expected_counts(city, history, places, origin, 7)
    row = np.searchsorted(places.ids, history.district[today[0]])
    assert (rise[row] > 0).all()
    assert (np.diff(rise[row]) < 0).all()
    assert np.delete(rise, row, axis=0).max() == pytest.approx(0)
