"""A reviewed table keeps its rows and columns, and the review's columns follow."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from crime.classifier.review.kinds import KINDS
from crime.core.errors import DataError
from crime.pipelines.review import review_file
from crime.reports.tally import Tally
from reviewed import sample_rows, write_rows

COLUMNS = [
    "review_rank",
    "review_doubt",
    "review_own_probability",
    "review_code_1",
    "review_probability_1",
    "review_code_2",
    "review_probability_2",
    "review_kind",
    "review_reasons",
    "error",
]


@pytest.fixture(scope="module")
def spoilt() -> pd.DataFrame:
    """600 real rows: of the first seven one has no code, one an unknown code, one no area; the last is the first."""
    rows = sample_rows().iloc[:600].copy()
    rows.loc[2, "Crm Cd"] = ""
    rows.loc[4, "Crm Cd"] = "999"
    rows.loc[6, "AREA"] = ""
    rows.loc[599] = rows.loc[0]
    return rows


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype=str) if path.suffix == ".csv" else pd.read_json(path, lines=True, dtype=False)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.ndjson"])
def test_own_columns_and_the_order_of_rows_are_kept(name: str, spoilt: pd.DataFrame, tmp_path: Path) -> None:
    review_file(write_rows(spoilt, tmp_path / "in.csv"), tmp_path / name, Tally())
    reviewed = read(tmp_path / name)
    assert list(reviewed.columns) == [*spoilt.columns, *COLUMNS]
    for column in spoilt.columns:
        assert reviewed[column].fillna("").astype(str).tolist() == spoilt[column].tolist()


def test_a_row_that_can_not_be_reviewed_says_why_and_has_no_rank(spoilt: pd.DataFrame, tmp_path: Path) -> None:
    tally = Tally(tmp_path / "rejects.csv")
    summary = review_file(write_rows(spoilt, tmp_path / "in.csv"), tmp_path / "out.parquet", tally)
    reviewed = pd.read_parquet(tmp_path / "out.parquet")
    assert reviewed["error"].dropna().to_dict() == {
        2: "Crm Cd is blank",
        4: "Crm Cd: no category is known for code 999",
        6: "AREA is blank",
    }
    left_out = reviewed["error"].notna()
    assert reviewed.loc[left_out, COLUMNS[:-1]].isna().all(axis=None)
    assert sorted(reviewed["review_rank"].dropna()) == list(range(1, 598))
    assert summary.reviewed == 597
    assert sum(summary.kinds.values()) == 5
    assert len(pd.read_csv(tmp_path / "rejects.csv")) == tally.rejected_rows == 3


def test_columns_are_numbers_codes_and_words(spoilt: pd.DataFrame, tmp_path: Path) -> None:
    review_file(write_rows(spoilt, tmp_path / "in.csv"), tmp_path / "out.parquet", Tally())
    reviewed = pd.read_parquet(tmp_path / "out.parquet")
    reviewed = reviewed[reviewed["error"].isna()].sort_values("review_rank")
    assert (np.diff(reviewed["review_doubt"]) <= 0).all()
    assert set(reviewed["review_kind"]) <= set(KINDS)
    assert set(reviewed["review_code_1"]) <= set(reviewed["Crm Cd"].astype(float).astype(int).astype(str))
    likeliest = reviewed["review_code_1"] == reviewed["Crm Cd"].astype(float).astype(int).astype(str)
    assert (reviewed["review_reasons"].isna() == likeliest).all()
    own = reviewed[likeliest]
    assert own["review_own_probability"].tolist() == own["review_probability_1"].tolist()


def test_each_of_two_copies_of_a_record_is_reviewed(spoilt: pd.DataFrame, tmp_path: Path) -> None:
    review_file(write_rows(spoilt, tmp_path / "in.csv"), tmp_path / "out.parquet", Tally())
    reviewed = pd.read_parquet(tmp_path / "out.parquet")
    assert reviewed.loc[599, "review_rank"] == reviewed.loc[0, "review_rank"] + 1
    assert reviewed.loc[599, "review_doubt"] == reviewed.loc[0, "review_doubt"]


def test_a_block_of_rejected_rows_has_the_columns_of_the_others(spoilt: pd.DataFrame, tmp_path: Path) -> None:
    rows = pd.concat([spoilt.iloc[:100].assign(AREA=""), spoilt])
    rows.to_parquet(tmp_path / "in.parquet", row_group_size=100, index=False)
    review_file(tmp_path / "in.parquet", tmp_path / "out.parquet", Tally())
    reviewed = pd.read_parquet(tmp_path / "out.parquet")
    assert reviewed["review_rank"].isna().sum() == 103
    assert reviewed["review_rank"][100:].notna().sum() == 597


def test_without_a_readable_row_it_is_an_error(tmp_path: Path) -> None:
    rows = sample_rows().iloc[:600].assign(AREA="")
    with pytest.raises(DataError, match="no report could be read of 600 rows"):
        review_file(write_rows(rows, tmp_path / "in.csv"), tmp_path / "out.csv", Tally())
    assert not (tmp_path / "out.csv").exists()


def test_a_table_without_codes_is_an_error(tmp_path: Path) -> None:
    rows = sample_rows().iloc[:600].drop(columns="Crm Cd")
    with pytest.raises(DataError, match="no column 'Crm Cd'"):
        review_file(write_rows(rows, tmp_path / "in.csv"), tmp_path / "out.csv", Tally())


def test_a_wrong_suffix_is_told_before_the_table_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--output must end in"):
        review_file(tmp_path / "nowhere.csv", tmp_path / "out.xlsx", Tally())
