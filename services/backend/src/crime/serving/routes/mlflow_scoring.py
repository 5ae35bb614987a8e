"""Other servers' protocols, so that their clients and KServe can use the backend as it is.

MLflow's scoring protocol (https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally) and the Open Inference
Protocol v2 over REST (https://github.com/kserve/open-inference-protocol). Both answer with the champion.
"""

import csv
import io
from typing import IO, Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, TypeAdapter

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, score_reports
from crime.serving.bodies import json_response, parse_json, read_list_body, spool_body
from crime.serving.dependencies import model_of, recorder_of
from crime.serving.errors import WRONG_INPUT_RESPONSES, field_problem
from crime.serving.protocol_tables import ColumnTable, body_schema, limit_rows, parse_table_body
from crime.serving.recorder import record_scored

router = APIRouter(tags=["protocols"])


class Split(BaseModel):
    """A table as pandas' `orient="split"` writes it."""

    columns: list[str]
    data: list[list[Any]]


class Invocation(BaseModel):
    """One of these four. `inputs` and `instances`: records, or columns by name."""

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    inputs: list[dict[str, Any]] | dict[str, list[Any]] | None = None
    instances: list[dict[str, Any]] | dict[str, list[Any]] | None = None


class Predictions(BaseModel):
    """A record for each row; all but `error` are null where it can't be read."""

    predictions: list[dict[str, Any]]


INVOCATION_ADAPTER = TypeAdapter(Invocation)


@router.get("/ping", response_class=Response)
async def ping(request: Request) -> Response:
    """MLflow's sign of readiness."""
    model_of(request)
    return Response("\n", media_type="application/json")


@router.post(
    "/invocations",
    response_model=Predictions,
    responses=WRONG_INPUT_RESPONSES,
    openapi_extra=body_schema(Invocation, "text/csv"),
)
async def invocations(request: Request) -> Response:
    """MLflow's scoring protocol: JSON (`dataframe_split`, `dataframe_records`, `inputs`, `instances`) or CSV."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    with await spool_body(request) as file:
        return await run_in_threadpool(_invoked, model_of(request), kind, file, request)


def _invoked(model: CategoryBundle, kind: str, file: IO[bytes], request: Request) -> Response:
    body = read_list_body(file, request)
    columns, rows = _csv(body) if kind == "text/csv" else _columns(parse_json(INVOCATION_ADAPTER, body))
    limit_rows(rows, request)
    answer = score_reports(model, parse_table_body(columns, rows), record_scored(model, recorder_of(request)))
    return json_response(
        {"predictions": [dict(zip(ANSWER_COLUMNS, row, strict=True)) for row in zip(*answer, strict=True)]}
    )


def _columns(asked: Invocation) -> tuple[ColumnTable, int]:
    if asked.dataframe_split is not None:
        return _split(asked.dataframe_split.columns, asked.dataframe_split.data)
    given = (asked.dataframe_records, asked.inputs, asked.instances)
    table = next((each for each in given if each is not None), None)
    if table is None:
        raise field_problem("body", None, f"expected one of {', '.join(Invocation.model_fields)}")
    if isinstance(table, list):
        names = dict.fromkeys(name for row in table for name in row)
        return {name: [row.get(name) for row in table] for name in names}, len(table)
    rows = {len(cells) for cells in table.values()}
    if len(rows) != 1:
        raise field_problem("inputs", None, f"expected columns of one length, found {sorted(rows)}")
    return table, rows.pop()


def _split(names: list[str], data: list[list[Any]]) -> tuple[ColumnTable, int]:
    for row, cells in enumerate(data):
        if len(cells) != len(names):
            raise field_problem("data", None, f"expected {len(names)} cells in row {row}, found {len(cells)}")
    return {name: [cells[at] for cells in data] for at, name in enumerate(names)}, len(data)


def _csv(body: bytes) -> tuple[ColumnTable, int]:
    try:
        names, *data = csv.reader(io.StringIO(body.decode("utf-8-sig", "replace"), newline=""))
    except (ValueError, csv.Error) as error:
        raise field_problem("body", None, f"expected a CSV table: {error}") from None
    return _split(names, [row for row in data if row])
