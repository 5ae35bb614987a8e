"""Tables in memory are scored row by row, whatever their dialect; a row that can't be read gets its error."""

from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, parse_table, plain_cells, score_columns, score_reports
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES

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


def test_containers_become_text() -> None:
    assert plain_cells([1, "a", None]) == [1, "a", None]
    assert plain_cells([["0344", 1822], ("1",), {"a": 1}, 7]) == ["0344 1822", "1", "{'a': 1}", 7]
