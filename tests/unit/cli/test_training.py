"""Commands that train, on a table of four districts in half a year: tune, train, backtest, retrain."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from crime.core.days import day_text
from crime.registry.embedded import EmbeddedRegistry
from histories import MONDAY, write_half_year
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


def test_a_backtest_ends_with_one_object(crime: RunCommand, half_year: Path) -> None:
    result = crime("backtest", "--data", half_year, "--every", "week", "--json")
    scores = summary(result)
    assert (scores["by"], scores["every"]) == ("area", "week")
    assert f"chosen: {scores['chosen']}" in result.stdout


def test_retraining_makes_both_champions_once(crime: RunCommand, half_year: Path, tmp_path: Path) -> None:
    arguments = ("retrain", "--data", half_year, "--work", tmp_path / "work", "--json")
    result = crime(*arguments)
    assert "crime-category version 1: champion: the first one" in result.stdout
    assert summary(crime(*arguments)) == summary(result)
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    assert [registry.version(name) for name in ("crime-category", "crime-risk")] == ["1", "1"]
    assert len(registry.versions("crime-risk")) == 1
    assert list((tmp_path / "work" / "features").rglob("*.parquet"))
    assert day_text(MONDAY)[:7] in {path.stem for path in (tmp_path / "work" / "features").rglob("*.parquet")}
