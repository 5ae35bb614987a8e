"""The table of a module's simulated city, and its reports. The module makes the city in a fixture `city`."""

from pathlib import Path

import pytest
from crime.reports.files import load_reports
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.tables import write_city


@pytest.fixture(scope="module")
def table(city: SimulatedCity, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("city") / "city.parquet"
    write_city(city, path)
    return path


@pytest.fixture(scope="module")
def reports(table: Path) -> Reports:
    return load_reports(table, Tally())
