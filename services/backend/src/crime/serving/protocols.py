"""Other servers' protocols, so that their clients and KServe can use the backend as it is.

MLflow's scoring protocol (https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally) and the Open Inference
Protocol v2 over REST (https://github.com/kserve/open-inference-protocol). Both answer with the champion.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import IO, Annotated, Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, TypeAdapter

from crime.bundle import Bundle
from crime.data import DataError
from crime.registry import MODEL
from crime.schema import CATEGORIES, CATEGORY_NAMES
from crime.scoring import ANSWER, answers
from crime.serving.batches import at_once, problem, spooled, watched
from crime.serving.predictions import WRONG, checked, json_of
from crime.serving.recording import Recorder
from crime.serving.report import READ
from crime.serving.state import model_of, recorder_of, settings_of

router = APIRouter(tags=["protocols"])
Table = Mapping[str, Sequence[Any]]


def _limited(rows: int, request: Request) -> None:
    most = settings_of(request).max_batch
    if rows > most:
        raise HTTPException(413, f"{rows:,} rows in one request: at most {most:,}, or send a CSV table")


# -- MLflow --------------------------------------------------------------------------------------------------------


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


INVOCATION = TypeAdapter(Invocation)


def _body(kind: type[BaseModel], *others: str) -> dict[str, Any]:
    """OpenAPI's words for a body that the endpoint reads itself."""
    schema = kind.model_json_schema()
    parts = schema.pop("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, dict):
            part = parts.get(node.get("$ref", "").rpartition("/")[2])
            return whole(part) if part else {name: whole(value) for name, value in node.items()}
        return [whole(value) for value in node] if isinstance(node, list) else node

    content = {"application/json": {"schema": whole(schema)}} | {
        other: {"schema": {"type": "string"}} for other in others
    }
    return {"requestBody": {"required": True, "content": content}}


@router.get("/ping", response_class=Response)
async def ping(request: Request) -> Response:
    """MLflow's sign of readiness."""
    model_of(request)
    return Response("\n", media_type="application/json")


@router.post("/invocations", response_model=Predictions, responses=WRONG, openapi_extra=_body(Invocation, "text/csv"))
async def invocations(request: Request) -> Response:
    """MLflow's scoring protocol: JSON (`dataframe_split`, `dataframe_records`, `inputs`, `instances`) or CSV."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    with await spooled(request) as file:
        return await run_in_threadpool(_invoked, model_of(request), kind, file, request)


def _invoked(model: Bundle, kind: str, file: IO[bytes], request: Request) -> Response:
    body = at_once(file, request)
    columns, rows = _csv(body) if kind == "text/csv" else _columns(checked(INVOCATION, body))
    _limited(rows, request)
    found = _answers(model, columns, rows, recorder_of(request))
    return json_of({"predictions": [dict(zip(ANSWER, row, strict=True)) for row in zip(*found.values(), strict=True)]})


def _answers(model: Bundle, columns: Table, rows: int, recorder: Recorder) -> dict[str, list[Any]]:
    try:
        return answers(model, columns, rows, watched(model, recorder))
    except DataError as error:
        raise problem("columns", None, str(error)) from None


def _columns(asked: Invocation) -> tuple[Table, int]:
    if asked.dataframe_split is not None:
        return _split(asked.dataframe_split.columns, asked.dataframe_split.data)
    given = (asked.dataframe_records, asked.inputs, asked.instances)
    table = next((each for each in given if each is not None), None)
    if table is None:
        raise problem("body", None, f"expected one of {', '.join(Invocation.model_fields)}")
    if isinstance(table, list):
        names = dict.fromkeys(name for row in table for name in row)
        return {name: [row.get(name) for row in table] for name in names}, len(table)
    rows = {len(cells) for cells in table.values()}
    if len(rows) != 1:
        raise problem("inputs", None, f"expected columns of one length, found {sorted(rows)}")
    return table, rows.pop()


def _split(names: list[str], data: list[list[Any]]) -> tuple[Table, int]:
    for row, cells in enumerate(data):
        if len(cells) != len(names):
            raise problem("data", None, f"expected {len(names)} cells in row {row}, found {len(cells)}")
    return {name: [cells[at] for cells in data] for at, name in enumerate(names)}, len(data)


def _csv(body: bytes) -> tuple[Table, int]:
    try:
        names, *data = csv.reader(io.StringIO(body.decode("utf-8-sig", "replace"), newline=""))
    except (ValueError, csv.Error) as error:
        raise problem("body", None, f"expected a CSV table: {error}") from None
    return _split(names, [row for row in data if row])


# -- Open Inference Protocol ---------------------------------------------------------------------------------------


class Tensor(BaseModel):
    """A column of reports, named as LAPD's: shape [rows] or [rows, 1]."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=2)]
    datatype: Annotated[str, Field(pattern="^(BOOL|U?INT(8|16|32|64)|FP(16|32|64)|BYTES)$")]
    data: list[Any]
    parameters: dict[str, Any] = {}


class Wanted(BaseModel):
    name: str


class Inference(BaseModel):
    id: str | None = None
    inputs: Annotated[list[Tensor], Field(min_length=1)]
    outputs: list[Wanted] = []
    parameters: dict[str, Any] = {}


class Inferred(BaseModel):
    model_name: str
    model_version: str
    id: str | None
    outputs: list[Tensor]


class Described(BaseModel):
    """A tensor that a model takes or gives; -1 is the number of reports."""

    name: str
    datatype: str
    shape: list[int]


class Metadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[Described]
    outputs: list[Described]


OUTPUTS = {"label": "INT64", "label_name": "BYTES", "level": "BYTES", "probabilities": "FP64"}
NONE: dict[int | str, dict[str, Any]] = {404: {"description": "no such model, or not this version"}}
INFERENCE = TypeAdapter(Inference)


def _model_of(request: Request, name: str, version: str | None = None) -> Bundle:
    model = model_of(request)
    if name != MODEL or version not in (None, model.version):
        raise HTTPException(404, f"no model {name!r}" + (f" version {version!r}" if version else ""))
    return model


@router.get("/v2")
async def server() -> dict[str, Any]:
    """What serves."""
    return {"name": "crime-prediction", "version": "2", "extensions": []}


@router.get("/v2/health/live")
async def live() -> dict[str, bool]:
    """Alive."""
    return {"live": True}


@router.get("/v2/health/ready", responses={503: {"description": "no model, or draining"}})
async def ready(request: Request) -> JSONResponse:
    """Ready: has a model and is not draining."""
    fit = bool(request.app.state.models.model) and not request.app.state.draining
    return JSONResponse({"ready": fit}, 200 if fit else 503)


@router.get("/v2/models/{name}", responses=NONE)
@router.get("/v2/models/{name}/versions/{version}", responses=NONE)
async def metadata(name: str, request: Request, version: str | None = None) -> Metadata:
    """What the model takes and gives."""
    model = _model_of(request, name, version)
    takes = [Described(name=column.name, datatype="BYTES", shape=[-1]) for column in READ.values()]
    gives = [
        Described(name=each, datatype=kind, shape=[-1, len(CATEGORY_NAMES)] if each == "probabilities" else [-1])
        for each, kind in OUTPUTS.items()
    ]
    return Metadata(name=name, versions=[model.version], platform="lightgbm", inputs=takes, outputs=gives)


@router.get("/v2/models/{name}/ready", responses=NONE)
@router.get("/v2/models/{name}/versions/{version}/ready", responses=NONE)
async def model_ready(name: str, request: Request, version: str | None = None) -> dict[str, Any]:
    """Whether the model can be asked."""
    _model_of(request, name, version)
    return {"name": name, "ready": True}


@router.post("/v2/models/{name}/infer", response_model=Inferred, responses=NONE | WRONG, openapi_extra=_body(Inference))
@router.post(
    "/v2/models/{name}/versions/{version}/infer",
    response_model=Inferred,
    responses=NONE | WRONG,
    openapi_extra=_body(Inference),
)
async def infer(name: str, request: Request, version: str | None = None) -> Response:
    """Score reports, a tensor for each column. A report that can't be read is a 422 that names row and field."""
    model = _model_of(request, name, version)
    with await spooled(request) as file:
        return await run_in_threadpool(_inferred, model, file, request)


def _inferred(model: Bundle, file: IO[bytes], request: Request) -> Response:
    asked: Inference = checked(INFERENCE, at_once(file, request))
    columns, rows = {}, asked.inputs[0].shape[0]
    for tensor in asked.inputs:
        cells = [c for cell in tensor.data for c in (cell if isinstance(cell, list) else [cell])]
        if tensor.shape not in ([rows], [rows, 1]) or len(cells) != rows:
            shape = f"shape {tensor.shape} and {len(cells)} values"
            raise problem(
                tensor.name, None, f"expected shape [{rows}] or [{rows}, 1] and as many values, found {shape}"
            )
        columns[tensor.name] = cells
    _limited(rows, request)
    found = _answers(model, columns, rows, recorder_of(request))
    for row, error in enumerate(found["error"]):
        if error:
            raise problem(str(error).partition(":")[0], None, f"row {row}: {error}")
    shares = np.array([found[f"p_{category}"] for category in CATEGORIES], float).T
    values = {name: found[name] for name in ("label", "label_name", "level")} | {
        "probabilities": shares.ravel().tolist()
    }
    names = [each.name for each in asked.outputs] or list(OUTPUTS)
    if unknown := [name for name in names if name not in OUTPUTS]:
        raise problem("outputs", unknown[0], f"expected some of {', '.join(OUTPUTS)}")
    outputs = [
        {
            "name": name,
            "shape": [rows, len(CATEGORIES)] if name == "probabilities" else [rows],
            "datatype": OUTPUTS[name],
            "data": values[name],
            "parameters": {},
        }
        for name in names
    ]
    return json_of({"model_name": model.name, "model_version": model.version, "id": asked.id, "outputs": outputs})
