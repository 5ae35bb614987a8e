"""The command `crime review`."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from crime.classifier.review.kinds import KINDS
from reviewed import sample_rows, write_rows
from typer.testing import Result

RunCommand = Callable[..., Result]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """600 real records, of which the third has an unreadable time."""
    rows = sample_rows().iloc[:600].copy()
    rows.loc[2, "TIME OCC"] = "9999"
    return write_rows(rows, tmp_path / "records.csv")


def test_review_ends_with_one_object(crime: RunCommand, records: Path, tmp_path: Path) -> None:
    result = crime("review", "--data", records, "--output", tmp_path / "reviewed.parquet", "--json")
    summary = json.loads(result.stdout.splitlines()[-1])
    assert list(summary) == ["rows", "rejected", "simulated", "reviewed", "kinds", "depths", "output"]
    assert (summary["rows"], summary["rejected"], summary["reviewed"]) == (600, 1, 599)
    assert list(summary["kinds"]) == list(KINDS)
    assert sum(summary["kinds"].values()) == 5
    assert [depth["records"] for depth in summary["depths"]] == [5, 10, 29, 100]
    for depth in summary["depths"]:
        assert set(depth["found"]) == set(KINDS)
        low, high = depth["wrong_at_most"]
        assert 0 <= depth["wrong_if_1_percent"][0] <= high <= depth["records"]
        assert low <= high
    assert len(pd.read_parquet(summary["output"])) == 600


def test_it_says_what_to_expect_of_the_first_records(crime: RunCommand, records: Path, tmp_path: Path) -> None:
    result = crime("review", "--data", records, "--output", tmp_path / "reviewed.csv")
    assert "rejected 1: TIME OCC: expected a 24-hour time from 0000 to 2359 (row 3: '9999')" in result.stderr
    assert "the first 1 % of 599 records: " in result.stdout
    assert "wrong codes among the first records" in result.stdout
    assert "if 1 % are wrong" in result.stdout
    assert "599 records ranked" in result.stdout


def test_too_few_records_are_an_error(crime: RunCommand, table: Path, tmp_path: Path) -> None:
    result = crime("review", "--data", table, "--output", tmp_path / "reviewed.csv", code=1)
    assert result.stderr.splitlines()[-1].startswith("error: 18 records with a known code are too few to review")
    assert not (tmp_path / "reviewed.csv").exists()


def test_no_readable_row_is_an_error(crime: RunCommand, tmp_path: Path) -> None:
    path = write_rows(sample_rows().iloc[:600].assign(AREA="nowhere"), tmp_path / "records.csv")
    result = crime("review", "--data", path, "--output", tmp_path / "reviewed.csv", code=1)
    assert "no report could be read of 600 rows" in result.stderr
