"""Areas move from one report system to the other on different days, and what readers count is as without a move."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from crime.core.days import day_number
from crime.reports.categories import CRIME_CODES
from crime.reports.files import load_reports
from crime.reports.history import read_history
from crime.reports.places import places_of
from crime.reports.systems import SYSTEMS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.simulation.city import DAYS_STREAM, SimulatedCity
from crime.simulation.seam import DOUBLE_ENTRY, FIRST_AREA, MOVES, RAMP_DAYS, Seam, simulate_cases
from crime.simulation.settings import SEAM, CitySettings, CitySystem
from crime.simulation.tables import write_city
from crime.simulation.truth import expected_counts

SETTINGS = CitySettings(seed=5, rows=20_000, system="both", first="2024-07-01")


@pytest.fixture(scope="module")
def city() -> SimulatedCity:
    return SimulatedCity(SETTINGS)


def test_areas_move_one_after_another_and_central_first() -> None:
    seam, day = Seam(SETTINGS, np.random.default_rng(0)), day_number(SEAM)
    share = seam.share(np.arange(day - 1, day + MOVES[1] + RAMP_DAYS))
    assert share[0].tolist() == [0] * 22
    assert 0 < share[1, FIRST_AREA] < share[2, FIRST_AREA] < 1
    assert share[1, FIRST_AREA + 1 :].max() == 0
    assert share[-1].tolist() == [1] * 22
    assert (np.diff(share, axis=0) >= 0).all()
    assert len(set(seam.start.tolist())) > 15


def test_a_row_belongs_to_the_system_that_its_columns_say(reports: Reports) -> None:
    systems = [SYSTEMS.index(CRIME_CODES[code].system) for code in reports.code.tolist()]
    assert systems == reports.fields["system"].tolist()
    assert 0.1 < np.mean(systems) < 0.9
    nibrs = reports.fields["system"] == SYSTEMS.index("nibrs")
    assert (reports.fields["mocodes"] != None)[~nibrs].all()  # noqa: E711 (elementwise)
    assert np.isnan(reports.fields["victim_shot"][~nibrs]).all()
    assert not np.isnan(reports.fields["victim_shot"][nibrs]).any()
    premises = [code for code in reports.fields["premis_cd"][nibrs].tolist() if code.code]
    assert len(premises) > 0.9 * nibrs.sum()


def test_rows_of_both_systems_are_in_order_of_their_day(table: Path, reports: Reports) -> None:
    assert (np.diff(reports.fields["date_occ"]) >= 0).all()
    assert reports.fields["date_occ"][0] == day_number("2024-07-01")
    assert len(set(reports.fields["dr_no"].tolist())) == len(reports)


def test_a_few_cases_stand_in_both_tables(tmp_path: Path) -> None:
    write_city(SimulatedCity(CitySettings(5, 60_000, system="both", first="2024-09-01")), tmp_path / "both.parquet")
    reports = load_reports(tmp_path / "both.parquet", Tally())
    number = np.array([text.split("_")[0] for text in reports.fields["dr_no"].tolist()])
    nibrs = reports.fields["system"] == SYSTEMS.index("nibrs")
    both = np.intersect1d(number[nibrs], number[~nibrs])
    assert 0 < len(both) < 2 * DOUBLE_ENTRY * nibrs.sum()
    fields = reports.fields
    for case in both.tolist():
        days = {int(fields["date_occ"][row]) for row in np.flatnonzero(number == case)}
        places = {int(fields["rpt_dist_no"][row]) for row in np.flatnonzero(number == case)}
        assert len(days) == len(places) == 1


def events(city: SimulatedCity, days: int, rng: np.random.Generator) -> np.ndarray:
    """(days,) what a reader counts: a case once a category, and twice where both tables have it."""
    assert city.seam is not None
    cases = islice(simulate_cases(city.intensity, city.seam, rng), days)
    return np.array([len(day.legacy) + len(day.nibrs) + day.second.sum() + day.double.sum() for day in cases])


def test_readers_count_the_citys_cases(city: SimulatedCity, table: Path) -> None:
    history = read_history(table, Tally())
    counted = np.bincount(history.occurred - history.first)
    whole = len(counted) - 1  # the last day may be cut
    rng = np.random.default_rng([SETTINGS.seed, DAYS_STREAM])
    np.testing.assert_array_equal(counted[:whole], events(city, whole, rng))


@pytest.mark.parametrize("system", ["nibrs", "both"])
def test_a_move_is_no_rise_or_fall(system: CitySystem, table: Path) -> None:
    city = SimulatedCity(CitySettings(5, 1, system=system, first="2024-09-01"))
    without = SimulatedCity(CitySettings(5, 1, first="2024-09-01"))
    history = read_history(table, Tally())
    places, origin = places_of(history, "city"), day_number("2024-08-31")
    nothing = history.take(np.arange(0))
    expected = expected_counts(city, nothing, places, origin, 10)[0]
    np.testing.assert_array_equal(expected, expected_counts(without, nothing, places, origin, 10)[0])
    runs = np.array([events(city, 10, np.random.default_rng(seed)) for seed in range(40)])
    assert (np.abs(runs.mean(0) - expected) <= 4 * runs.std(0) / len(runs) ** 0.5).all()


def test_cases_of_an_area_that_has_moved_are_nibrs(city: SimulatedCity) -> None:
    assert city.seam is not None
    days = list(islice(simulate_cases(city.intensity, city.seam, np.random.default_rng(0)), 5))
    assert [day.day for day in days] == list(range(day_number("2024-07-01"), day_number("2024-07-06")))
    areas = {
        name: city.intensity.area[np.concatenate([getattr(day, name) for day in days])] for name in ("nibrs", "legacy")
    }
    assert FIRST_AREA in areas["nibrs"]
    assert FIRST_AREA not in areas["legacy"]
    assert len(set(areas["legacy"].tolist())) > 5
