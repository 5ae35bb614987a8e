"""What reading a table met is counted, shown by examples, and written to a file of rejects."""

import csv
from pathlib import Path

from crime.reports.tally import Tally


def test_examples_are_few_short_and_numbered_among_all_rows() -> None:
    tally = Tally(rows=100)
    tally.reject_misshapen("wrong number of columns", 2, "a,b")
    tally.reject_misshapen("wrong number of columns", 4, "a,b")
    for row in range(1, 6):  # the 1st, 3rd, 5th, 6th and 7th row of the table
        tally.reject("AREA is blank", row, "x" * 200)
    assert [number for number, _ in tally.examples["AREA is blank"]] == [1, 3, 5]
    assert {len(cell) for _, cell in tally.examples["AREA is blank"]} == {80}
    assert (tally.rows, tally.rejected_rows) == (102, 7)
    assert tally.as_dict()["rejected"] == {"AREA is blank": 5, "wrong number of columns": 2}


def test_the_file_of_rejects_is_written_anew_then_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    path.write_text("of an earlier run")
    tally = Tally(path)
    tally.write_rejected(["AREA", "LOCATION"], [["AREA is blank", "", "1ST, 2ND"]])
    tally.write_rejected(["AREA", "LOCATION"], [["AREA is blank", "", "3RD"]])
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["reason", "AREA", "LOCATION"],
            ["AREA is blank", "", "1ST, 2ND"],
            ["AREA is blank", "", "3RD"],
        ]


def test_without_a_file_rejected_rows_are_only_counted() -> None:
    Tally().write_rejected(["AREA"], [["AREA is blank", ""]])


def test_a_table_of_nothing_but_bad_rows_takes_no_memory_for_each() -> None:
    tally = Tally()
    for number in range(30_000):
        tally.reject_misshapen(f"expected 4 cells, found {number}", number + 1, "")
    assert tally.misshapen_rows == tally.rejected.total() == 30_000
    assert len(tally.misshapen) <= 10_000
    assert len(tally.rejected) <= 1_001
    tally.reject("another", 1, "")
    assert tally.rejected["another reason"] > 20_000


def test_rejected_rows_hold_no_formula(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "rejects.csv")
    tally.write_rejected(["a"], [["bad", "=1+1"]])
    assert (tmp_path / "rejects.csv").read_text().splitlines()[1] == "bad,'=1+1"
