"""Commands of the category model on a tiny table: evaluate and predict."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from crime.classifier.scoring import ANSWER_COLUMNS
from crime.reports.schema import DETAIL_LEVELS
from typer.testing import Result

RunCommand = Callable[..., Result]
METRICS = ["accuracy", "weighted_f1", "macro_auc", "log_loss", "ece"]
TIME_ERROR = "TIME OCC: expected a 24-hour time from 0000 to 2359"


def test_evaluate_ends_with_one_object(crime_with_model: RunCommand, table: Path) -> None:
    result = crime_with_model("evaluate", "--data", table, "--json")
    summary = json.loads(result.stdout.splitlines()[-1])
    assert list(summary) == ["model", "version", "rows", "rejected", "overall", "levels"]
    assert (summary["model"], summary["version"]) == ("crime-category", "unregistered")
    assert (summary["rows"], summary["rejected"]) == (18, 2)
    assert list(summary["overall"]) == METRICS
    assert list(summary["levels"]) == list(DETAIL_LEVELS)
    assert "crime-category version unregistered: 18 reports" in result.stdout
    assert f"rejected 1: {TIME_ERROR} (row 6: '9999')" in result.stderr
    assert "18 of these reports are from the time that version unregistered was trained on" in result.stderr


def test_evaluate_on_a_simulated_table_shows_the_bayes_limit(crime_with_model: RunCommand, tmp_path: Path) -> None:
    crime_with_model("twin", "--rows", 300, "--output", tmp_path / "city.csv")
    result = crime_with_model("evaluate", "--data", tmp_path / "city.csv", "--json")
    summary = json.loads(result.stdout.splitlines()[-1])
    assert list(summary["bayes_log_loss"]) == list(DETAIL_LEVELS)
    assert "SIMULATED: crime-category" in result.stdout
    for level, limit in summary["bayes_log_loss"].items():
        loss = summary["levels"][level]["log_loss"]
        assert f"{level}: log loss {loss:.4f}, Bayes limit {limit:.4f}, {loss / limit - 1:+.1%}" in result.stdout


def test_predict_keeps_every_row_in_every_format(crime_with_model: RunCommand, table: Path, tmp_path: Path) -> None:
    for name in ("p.csv", "p.parquet", "p.ndjson"):
        result = crime_with_model("predict", "--data", table, "--output", tmp_path / name, "--json")
        summary = json.loads(result.stdout.splitlines()[-1])
        assert (summary["rows"], summary["rejected"], summary["output"]) == (20, 2, str(tmp_path / name))
    tables = [
        pd.read_csv(tmp_path / "p.csv", dtype=str, keep_default_na=False),
        pd.read_parquet(tmp_path / "p.parquet"),
        pd.read_json(tmp_path / "p.ndjson", lines=True, dtype=False),
    ]
    for answers in tables:
        assert len(answers) == 20
        assert list(answers.columns[-len(ANSWER_COLUMNS) :]) == list(ANSWER_COLUMNS)
        assert answers["error"][5] == TIME_ERROR
        assert answers["error"][9] == "AREA is blank"
        scored = answers.drop([5, 9])
        shares = scored[[column for column in ANSWER_COLUMNS if column.startswith("p_")]].astype(float)
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-4)
        np.testing.assert_allclose(scored["probability"].astype(float), shares.max(axis=1), atol=1e-6)
    assert tables[0]["label_name"].tolist() == tables[1]["label_name"].fillna("").tolist()


def test_no_cell_of_a_written_table_is_a_formula(crime_with_model: RunCommand, table: Path, tmp_path: Path) -> None:
    crime_with_model("predict", "--data", table, "--output", tmp_path / "p.csv")
    locations = pd.read_csv(tmp_path / "p.csv", dtype=str)["LOCATION"].tolist()
    assert locations == [f"'=1+{row}" for row in range(20)]


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_rejected_rows_are_kept(command: str, crime_with_model: RunCommand, table: Path, tmp_path: Path) -> None:
    output = ("--output", tmp_path / "p.csv") if command == "predict" else ()
    crime_with_model(command, "--data", table, "--rejects", tmp_path / "rejects.csv", *output)
    assert pd.read_csv(tmp_path / "rejects.csv")["reason"].tolist() == [TIME_ERROR, "AREA is blank"]


def test_an_error_is_one_line(crime: RunCommand, crime_with_model: RunCommand, table: Path, tmp_path: Path) -> None:
    result = crime_with_model("predict", "--data", table, "--output", tmp_path / "p.xlsx", code=1)
    assert ".csv, .parquet, .ndjson" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "p.xlsx").exists()
    result = crime_with_model("evaluate", "--data", tmp_path / "nowhere.csv", code=1)
    assert "nowhere.csv" in result.stderr
    assert "Traceback" not in result.output


def test_without_a_model_the_error_says_how_to_train_one(crime: RunCommand, table: Path) -> None:
    for command in ("evaluate", "drift", "train"):
        arguments = ("--tuned",) if command == "train" else ()
        result = crime(command, "--data", table, *arguments, code=1)
        assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "`crime train` makes one" in crime("evaluate", "--data", table, code=1).stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [("forecast", "too short a time"), ("backtest", "too short a time"), ("train", "18 good reports are too few")],
)
def test_too_few_reports_are_an_error(
    command: str, message: str, crime: RunCommand, table: Path, tmp_path: Path
) -> None:
    result = crime(command, "--data", table, code=1)
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert message in result.stderr
    assert not (tmp_path / "mlruns").exists()


def test_without_dask_workers_the_error_says_so(
    crime: RunCommand, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crime.core.executors.CONNECT_SECONDS", 1)
    result = crime("train", "--data", table, "--dask", "tcp://127.0.0.1:1", code=1)
    assert "error: no Dask workers at tcp://127.0.0.1:1" in result.stderr
