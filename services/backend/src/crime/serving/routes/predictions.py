"""Predictions, and why."""

from collections.abc import Callable, Coroutine, Mapping
from time import perf_counter
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from crime.serving.answers import REPORT_REFERENCE, prediction_answer
from crime.serving.bodies import json_response, parse_json
from crime.serving.dependencies import manager_of, model_of, recorder_of
from crime.serving.errors import WRONG_INPUT_RESPONSES
from crime.serving.explanations import explain_report
from crime.serving.payloads.predictions import Explanation, Prediction
from crime.serving.payloads.report import Report, report_fields


class _DirectRoute(APIRoute):
    """Calls the endpoint with the request as it is; FastAPI's own way costs as much as a prediction."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


router = APIRouter(tags=["predictions"], route_class=_DirectRoute)
REPORT_ADAPTER = TypeAdapter(Report)
EXPLANATION_LIMIT = CapacityLimiter(1)  # several at once would take turns at the interpreter, and all be late


REPORT_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": REPORT_REFERENCE}}}}


@router.post("/predict", response_model=Prediction, responses=WRONG_INPUT_RESPONSES, openapi_extra=REPORT_BODY)
async def predict(request: Request) -> Response:
    """The category of one report, from date, time and area up. Scored in the event loop: it takes 0.1 ms."""
    champion = model_of(request)
    report = parse_json(REPORT_ADAPTER, await request.body())  # what FastAPI would do, in a third of the time
    start = perf_counter()
    fields, missing, unknown = report_fields(report)
    model = manager_of(request).answering(report.dr_no, fields) or champion
    prediction = model.predict_one(fields)
    took = perf_counter() - start
    recorder_of(request).add(model.version, prediction, report.dr_no, fields)
    return json_response(prediction_answer(model, missing, unknown, prediction.probabilities, prediction.level, took))


class DirectPredict:
    """Middleware that answers `POST /predict` itself: finding the route again takes longer than the prediction.

    What is wrong with a request is told as the application would tell it.
    """

    def __init__(self, app: ASGIApp, handlers: Mapping[Any, Any]):
        self.app, self.handlers, self.route = app, handlers, router.routes[0]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/predict" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        scope["route"] = self.route
        request = Request(scope, receive)
        try:
            answer = await predict(request)
        except (RequestValidationError, HTTPException) as error:
            kind = next(kind for kind in type(error).__mro__ if kind in self.handlers)
            answer = await self.handlers[kind](request, error)
        await answer(scope, receive, send)


@router.post("/explain", response_model=Explanation, responses=WRONG_INPUT_RESPONSES, openapi_extra=REPORT_BODY)
async def explain(request: Request) -> Response:
    """A prediction and which fields pushed it where, strongest first: tree SHAP, in words.

    What all fields together say for a category is shared out among those that pushed the same way.
    """
    model = model_of(request)
    report = parse_json(REPORT_ADAPTER, await request.body())
    return json_response(await to_thread.run_sync(explain_report, model, report, limiter=EXPLANATION_LIMIT))
