"""MLflow's scoring protocol, so that its clients can use the backend in place of `mlflow models serve`.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally. The champion answers.
"""

from functools import partial
from typing import IO

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import TypeAdapter

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS
from crime.serving.bodies import (
    answer_list,
    body_schema,
    json_list_response,
    media_type,
    parse_long_json,
    read_list_body,
)
from crime.serving.column_table import ColumnTable
from crime.serving.dependencies import model_of, predictions_of, settings_of
from crime.serving.errors import MlflowError, protocol_responses
from crime.serving.payloads.mlflow_scoring import Invocation, Predictions, csv_table, invocation_table

router = APIRouter(tags=["protocols"])
INVOCATION_ADAPTER = TypeAdapter(Invocation)


@router.get("/ping", response_class=Response)
async def ping(request: Request) -> Response:
    """MLflow's readiness check: 200 once there is a model."""
    model_of(request)
    return Response("\n", media_type="application/json")


@router.get("/version", response_class=PlainTextResponse)
async def version(request: Request) -> str:
    """The version of the server, as text."""
    app_version: str = request.app.version
    return app_version


@router.post(
    "/invocations",
    response_model=Predictions,
    responses=protocol_responses(MlflowError, body=True),
    openapi_extra=body_schema(Invocation, "text/csv"),
)
async def invocations(request: Request) -> Response:
    """MLflow's scoring protocol: JSON (`dataframe_split`, `dataframe_records`, `inputs`, `instances`) or CSV."""
    return await answer_list(request, partial(_invoke, model_of(request), request))


def _invoke(champion: CategoryBundle, request: Request, file: IO[bytes]) -> Response:
    body = read_list_body(file, request)  # neither it nor what is parsed of it is kept while the answer is made
    is_csv = media_type(request) == "text/csv"
    table = csv_table(body) if is_csv else invocation_table(parse_long_json(INVOCATION_ADAPTER, body))
    del body
    return answer_table(champion, table, request)


def answer_table(champion: CategoryBundle, table: ColumnTable, request: Request) -> Response:
    """`Predictions` of a table's reports."""
    reports = table.reports(settings_of(request).max_batch)
    columns = predictions_of(request).predict_table(champion, reports).columns()
    rows = zip(*columns.values(), strict=True)
    answers = (dict(zip(ANSWER_COLUMNS, row, strict=True)) for row in rows)
    return json_list_response(answers, "predictions", table.headers)
