"""A simulated table is the same for the same settings, reads like LAPD's, and says that it is simulated."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from crime.core.days import day_number
from crime.core.errors import DataError
from crime.reports.files import load_reports
from crime.reports.sources import SOURCES
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings, read_settings, settings_file
from crime.simulation.tables import write_city

ROWS = 1_200


@pytest.fixture(scope="module")
def city() -> SimulatedCity:
    return SimulatedCity(CitySettings(seed=2, rows=ROWS))


@pytest.fixture(scope="module")
def table(city: SimulatedCity, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("city") / "city.csv"
    write_city(city, path)
    return path


def test_same_settings_give_the_same_bytes(table: Path, tmp_path: Path) -> None:
    write_city(SimulatedCity(CitySettings(seed=2, rows=ROWS)), tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == table.read_bytes()


def test_a_legacy_table_is_what_it_was_before_there_were_two_systems(table: Path) -> None:
    digest = "f6d6f6b57c2a64ef7d01754ff1fd6d97fb81ad8b61afa0321e478be9b5d8ce42"
    assert hashlib.sha256(table.read_bytes()).hexdigest() == digest


def test_another_seed_gives_another_city(table: Path, tmp_path: Path) -> None:
    write_city(SimulatedCity(CitySettings(seed=3, rows=ROWS)), tmp_path / "other.csv")
    assert (tmp_path / "other.csv").read_bytes() != table.read_bytes()


def test_every_row_is_read_and_says_that_it_is_simulated(table: Path) -> None:
    tally = Tally()
    reports = load_reports(table, tally)
    assert (len(reports), tally.rows, tally.simulated, tally.rejected_rows) == (ROWS, ROWS, ROWS, 0)
    assert len(set(reports.fields["dr_no"].tolist())) == ROWS
    assert not np.isnan(reports.fields["lat"]).any()
    assert (reports.fields["rpt_dist_no"] // 100 == reports.fields["area"]).all()
    assert (reports.fields["date_rptd"] >= reports.fields["date_occ"]).all()


def test_rows_are_in_order_of_their_day_from_2020_on(table: Path) -> None:
    days = load_reports(table, Tally()).fields["date_occ"]
    assert days[0] == day_number("2020-01-01")
    assert (np.diff(days) >= 0).all()


def test_columns_are_lapds_and_names_belong_to_codes(table: Path) -> None:
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == [column.name for column in SOURCES["legacy"].columns]
    for row in rows:
        assert bool(row["Weapon Used Cd"]) == bool(row["Weapon Desc"])
        assert row["AREA NAME"]
        assert row["Crm Cd Desc"]
        assert row["Crm Cd"] == row["Crm Cd 1"]


@pytest.mark.parametrize("name", ["city.csv.gz", "city.parquet", "CITY.CSV"])
def test_every_format_holds_the_same_reports(city: SimulatedCity, table: Path, tmp_path: Path, name: str) -> None:
    calls: list[int] = []
    write_city(city, tmp_path / name, calls.append)
    one, other = load_reports(table, Tally()), load_reports(tmp_path / name, Tally())
    assert calls == [ROWS]
    for field, column in one.fields.items():
        np.testing.assert_array_equal(column, other.fields[field])


def test_another_ending_is_refused(city: SimulatedCity, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must end in \.csv, \.csv\.gz or \.parquet, not 'city\.xlsx'"):
        write_city(city, tmp_path / "city.xlsx")
    assert not list(tmp_path.iterdir())


def test_settings_stand_beside_the_table(table: Path) -> None:
    assert settings_file(table).name == "city.csv.twin.json"
    assert read_settings(table) == CitySettings(seed=2, rows=ROWS)


def test_a_table_without_settings_is_no_simulated_one(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "reports.csv") is None


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"seed": 1}', '{"seed": 1, "rows": 2, "shape": 3}', '{"seed": 1, "rows": 2, "system": "x"}']
)
def test_settings_that_can_not_be_read_are_an_error(tmp_path: Path, text: str) -> None:
    settings_file(tmp_path / "city.csv").write_text(text)
    with pytest.raises(DataError, match=r"city\.csv\.twin\.json can't be read"):
        read_settings(tmp_path / "city.csv")
