"""The Open Inference Protocol v2 over REST, which KServe and its clients speak.

https://github.com/kserve/open-inference-protocol. The champion answers.
"""

from typing import IO, Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter

from crime.classifier.bundle import CategoryBundle
from crime.core.model_names import CATEGORY_MODEL
from crime.reports.categories import CATEGORY_NAMES
from crime.serving.bodies import body_schema, json_response, parse_json, read_list_body, spool_body
from crime.serving.dependencies import model_of, predictions_of, settings_of, state_of
from crime.serving.errors import WRONG_INPUT_RESPONSES
from crime.serving.payloads.open_inference import (
    OUTPUT_DATATYPES,
    Described,
    Inference,
    Inferred,
    Metadata,
    check_reports,
    output_names,
    output_tensors,
    tensor_table,
)
from crime.serving.payloads.report import REPORT_COLUMNS

router = APIRouter(tags=["protocols"])
NO_MODEL_RESPONSE: dict[int | str, dict[str, Any]] = {404: {"description": "no such model, or not this version"}}
INFERENCE_ADAPTER = TypeAdapter(Inference)


def _champion(request: Request, name: str, version: str | None = None) -> CategoryBundle:
    """The champion. Raises 404 unless it has this name and, if given, this version; 503 if there is no champion."""
    model = model_of(request)
    if name != CATEGORY_MODEL or version not in (None, model.version):
        raise HTTPException(404, f"no model {name!r}" + (f" version {version!r}" if version else ""))
    return model


@router.get("/v2")
async def server() -> dict[str, Any]:
    """Name and version of the server."""
    return {"name": "crime-prediction", "version": "2", "extensions": []}


@router.get("/v2/health/live")
async def live() -> dict[str, bool]:
    """Alive: the process answers."""
    return {"live": True}


@router.get("/v2/health/ready", responses={503: {"description": "no model, or draining"}})
async def ready(request: Request) -> JSONResponse:
    """Ready: has a model and is not draining."""
    state = state_of(request)
    is_ready = bool(state.models.category_model) and not state.draining
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


@router.get("/v2/models/{name}", responses=NO_MODEL_RESPONSE)
@router.get("/v2/models/{name}/versions/{version}", responses=NO_MODEL_RESPONSE)
async def metadata(name: str, request: Request, version: str | None = None) -> Metadata:
    """The tensors that the model takes and returns."""
    model = _champion(request, name, version)
    inputs = [Described(name=column.name, datatype="BYTES", shape=[-1]) for column in REPORT_COLUMNS.values()]
    outputs = [
        Described(name=output, datatype=datatype, shape=[-1, len(CATEGORY_NAMES)] if datatype == "FP64" else [-1])
        for output, datatype in OUTPUT_DATATYPES.items()
    ]
    return Metadata(name=name, versions=[model.version], platform="lightgbm", inputs=inputs, outputs=outputs)


@router.get("/v2/models/{name}/ready", responses=NO_MODEL_RESPONSE)
@router.get("/v2/models/{name}/versions/{version}/ready", responses=NO_MODEL_RESPONSE)
async def model_ready(name: str, request: Request, version: str | None = None) -> dict[str, Any]:
    """Whether the model can answer."""
    _champion(request, name, version)
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
    """Predict reports, one tensor for each column. A report that can't be read is a 422 that names row and field."""
    model = _champion(request, name, version)
    with await spool_body(request) as file:
        return await run_in_threadpool(_infer, model, file, request)


def _infer(model: CategoryBundle, file: IO[bytes], request: Request) -> Response:
    inference = parse_json(INFERENCE_ADAPTER, read_list_body(file, request))
    reports = tensor_table(inference.inputs).reports(settings_of(request).max_batch)
    check_reports(reports)
    names = output_names(inference)
    outputs = output_tensors(predictions_of(request).predict_table(model, reports), names)
    return json_response(
        {"model_name": model.name, "model_version": model.version, "id": inference.id, "outputs": outputs}
    )
