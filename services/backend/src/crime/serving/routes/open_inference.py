"""The Open Inference Protocol v2 over REST, which KServe and its clients speak.

https://github.com/kserve/open-inference-protocol. The champion answers.
"""

from functools import partial
from typing import IO, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter
from pydantic_core import to_json

from crime.classifier.bundle import CategoryBundle
from crime.reports.categories import CATEGORY_NAMES
from crime.serving.bodies import answer_list, body_schema, json_response, parse_long_json, read_list_body
from crime.serving.dependencies import named_model, predictions_of, settings_of, state_of
from crime.serving.errors import KserveError, field_problem, protocol_responses
from crime.serving.payloads.open_inference import (
    HEADER_LENGTH,
    OUTPUT_DATATYPES,
    Described,
    Inference,
    Inferred,
    Metadata,
    check_reports,
    output_tensors,
    tensor_table,
    wanted_outputs,
)
from crime.serving.payloads.report import REPORT_COLUMNS

router = APIRouter(tags=["protocols"])
MODEL_ERRORS = protocol_responses(KserveError, 404)
INFER_ERRORS = protocol_responses(KserveError, 404, body=True)
INFERENCE_ADAPTER = TypeAdapter(Inference)


@router.get("/v2")
async def server() -> dict[str, Any]:
    """Name and version of the server."""
    return {"name": "crime-prediction", "version": "2", "extensions": ["binary_tensor_data"]}


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


@router.get("/v2/models/{name}", responses=MODEL_ERRORS)
@router.get("/v2/models/{name}/versions/{version}", responses=MODEL_ERRORS)
async def metadata(name: str, request: Request, version: str | None = None) -> Metadata:
    """The tensors that the model takes and returns."""
    model = named_model(request, name, version)
    inputs = [Described(name=column.name, datatype="BYTES", shape=[-1]) for column in REPORT_COLUMNS.values()]
    outputs = [
        Described(name=output, datatype=datatype, shape=[-1, len(CATEGORY_NAMES)] if datatype == "FP64" else [-1])
        for output, datatype in OUTPUT_DATATYPES.items()
    ]
    return Metadata(name=name, versions=[model.version], platform="lightgbm", inputs=inputs, outputs=outputs)


@router.get("/v2/models/{name}/ready", responses=MODEL_ERRORS)
@router.get("/v2/models/{name}/versions/{version}/ready", responses=MODEL_ERRORS)
async def model_ready(name: str, request: Request, version: str | None = None) -> dict[str, Any]:
    """Whether the model can answer."""
    named_model(request, name, version)
    return {"name": name, "ready": True}


@router.post(
    "/v2/models/{name}/infer",
    response_model=Inferred,
    responses=INFER_ERRORS,
    openapi_extra=body_schema(Inference),
)
@router.post(
    "/v2/models/{name}/versions/{version}/infer",
    response_model=Inferred,
    responses=INFER_ERRORS,
    openapi_extra=body_schema(Inference),
)
async def infer(name: str, request: Request, version: str | None = None) -> Response:
    """Predict reports, one tensor for each column. A report that can't be read is a 422 that names row and field.

    Tensors may follow the JSON as bytes, as the protocol's binary data extension says; so may the answer's.
    """
    model = named_model(request, name, version)
    return await answer_list(request, partial(_infer, model, request))


def _infer(model: CategoryBundle, request: Request, file: IO[bytes]) -> Response:
    header, binary = _split_body(read_list_body(file, request), request.headers.get(HEADER_LENGTH))
    inference = parse_long_json(INFERENCE_ADAPTER, header)
    wanted = wanted_outputs(inference)
    max_rows = settings_of(request).max_batch
    table = tensor_table(inference.inputs, binary, max_rows)
    reports = table.reports(max_rows)
    check_reports(reports)
    outputs, binary_outputs = output_tensors(predictions_of(request).predict_table(model, reports), wanted)
    answer = {"model_name": model.name, "model_version": model.version, "id": inference.id, "outputs": outputs}
    if not any(wanted.values()):
        return json_response(answer, table.headers)
    header = to_json(answer)
    headers = {HEADER_LENGTH: str(len(header)), **table.headers}
    return Response(header + binary_outputs, headers=headers, media_type="application/octet-stream")


def _split_body(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    """A body's JSON, and the bytes of tensors after it."""
    if header_length is None:
        return body, b""
    if not header_length.isdecimal() or int(header_length) > len(body):
        raise field_problem(HEADER_LENGTH, header_length, f"expected the length of the JSON, 0 to {len(body)}")
    return body[: int(header_length)], body[int(header_length) :]
