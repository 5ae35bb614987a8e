"""Commands that train, on a table of four districts in half a year: tune, train, backtest, retrain."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crime.core.days import day_text
from crime.registry.embedded import EmbeddedRegistry
from crime.reports.schema import column_key
from crime.reports.sources import CIRCUMSTANCES
from histories import MONDAY, write_half_year
from socrata_portal import SocrataPortal, serve_portal
from typer.testing import Result

RunCommand = Callable[..., Result]


@pytest.fixture(scope="module")
def half_year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "reports.csv"
    write_half_year(path)
    return path


def summary(result: Result) -> dict[str, object]:
    """The JSON object that a command ends with."""
    last: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return last


def test_one_trial_tries_the_usual_parameters(crime: RunCommand, half_year: Path) -> None:
    tuned = summary(crime("tune", "--data", half_year, "--trials", "1", "--json"))
    assert (tuned["finished"], tuned["pruned"]) == (1, 0)
    assert tuned["loss"] == tuned["default"]


def test_a_model_is_trained_with_tuned_parameters(crime: RunCommand, half_year: Path, tmp_path: Path) -> None:
    tuned = summary(crime("tune", "--data", half_year, "--trials", "2", "--json"))
    assert (tuned["finished"], tuned["pruned"]) == (2, 0)
    assert isinstance(tuned["loss"], float)
    assert isinstance(tuned["default"], float)
    assert tuned["loss"] <= tuned["default"]
    assert summary(crime("tune", "--data", half_year, "--trials", "2", "--json")) == tuned  # nothing is left to do
    result = crime("train", "--tuned", "--data", half_year, "--json")
    assert "champion: the first one" in result.stdout
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    spec = json.loads((registry.bundle("crime-category", "1") / "spec.json").read_text())
    assert isinstance(tuned["parameters"], dict)
    assert tuned["parameters"].items() <= spec["parameters"].items()
    assert summary(result)["version"] == registry.version("crime-category") == "1"


def test_figures_are_told_by_system(crime: RunCommand, tmp_path: Path) -> None:
    city = tmp_path / "city.csv"
    settings = ("--system", "both", "--rows", "3000", "--seam", "2023-10-01", "--first", "2024-03-01")
    crime("twin", *settings, "--output", city)
    trained = crime("train", "--data", city, "--json")
    assert "of these, by LAPD NIBRS (since 2024)" in trained.stdout
    by_system = summary(trained)["by_system"]
    assert isinstance(by_system, dict)
    assert by_system.keys() == {"legacy", "nibrs"}
    evaluated = summary(crime("evaluate", "--data", city, "--json"))["by_system"]
    assert isinstance(evaluated, dict)
    assert evaluated["nibrs"].keys() == by_system["nibrs"].keys()


def test_a_share_of_the_portals_reports_is_refused(crime: RunCommand) -> None:
    assert "only with --data" in crime("retrain", "--share", "1/127", code=2).stderr


def test_a_backtest_ends_with_one_object(crime: RunCommand, half_year: Path) -> None:
    result = crime("backtest", "--data", half_year, "--every", "week", "--json")
    scores = summary(result)
    assert (scores["by"], scores["every"]) == ("area", "week")
    assert f"chosen: {scores['chosen']}" in result.stdout


@pytest.fixture
def portal(half_year: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SocrataPortal]:
    """The reports of half a year: the first 400 in the frozen dataset, the others in NIBRS in the live one."""
    nibrs = {"510": ("240", "32"), "330": ("23F", "RA"), "624": ("13B", "RA")}
    with half_year.open(newline="") as file, serve_portal() as portal:
        portal.datasets = {"2nrs-mtv8": [], "k7nn-b2ep": []}
        for number, row in enumerate(csv.DictReader(file)):
            cells = {column_key(name): cell for name, cell in row.items() if cell}
            if number >= 400:
                code, premise = nibrs[cells.pop("crm_cd")]
                case = cells.pop("dr_no")
                cells |= {"caseno": case, "uniquenibrno": f"{case}_{code}_1", "nibr_code": code, "premis_cd": premise}
                cells.pop("mocodes")
                cells |= dict.fromkeys(CIRCUMSTANCES, "No") | {"domestic_violence_crime": "No" if number % 3 else "Yes"}
            marks = {":id": f"row-{number:04}", ":updated_at": "2020-09-01T00:00:00Z"}
            portal.datasets["2nrs-mtv8" if number < 400 else "k7nn-b2ep"].append(marks | cells)
        monkeypatch.setenv("CRIME_PORTAL_URL", portal.url)
        yield portal


def test_retraining_makes_both_champions_once(crime: RunCommand, portal: SocrataPortal, tmp_path: Path) -> None:
    arguments = ("retrain", "--since", "2020-01-01", "--work", tmp_path / "work", "--json")
    result = crime(*arguments)
    assert "2nrs-mtv8 Crime Data from 2020 to 2024: 400 reports, 400 fetched now" in result.stdout
    assert "newest report 2020-08-17, " in result.stdout
    assert summary(result)["until"] == "2020-08-17"
    assert "crime-category version 1: champion: the first one" in result.stdout
    again = crime(*arguments)
    assert "400 reports, 0 fetched now" in again.stdout
    assert summary(again) == summary(result)
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    spec = json.loads((registry.bundle("crime-category", "1") / "spec.json").read_text())
    assert set(spec["data"]["systems"]) == {"legacy", "nibrs"}
    assert [registry.version(name) for name in ("crime-category", "crime-risk")] == ["1", "1"]
    assert len(registry.versions("crime-risk")) == 1
    assert list((tmp_path / "work" / "features").rglob("*.parquet"))
    assert day_text(MONDAY)[:7] in {path.stem for path in (tmp_path / "work" / "features").rglob("*.parquet")}
