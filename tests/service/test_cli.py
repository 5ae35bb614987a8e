"""The `crime` command, as users run it."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from crime.classifier.scoring import ANSWER_COLUMNS
from harness import Store

METRICS = ["accuracy", "weighted_f1", "macro_auc", "log_loss", "ece"]


@pytest.fixture(scope="module")
def table(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 reports, two of which can't be read."""
    path = tmp_path_factory.mktemp("table") / "reports.csv"
    some = [dict(row) for row in rows[:200]]
    some[5]["TIME OCC"], some[9]["AREA"] = "9999", ""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(some[0]))
        writer.writeheader()
        writer.writerows(some)
    return path


def test_train_ends_with_one_object(store: Store) -> None:
    assert list(store.summary) == ["model", "version", "rows", "rejected", "overall", "levels"]
    assert list(store.summary["overall"]) == METRICS
    assert list(store.summary["levels"]) == ["place_time", "premise", "weapon", "report"]


def test_evaluate_ends_with_the_same_object(store: Store, table: Path) -> None:
    done = store.crime("evaluate", "--data", table, "--json")
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found) == list(store.summary)
    assert (found["rows"], found["rejected"]) == (198, 2)
    assert list(found["levels"]["weapon"]) == METRICS
    assert "TIME OCC: expected a 24-hour time from 0000 to 2359" in done.stderr


def test_predict_keeps_every_row_in_every_format(store: Store, table: Path, tmp_path: Path) -> None:
    tables = []
    for name in ("p.csv", "p.parquet", "p.ndjson"):
        store.crime("predict", "--data", table, "--output", tmp_path / name)
    tables.append(pd.read_csv(tmp_path / "p.csv", dtype=str, keep_default_na=False))
    tables.append(pd.read_parquet(tmp_path / "p.parquet"))
    tables.append(pd.read_json(tmp_path / "p.ndjson", lines=True, dtype=False))
    for found in tables:
        assert len(found) == 200
        assert list(found.columns[-len(ANSWER_COLUMNS) :]) == list(ANSWER_COLUMNS)
        assert found["error"][5] == "TIME OCC: expected a 24-hour time from 0000 to 2359"
        assert found["error"][9] == "AREA is blank"
        good = found.drop([5, 9])
        assert (good["probability"].astype(float) <= 1).all()
        shares = good[[c for c in ANSWER_COLUMNS if c.startswith("p_")]].astype(float)
        assert (abs(shares.sum(axis=1) - 1) < 1e-4).all()
    assert (tables[0]["label_name"][10:] == tables[1]["label_name"][10:]).all()


def test_no_cell_of_a_written_table_is_a_formula(store: Store, tmp_path: Path) -> None:
    cells = ["=1+1", "@SUM(A1)", "-2+3", "-118.25", "a=b", ""]
    lines = [f"01/02/2020,1200,3,{cell}" for cell in cells]
    (tmp_path / "t.csv").write_text("\n".join(["DATE OCC,TIME OCC,AREA,LOCATION", *lines]) + "\n")
    store.crime("predict", "--data", tmp_path / "t.csv", "--output", tmp_path / "p.csv")
    found = pd.read_csv(tmp_path / "p.csv", dtype=str, keep_default_na=False)["LOCATION"].tolist()
    assert found == ["'=1+1", "'@SUM(A1)", "'-2+3", "-118.25", "a=b", ""]


def test_rejected_rows_are_kept_by_every_reader(store: Store, table: Path, tmp_path: Path) -> None:
    for command in (("check",), ("evaluate",), ("predict", "--output", str(tmp_path / "p.csv"))):
        rejects = tmp_path / f"{command[0]}.csv"
        store.crime(*command, "--data", table, "--rejects", rejects)
        kept = pd.read_csv(rejects, dtype=str)
        assert list(kept["reason"]) == ["TIME OCC: expected a 24-hour time from 0000 to 2359", "AREA is blank"]
        assert kept["TIME OCC"][0] == "9999"


def test_what_a_user_can_mend_is_a_line_not_a_traceback(store: Store, table: Path, tmp_path: Path) -> None:
    done = store.crime("predict", "--data", table, "--output", tmp_path / "p.xlsx", code=1)
    assert ".csv, .parquet, .ndjson" in done.stderr
    done = store.crime("evaluate", "--data", tmp_path / "nowhere.csv", code=1)
    assert "nowhere.csv" in done.stderr
    assert "Traceback" not in done.stderr
    empty = Store(tmp_path / "mlruns", {}, {})
    assert "`crime train` makes one" in empty.crime("evaluate", "--data", table, code=1).stderr


def test_export_makes_a_bundle_with_its_version(store: Store, tmp_path: Path) -> None:
    store.crime("export", "--output", tmp_path / "model")
    assert json.loads((tmp_path / "model" / "spec.json").read_text())["version"] == store.summary["version"]
    risk = tmp_path / "model" / "crime-risk" / "spec.json"
    assert json.loads(risk.read_text())["version"] == store.forecast["version"]
