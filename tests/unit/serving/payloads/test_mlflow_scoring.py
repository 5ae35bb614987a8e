"""MLflow's five forms of a table are one table."""

import json
from typing import Any

import pandas as pd
import pytest
from crime.reports.table import CellError
from crime.serving.column_table import ColumnTable
from crime.serving.payloads.mlflow_scoring import Invocation, csv_table, invocation_table
from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError

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
    assert table == ColumnTable(COLUMNS, 2)
    reports = table.reports(max_rows=2)
    assert reports.fields["time_occ"].tolist() == [720, 30]
    assert reports.errors.tolist() == [None, CellError("AREA", "unreadable", "expected an area number from 1 to 21")]


def test_a_column_that_a_record_lacks_is_null_there() -> None:
    assert invoke(dataframe_records=[{"AREA": 1}, {"LAT": 2}]) == ColumnTable({"AREA": [1, None], "LAT": [None, 2]}, 2)
    assert invoke(instances=[]) == ColumnTable({}, 0)


@pytest.mark.parametrize(
    ("form", "field", "message"),
    [
        ({}, "body", "expected one of dataframe_split, dataframe_records, inputs, instances"),
        (
            {"dataframe_split": {"columns": ["AREA"], "data": [[1], [1, 2]]}},
            "data",
            "expected 1 cells in row 1, found 2",
        ),
        ({"inputs": {"AREA": [1], "LAT": [1, 2]}}, "inputs", "expected columns of one length, found [1, 2]"),
        ({"instances": {}}, "inputs", "expected columns of one length, found []"),
    ],
)
def test_a_wrong_form_is_named(form: dict[str, Any], field: str, message: str) -> None:
    error = problem(lambda: invoke(**form))
    assert (error["loc"], error["msg"]) == (("body", field), message)


def test_a_csv_body_is_a_table() -> None:
    assert problem(lambda: csv_table(b""))["msg"].startswith("expected a CSV table")
    assert problem(lambda: csv_table(b"AREA\n1,2\n"))["msg"] == "expected 1 cells in row 0, found 2"


def test_what_is_no_lapd_table_or_too_long_is_refused() -> None:
    error = problem(lambda: ColumnTable({"AREA": [1]}, 1).reports(max_rows=1))
    assert (error["loc"], error["msg"]) == (("body", "columns"), "no column 'DATE OCC'")
    with pytest.raises(HTTPException, match="2 rows in one request: at most 1") as caught:
        ColumnTable(COLUMNS, 2).reports(max_rows=1)
    assert caught.value.status_code == 413
