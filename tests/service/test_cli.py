"""The `crime` command as a process, with the models that it trained."""

import json
from pathlib import Path

import pytest
from crime.reports.schema import DETAIL_LEVELS
from harness import Store, last_json, write_table

METRICS = ["accuracy", "weighted_f1", "macro_auc", "log_loss", "ece"]


@pytest.fixture
def table(rows: list[dict[str, str]], tmp_path: Path) -> Path:
    """200 reports, two of which can't be read."""
    some = [dict(row) for row in rows[:200]]
    some[5]["TIME OCC"], some[9]["AREA"] = "9999", ""
    write_table(tmp_path / "reports.csv", some)
    return tmp_path / "reports.csv"


def test_train_ends_with_one_object(store: Store) -> None:
    assert list(store.summary) == ["model", "version", "rows", "rejected", "overall", "levels"]
    assert list(store.summary["overall"]) == METRICS
    assert list(store.summary["levels"]) == list(DETAIL_LEVELS)


def test_the_champion_is_evaluated_and_scores_a_table(store: Store, table: Path, tmp_path: Path) -> None:
    done = store.crime("evaluate", "--data", table, "--json")
    summary = last_json(done)
    assert list(summary) == list(store.summary)
    assert (summary["rows"], summary["rejected"], summary["version"]) == (198, 2, store.summary["version"])
    assert "TIME OCC: expected a 24-hour time from 0000 to 2359" in done.stderr
    output = tmp_path / "predictions.ndjson"
    store.crime("predict", "--data", table, "--output", output)
    answers = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(answers) == 200
    assert [row for row, answer in enumerate(answers) if answer["error"]] == [5, 9]


def test_an_error_is_one_line_not_a_traceback(table: Path, tmp_path: Path) -> None:
    refused = Store(tmp_path / "mlruns").crime("evaluate", "--data", table, code=1)
    assert "`crime train` makes one" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_export_writes_both_champions_with_their_versions(store: Store, tmp_path: Path) -> None:
    store.crime("export", "--output", tmp_path / "model")
    assert json.loads((tmp_path / "model" / "spec.json").read_text())["version"] == store.summary["version"]
    forecast = tmp_path / "model" / "crime-risk" / "spec.json"
    assert json.loads(forecast.read_text())["version"] == store.forecast["version"]
