"""Predict and explain one report."""

from collections.abc import Callable, Coroutine
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from crime.serving.answers import explanation_row, prediction_row
from crime.serving.bodies import body_schema, json_response, parse_json
from crime.serving.dependencies import model_of, predictions_of
from crime.serving.errors import BODY_RESPONSES
from crime.serving.payloads.predictions import REPORT_REFERENCE, Explanation, Prediction
from crime.serving.payloads.report import PartialReport, Report


class _DirectRoute(APIRoute):
    """Calls the endpoint with the request itself: FastAPI's parameter parsing takes as long as a prediction."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


router = APIRouter(tags=["predictions"], route_class=_DirectRoute)
REPORT_ADAPTER, PARTIAL_REPORT_ADAPTER = TypeAdapter(Report), TypeAdapter(PartialReport)
REPORT_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": REPORT_REFERENCE}}}}
EXPLANATION_LIMIT = CapacityLimiter(1)  # concurrent explanations would only slow each other and predictions


@router.post("/predict", response_model=Prediction, responses=BODY_RESPONSES, openapi_extra=REPORT_BODY)
async def predict(request: Request) -> Response:
    """Predict the category of one report. Date, time and area are enough; every further field helps."""
    return answer_report(request, await request.body())


def answer_report(request: Request, body: bytes) -> Response:
    """Answer `POST /predict`, in the event loop: it takes 0.1 ms, and handing it to a thread would double that."""
    champion = model_of(request)
    report = parse_json(REPORT_ADAPTER, body)
    return json_response(prediction_row(predictions_of(request).predict_report(champion, report)))


@router.post("/explain", response_model=Explanation, responses=BODY_RESPONSES, openapi_extra=body_schema(PartialReport))
async def explain(request: Request) -> Response:
    """Predict one report, with what led to the answer, how often such answers are right, and what would sharpen it.

    Nothing is required. Where date, time or area are not known, the answer is the mean over their probable values; with
    nothing known it is the base rates. `effect` of the reasons leads from the base rates to the probabilities. Scores
    are explained by tree SHAP values; those of naive Bayes, which combines fields, are divided among the fields that
    pushed in the same direction.
    """
    champion = model_of(request)
    report = parse_json(PARTIAL_REPORT_ADAPTER, await request.body())
    service = predictions_of(request)

    def answer() -> Response:
        return json_response(explanation_row(service.explain_report(champion, report)))

    return await to_thread.run_sync(answer, limiter=EXPLANATION_LIMIT)
