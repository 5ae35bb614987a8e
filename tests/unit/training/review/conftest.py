"""Records of the review's tests, and a review of them with planted errors."""

from dataclasses import replace
from pathlib import Path

import pytest
from crime.pipelines.review import read_records
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.review.review import review_records
from reviewed import Planted, plant_pairs, sample_rows, write_rows


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """1,578 real records. Take a copy to change them."""
    path: Path = tmp_path_factory.mktemp("records") / "records.csv"
    return read_records(write_rows(sample_rows(), path), Tally())[0]


@pytest.fixture(scope="session")
def planted(records: Reports) -> Planted:
    code = plant_pairs(records.code, 0.04)
    changed = replace(records, code=code)
    return Planted(changed, code != records.code, review_records(changed))


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """800 simulated records of both report systems."""
    from crime.simulation.city import SimulatedCity
    from crime.simulation.settings import CitySettings
    from crime.simulation.tables import write_city

    path = tmp_path_factory.mktemp("mixed") / "both.csv"
    write_city(SimulatedCity(CitySettings(1, 800, system="both", seam="2024-03-07", first="2024-08-01")), path)
    return read_records(path, Tally())[0]
