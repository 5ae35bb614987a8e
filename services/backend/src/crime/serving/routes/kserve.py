"""KServe's first protocol, whose body is one of MLflow's. The champion answers.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from functools import partial
from typing import IO, Any

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter
from starlette.convertors import StringConvertor, register_url_convertor

from crime.classifier.bundle import CategoryBundle
from crime.core.model_names import CATEGORY_MODEL
from crime.serving.bodies import answer_list, body_schema, parse_long_json, read_list_body
from crime.serving.dependencies import manager_of, named_model
from crime.serving.errors import KserveError, protocol_responses
from crime.serving.payloads.mlflow_scoring import Instances, Predictions, records_table
from crime.serving.routes.mlflow_scoring import answer_table


class _NameConvertor(StringConvertor):
    """A model's name in a path, which ends before the `:predict`."""

    regex = "[^/:]+"


register_url_convertor("modelname", _NameConvertor())
router = APIRouter(tags=["protocols"])
INSTANCES_ADAPTER = TypeAdapter(Instances)
MODEL_ERRORS = protocol_responses(KserveError, 404)
PREDICT_ERRORS = protocol_responses(KserveError, 404, body=True)


@router.get("/v1/models")
async def names(request: Request) -> dict[str, list[str]]:
    """The names of the models that answer."""
    return {"models": [CATEGORY_MODEL] if manager_of(request).category_model else []}


@router.get("/v1/models/{name:modelname}", responses=MODEL_ERRORS)
async def ready(name: str, request: Request) -> dict[str, Any]:
    """Whether the model can answer."""
    named_model(request, name)
    return {"name": name, "ready": True}


@router.post(
    "/v1/models/{name:modelname}:predict",
    response_model=Predictions,
    responses=PREDICT_ERRORS,
    openapi_extra=body_schema(Instances),
)
async def predict(name: str, request: Request) -> Response:
    """Predict the reports in `instances`. One that can't be read has an `error`."""
    model = named_model(request, name)
    return await answer_list(request, partial(_predict, model, request))


def _predict(model: CategoryBundle, request: Request, file: IO[bytes]) -> Response:
    table = records_table(parse_long_json(INSTANCES_ADAPTER, read_list_body(file, request)).instances)
    return answer_table(model, table, request)
