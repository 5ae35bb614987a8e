"""Tables in memory are scored row by row, whatever their dialect; a row that can't be read gets its error."""

from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, encode_cells, parse_table, score_columns, score_reports
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES
from crime.reports.cells import OMITTED
from crime.reports.systems import Code

COLUMNS: dict[str, list[Any]] = {
    "DATE OCC": ["01/15/2023", "01/16/2023", "yesterday"],
    "TIME OCC": [1430, 30, 10],
    "AREA": [1, 2, 3],
    "Premis Cd": [101, 502, 101],
}


def test_each_row_gets_an_answer_or_an_error(small_bundle: CategoryBundle) -> None:
    answer = score_columns(small_bundle, COLUMNS, 3)
    assert tuple(answer) == ANSWER_COLUMNS
    assert answer["error"][:2] == [None, None]
    assert "DATE OCC" in answer["error"][2]
    assert answer["level"] == ["premise", "premise", None]
    for row in range(2):
        shares = [answer[f"p_{category}"][row] for category in CATEGORIES]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert answer["probability"][row] == max(shares)
        assert answer["label_name"][row] == CATEGORY_NAMES[answer["label"][row]]
    assert {column: values[2] for column, values in answer.items() if column != "error"} == dict.fromkeys(
        ANSWER_COLUMNS[:-1]
    )


def test_names_of_another_dialect_give_the_same_answer(small_bundle: CategoryBundle) -> None:
    other = {name.lower().replace(" ", "_"): cells for name, cells in COLUMNS.items()} | {"unknown": [1, 2, 3]}
    plain = score_columns(small_bundle, COLUMNS, 3)
    assert score_columns(small_bundle, other, 3)["p_sexual"] == plain["p_sexual"]


def test_mo_codes_may_be_a_list(small_bundle: CategoryBundle) -> None:
    as_list = score_columns(small_bundle, COLUMNS | {"Mocodes": [["0344", "1822"], [], "0344"]}, 3)
    as_text = score_columns(small_bundle, COLUMNS | {"Mocodes": ["0344 1822", "", "0344"]}, 3)
    assert as_list == as_text
    assert as_text["level"][0] == "report"


def test_probabilities_are_whole_and_rejected_rows_hold_none(small_bundle: CategoryBundle) -> None:
    scored = score_reports(small_bundle, parse_table(COLUMNS, 3))
    assert scored.accepted.tolist() == [True, True, False]
    assert scored.probabilities[:2].sum(1) == pytest.approx(1)
    assert np.isnan(scored.probabilities[2]).all()
    assert scored.level.tolist() == [1, 1, 0]
    assert scored.errors[2].column == "DATE OCC"
    assert scored.seconds > 0


def test_a_table_of_errors_alone_has_no_answers(small_bundle: CategoryBundle) -> None:
    only = {name: cells[2:] for name, cells in COLUMNS.items()}
    assert score_columns(small_bundle, only, 1)["label"] == [None]


def test_cells_become_text_and_nulls_are_not_known() -> None:
    cells, index = encode_cells("area", [1, "a", None, float("nan"), 1, ["0344"], {"a": 1}, True, b"3"])
    assert [cells[position] for position in index] == [
        "1",
        "a",
        OMITTED,
        OMITTED,
        "1",
        "['0344']",
        "{'a': 1}",
        "True",
        "3",
    ]
    cells, index = encode_cells("mocodes", [["0344", 1822], ("1",), [], OMITTED])
    assert [cells[position] for position in index] == ["0344 1822", "1", "", OMITTED]


def test_a_row_is_read_as_if_it_stood_alone(small_bundle: CategoryBundle) -> None:
    """A number beside it is no reason to take `true` for one, and columns of NIBRS do not make it a NIBRS report."""
    columns: dict[str, list[Any]] = {"DATE OCC": ["01/15/2023"] * 4, "TIME OCC": [1430] * 4, "AREA": [1, True, 1, 1]}
    columns |= {"Premis Cd": ["101", "101", "RA", "101"], "Victim Shot": [None, None, "No", ""]}
    reports = parse_table(columns, 4)
    assert reports.fields["system"].tolist() == [0, 0, 1, 0]
    assert [str(error) for error in reports.errors if error] == ["AREA: expected an area number from 1 to 21"]
    assert reports.fields["premis_cd"][0] == reports.fields["premis_cd"][3] == Code("legacy", "101", "")


def test_a_value_that_can_not_be_read_is_an_error_and_not_left_out(small_bundle: CategoryBundle) -> None:
    answer = score_columns(small_bundle, COLUMNS | {"Premis Cd": ["street", 101, 101]}, 3)
    assert answer["error"][0].startswith("Premis Cd: expected an LAPD code")
    assert answer["label"][0] is None
