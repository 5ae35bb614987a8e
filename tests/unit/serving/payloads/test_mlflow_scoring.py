"""MLflow's five forms of a table are one table."""

import json
from typing import Any

import pandas as pd
import pytest
from crime.reports.schema import column_key
from crime.reports.systems import NONE_RECORDED
from crime.reports.table import CellError
from crime.serving.column_table import ColumnTable
from crime.serving.payloads.mlflow_scoring import Invocation, csv_table, invocation_table
from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

FRAME = pd.DataFrame({"DATE OCC": ["01/02/2020", "01/03/2020"], "TIME OCC": ["1200", "30"], "AREA": ["3", "99"]})
RECORDS = FRAME.to_dict("records")
COLUMNS = FRAME.to_dict("list")


def invoke(**form: Any) -> ColumnTable:
    return invocation_table(Invocation.model_validate(json.loads(json.dumps(form))))


def problem(table: Any) -> dict[str, Any]:
    with pytest.raises(RequestValidationError) as caught:
        table()
    (error,) = caught.value.errors()
    return dict(error)


@pytest.mark.parametrize(
    "table",
    [
        invoke(dataframe_split=json.loads(FRAME.to_json(orient="split"))),
        invoke(dataframe_records=RECORDS),
        invoke(inputs=RECORDS),
        invoke(inputs=COLUMNS),
        invoke(instances=RECORDS),
        csv_table(FRAME.to_csv(index=False).encode("utf-8-sig") + b"\r\n"),
    ],
)
def test_every_form_is_the_same_table(table: ColumnTable) -> None:
    assert {column_key(name): cells for name, cells in table.columns.items()} == {
        column_key(name): cells for name, cells in COLUMNS.items()
    }
    reports = table.reports(max_rows=2)
    assert reports.fields["time_occ"].tolist() == [720, 30]
    assert reports.errors.tolist() == [None, CellError("AREA", "unreadable", "expected an area number from 1 to 21")]


@pytest.mark.parametrize("form", ["dataframe_records", "inputs", "instances"])
def test_what_a_record_lacks_is_not_known(form: str) -> None:
    full = {"Premis Cd": "", "Weapon Used Cd": None, "AREA NAME": "Central"}
    fields = invoke(**{form: [RECORDS[0], RECORDS[0] | full]}).reports(2).fields
    assert fields["premis_cd"].tolist() == [None, NONE_RECORDED]
    assert fields["weapon_used_cd"].tolist() == [None, None]


def test_spellings_of_a_name_may_differ_from_record_to_record() -> None:
    other = {name.lower(): value for name, value in RECORDS[0].items()}
    for records in ([RECORDS[0], other], [other, RECORDS[0]]):
        assert invoke(instances=records).reports(2).accepted.all()


@pytest.mark.parametrize(
    ("form", "field", "message"),
    [
        (
            {"dataframe_split": {"columns": ["AREA"], "data": [[1], [1, 2]]}},
            "data",
            "expected 1 cells in row 1, found 2",
        ),
        ({"inputs": {"AREA": [1], "LAT": [1, 2]}}, "inputs", "expected columns of one length, found [1, 2]"),
    ],
)
def test_a_wrong_form_is_named(form: dict[str, Any], field: str, message: str) -> None:
    error = problem(lambda: invoke(**form))
    assert (error["loc"], error["msg"]) == (("body", field), message)


RECORDS_EXPECTED = "expected a list of reports, each an object with DATE OCC, TIME OCC, AREA"
FORMS_EXPECTED = "expected an object with one of dataframe_split, dataframe_records, inputs, instances"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, f"{FORMS_EXPECTED}; found none of them"),
        (RECORDS, f"{FORMS_EXPECTED}; found a list"),
        ({"inputs": RECORDS, "instances": RECORDS}, f"{FORMS_EXPECTED}; found inputs and instances"),
        ({"inputs": None}, f"{FORMS_EXPECTED}; found inputs"),
        ({"instances": [[1, 2]]}, f"{RECORDS_EXPECTED}; found a list with a list"),
        ({"instances": []}, f"{RECORDS_EXPECTED}; found a list with none"),
        ({"dataframe_records": [RECORDS[0], None]}, f"{RECORDS_EXPECTED}; found a list with null"),
        ({"dataframe_records": "text"}, f"{RECORDS_EXPECTED}; found text"),
        ({"dataframe_records": {"AREA": [1]}}, f"{RECORDS_EXPECTED}; found an object"),
        ({"inputs": True}, f"{RECORDS_EXPECTED}; found true or false"),
        ({"inputs": [7]}, f"{RECORDS_EXPECTED}; found a list with a number"),
        ({"inputs": {"AREA": 1}}, f"{RECORDS_EXPECTED}, or an object with a list of cells for each column"),
        ({"inputs": {}}, f"{RECORDS_EXPECTED}, or an object with a list of cells for each column"),
    ],
)
def test_a_body_of_another_form_is_told_what_was_expected(body: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Invocation.model_validate(body)
    (error,) = caught.value.errors()
    assert error["msg"] == f"Value error, {message}"


def test_a_csv_body_is_a_table() -> None:
    assert problem(lambda: csv_table(b""))["msg"].startswith("expected a CSV table")
    assert problem(lambda: csv_table(b"AREA\n1,2\n"))["msg"].startswith("expected a CSV table: not an LAPD table")
    header = b"DATE OCC;TIME OCC;AREA\n"
    assert problem(lambda: csv_table(header))["msg"] == "expected a CSV table with a report: it has none"
    assert problem(lambda: csv_table(header + b"1;2\n"))["msg"] == "expected 3 cells in row 0, found 2"
    assert csv_table(header + b"01/15/2023;1430;1\n").columns["AREA"] == ["1"]


def test_what_is_no_lapd_table_or_too_long_is_refused() -> None:
    error = problem(lambda: ColumnTable({"AREA": [1]}, 1).reports(max_rows=1))
    assert (error["loc"], error["msg"]) == (("body", "columns"), "no column 'DATE OCC'")
    with pytest.raises(HTTPException, match="2 rows in one request: at most 1") as caught:
        ColumnTable(COLUMNS, 2).reports(max_rows=1)
    assert caught.value.status_code == 413
