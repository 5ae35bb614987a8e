"""A simulated NIBRS table looks like LAPD's: its dialects, its quirks at known rates, its cases of several offenses."""

import csv
from pathlib import Path

import numpy as np
import pytest
from crime.core.days import day_number
from crime.reports.categories import CRIME_CODES
from crime.reports.files import SIMULATED_LOCATION, load_reports
from crime.reports.sources import SOURCES
from crime.reports.systems import comparable_text
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.nibrs_shares import read_rows
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city

SETTINGS = CitySettings(seed=4, rows=12_000, system="nibrs")
EXPORT = [column.name for column in SOURCES["nibrs"].columns]


def write(settings: CitySettings, folder: Path) -> list[dict[str, str]]:
    write_city(SimulatedCity(settings), folder / "city.csv")
    with (folder / "city.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("city")


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, str]]:
    return write(SETTINGS, folder)


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


@pytest.fixture(scope="module")
def reports(rows: list[dict[str, str]], folder: Path, tally: Tally) -> Reports:
    return load_reports(folder / "city.csv", tally)


def test_same_settings_give_the_same_bytes(rows: list[dict[str, str]], folder: Path, tmp_path: Path) -> None:
    write_city(SimulatedCity(SETTINGS), tmp_path / "city.csv")
    assert (tmp_path / "city.csv").read_bytes() == (folder / "city.csv").read_bytes()


@pytest.mark.parametrize(
    ("seed", "first", "day"),
    [(0, "caseno", "2025-01-01T00:00:00.000"), (1, "CaseNo", "01/01/2025 12:00:00 AM"), (2, "CaseNo", "2025 Jan 01")],
)
def test_a_city_has_a_dialect(seed: int, first: str, day: str, tmp_path: Path) -> None:
    rows = write(CitySettings(seed, 40, system="nibrs"), tmp_path)
    assert next(iter(rows[0])) == first
    assert any(text.startswith(day) for text in rows[0].values())
    assert len(load_reports(tmp_path / "city.csv", Tally())) > 30


def test_a_row_that_is_read_says_what_its_code_means(rows: list[dict[str, str]], reports: Reports) -> None:
    assert list(rows[0]) == EXPORT
    assert {row["LOCATION"] for row in rows} == {SIMULATED_LOCATION}
    premises = {row["Premise Cd"]: comparable_text(row["Premise Desc"]) for row in read_rows("nibrs_premises.csv")}
    assert (len(premises), premises["RA"], premises["32"]) == (
        238,
        "single family home",
        "parking lot garage drop lot",
    )
    for code in reports.fields["premis_cd"].tolist():
        assert (not code.code and not code.text) or premises[code.code] == code.text
    assert all(bool(row["Weapon Used Cd"]) == bool(row["Weapon Desc"]) for row in rows)
    assert {CRIME_CODES[code].system for code in reports.code.tolist()} == {"nibrs"}
    assert not np.isnan(reports.fields["victim_shot"]).any()
    assert {row["Crime Against"] for row in rows} >= {"Person", "Property", "Society", "Person, Property, Society"}
    assert {row["Status Desc"] for row in rows} >= {"Unfounded"}


def test_quirks_have_their_rates(rows: list[dict[str, str]], reports: Reports) -> None:
    def share(values: list[bool]) -> float:
        return sum(values) / len(values)

    times = reports.fields["time_occ"]
    assert (times == 0).mean() == pytest.approx(0.027, abs=0.005)
    assert (times == 720).mean() == pytest.approx(0.023, abs=0.005)
    assert share([not row["Premise Cd"] for row in rows]) == pytest.approx(0.022, abs=0.004)
    assert share([not row["Group"] for row in rows]) == pytest.approx(0.035, abs=0.006)
    assert share([bool(row["Weapon Used Cd"]) for row in rows]) == pytest.approx(0.285, abs=0.03)
    assert share([row["Premise Desc"][:3].isdigit() for row in rows]) == pytest.approx(0.02, abs=0.005)
    assert share([row["Premise Desc"].isupper() for row in rows]) == pytest.approx(0.12, abs=0.02)
    assert share([row["LAT"] == row["LON"] == "0" for row in rows]) == pytest.approx(0.01, abs=0.004)
    assert share([row["LAT"].startswith("40.") for row in rows]) == pytest.approx(0.001, abs=0.001)
    assert {len(row["Time OCC"]) for row in rows} == {1, 2, 3, 4}


def test_unusable_rows_stand_beside_those_of_the_city(
    rows: list[dict[str, str]], reports: Reports, tally: Tally
) -> None:
    unusable = [row for row in rows if row["CaseNo"].startswith("98")]
    assert 0 < len(unusable) == tally.rejected_rows < 0.003 * len(rows)
    assert all(not row["NIBR Code"] or "/18" in row["Date OCC"] for row in unusable)
    assert (tally.rows, tally.simulated) == (len(rows), len(rows))


def test_a_case_has_one_and_a_ninth_offenses_at_one_place_and_time(
    rows: list[dict[str, str]], reports: Reports, tally: Tally
) -> None:
    cases: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row["CaseNo"] != rows[-1]["CaseNo"]:  # the last case may be cut
            cases.setdefault(row["CaseNo"], []).append(row)
    assert len(rows) / len(cases) == pytest.approx(1.11, abs=0.01)
    for case in cases.values():
        numbers = [f"{row['CaseNo']}_{row['NIBR Code']}_{row_number}" for row_number, row in enumerate(case)]
        if not case[0]["CaseNo"].startswith("98"):
            assert [row["UniqueNIBRNo"] for row in case] == numbers
            assert {row["TotalOffenseCount"] for row in case} == {str(len(case))}
        for name in ("Date OCC", "Date Rptd", "AREA", "RPT Dist No", "Premise Cd"):
            assert len({row[name] for row in case}) == 1
    assert len(reports) == tally.rows - tally.merged - tally.rejected_rows
    assert tally.merged / len(cases) == pytest.approx(0.05, abs=0.01)
    assert {len(case) for case in cases.values()} == {1, 2, 3}


def test_a_table_of_a_day_holds_what_was_reported_by_then(tmp_path: Path) -> None:
    until = day_number("2025-01-31")
    settings = CitySettings(seed=4, rows=100_000, system="nibrs", until="2025-01-31")
    write_city(SimulatedCity(settings), tmp_path / "city.parquet")
    reports = load_reports(tmp_path / "city.parquet", Tally())
    assert 15_000 < len(reports) < 25_000
    assert reports.fields["date_rptd"].max() == until
    by_day = np.bincount(reports.fields["date_occ"].astype(int) - day_number("2025-01-01"))
    assert by_day[-1] < 0.8 * np.median(by_day)
