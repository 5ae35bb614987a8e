"""Other servers' protocols, so that their clients and KServe can use the backend as it is.

MLflow's scoring protocol (https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally) and the Open Inference
Protocol v2 over REST (https://github.com/kserve/open-inference-protocol). Both answer with the champion.
"""

from typing import IO, Annotated, Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, TypeAdapter

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, score_reports
from crime.core.model_names import CATEGORY_MODEL
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES
from crime.serving.bodies import json_response, parse_json, read_list_body, spool_body
from crime.serving.dependencies import model_of, recorder_of, state_of
from crime.serving.errors import WRONG_INPUT_RESPONSES, field_problem
from crime.serving.payloads.report import REPORT_COLUMNS
from crime.serving.protocol_tables import body_schema, limit_rows, parse_table_body
from crime.serving.recorder import record_scored

router = APIRouter(tags=["protocols"])


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
NO_MODEL_RESPONSE: dict[int | str, dict[str, Any]] = {404: {"description": "no such model, or not this version"}}
INFERENCE_ADAPTER = TypeAdapter(Inference)


def _model_of(request: Request, name: str, version: str | None = None) -> CategoryBundle:
    model = model_of(request)
    if name != CATEGORY_MODEL or version not in (None, model.version):
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
    state = state_of(request)
    fit = bool(state.models.category_model) and not state.draining
    return JSONResponse({"ready": fit}, 200 if fit else 503)


@router.get("/v2/models/{name}", responses=NO_MODEL_RESPONSE)
@router.get("/v2/models/{name}/versions/{version}", responses=NO_MODEL_RESPONSE)
async def metadata(name: str, request: Request, version: str | None = None) -> Metadata:
    """What the model takes and gives."""
    model = _model_of(request, name, version)
    takes = [Described(name=column.name, datatype="BYTES", shape=[-1]) for column in REPORT_COLUMNS.values()]
    gives = [
        Described(name=each, datatype=kind, shape=[-1, len(CATEGORY_NAMES)] if each == "probabilities" else [-1])
        for each, kind in OUTPUTS.items()
    ]
    return Metadata(name=name, versions=[model.version], platform="lightgbm", inputs=takes, outputs=gives)


@router.get("/v2/models/{name}/ready", responses=NO_MODEL_RESPONSE)
@router.get("/v2/models/{name}/versions/{version}/ready", responses=NO_MODEL_RESPONSE)
async def model_ready(name: str, request: Request, version: str | None = None) -> dict[str, Any]:
    """Whether the model can be asked."""
    _model_of(request, name, version)
    return {"name": name, "ready": True}


@router.post(
    "/v2/models/{name}/infer",
    response_model=Inferred,
    responses=NO_MODEL_RESPONSE | WRONG_INPUT_RESPONSES,
    openapi_extra=body_schema(Inference),
)
@router.post(
    "/v2/models/{name}/versions/{version}/infer",
    response_model=Inferred,
    responses=NO_MODEL_RESPONSE | WRONG_INPUT_RESPONSES,
    openapi_extra=body_schema(Inference),
)
async def infer(name: str, request: Request, version: str | None = None) -> Response:
    """Score reports, a tensor for each column. A report that can't be read is a 422 that names row and field."""
    model = _model_of(request, name, version)
    with await spool_body(request) as file:
        return await run_in_threadpool(_inferred, model, file, request)


def _inferred(model: CategoryBundle, file: IO[bytes], request: Request) -> Response:
    asked: Inference = parse_json(INFERENCE_ADAPTER, read_list_body(file, request))
    columns, rows = {}, asked.inputs[0].shape[0]
    for tensor in asked.inputs:
        cells = [c for cell in tensor.data for c in (cell if isinstance(cell, list) else [cell])]
        if tensor.shape not in ([rows], [rows, 1]) or len(cells) != rows:
            shape = f"shape {tensor.shape} and {len(cells)} values"
            raise field_problem(
                tensor.name, None, f"expected shape [{rows}] or [{rows}, 1] and as many values, found {shape}"
            )
        columns[tensor.name] = cells
    limit_rows(rows, request)
    reports = parse_table_body(columns, rows)
    for row, error in enumerate(reports.errors):
        if error is not None:
            raise field_problem(error.column, None, f"row {row}: {error}")
    answer = score_reports(model, reports, record_scored(model, recorder_of(request)))
    found = dict(zip(ANSWER_COLUMNS, answer, strict=True))
    shares = np.array([found[f"p_{category}"] for category in CATEGORIES], float).T
    values = {name: found[name] for name in ("label", "label_name", "level")} | {
        "probabilities": shares.ravel().tolist()
    }
    names = [each.name for each in asked.outputs] or list(OUTPUTS)
    if unknown := [name for name in names if name not in OUTPUTS]:
        raise field_problem("outputs", unknown[0], f"expected some of {', '.join(OUTPUTS)}")
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
    return json_response({"model_name": model.name, "model_version": model.version, "id": asked.id, "outputs": outputs})
