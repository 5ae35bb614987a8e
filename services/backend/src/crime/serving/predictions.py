"""Predictions, and why."""

from collections.abc import Callable, Coroutine, Mapping
from functools import lru_cache
from time import perf_counter
from typing import Any

import numpy as np
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client import Counter
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from crime.bundle import Bundle
from crime.schema import CATEGORY_NAMES, LEVELS, table
from crime.serving.metrics import PREDICTIONS
from crime.serving.report import MOST_WRONG, Report, fields_of
from crime.serving.state import following_of, model_of, recorder_of


class _Plain(APIRoute):
    """Calls the endpoint with the request as it is; FastAPI's own way costs as much as a prediction."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


router = APIRouter(tags=["predictions"], route_class=_Plain)
REPORT = TypeAdapter(Report)
EXPLAINING = CapacityLimiter(1)  # several at once would take turns at the interpreter, and all be late
REFERENCE = {"$ref": "#/components/schemas/Report"}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Prediction(BaseModel):
    """The category of a report. `level` is how much of the report was known and used."""

    label: int = Field(description="0 to 6, in the order of `probabilities`")
    label_name: str
    probability: float
    probabilities: dict[str, float]
    level: str = Field(description=", ".join(LEVELS))
    missing: list[str] = Field(description="optional fields that were not given")
    unknown_codes: list[str] = Field(description="codes that LAPD's tables do not have; they are not used")
    model_name: str
    model_version: str
    inference_time_ms: float


class Reason(BaseModel):
    """What one field of the report did. `log_odds` of all reasons and `start` add up to the raw scores (tree SHAP)."""

    field: str
    value: str | None
    text: str
    log_odds: dict[str, float]


class Explanation(Prediction):
    reasons: list[Reason]
    start: dict[str, float]


class Problem(BaseModel):
    loc: list[str | int]
    field: str
    value: Any = None
    msg: str
    type: str


class Problems(BaseModel):
    """Wrong input: each problem names the field, its value and what was expected."""

    detail: list[Problem]


NO_TEXT: dict[int | str, dict[str, Any]] = {400: {"description": "a body that can't be taken apart"}}
WRONG: dict[int | str, dict[str, Any]] = {422: {"model": Problems}, 503: {"description": "no model yet"}}


@lru_cache(1024)
def counter(category: str, version: str) -> Counter:
    return PREDICTIONS.labels(category, version)


def _named(values: Any) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(CATEGORY_NAMES, values, strict=True)}


def _answer(
    model: Bundle, missing: list[str], unknown: list[str], probabilities: np.ndarray, level: str, took: float
) -> dict[str, Any]:
    label = int(probabilities.argmax())
    counter(CATEGORY_NAMES[label], model.version).inc()
    return {
        "label": label,
        "label_name": CATEGORY_NAMES[label],
        "probability": round(float(probabilities[label]), 6),
        "probabilities": _named(probabilities),
        "level": level,
        "missing": missing,
        "unknown_codes": unknown,
        "model_name": model.name,
        "model_version": model.version,
        "inference_time_ms": round(took * 1000, 4),
    }


def checked(kind: TypeAdapter[Any], body: bytes) -> Any:
    """What a JSON body says, as `kind`. Raises `RequestValidationError`."""
    try:
        return kind.validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**found, "loc": ("body", *found["loc"])} for found in error.errors(include_url=False)[:MOST_WRONG]]
        ) from None


def json_of(answer: Any) -> Response:
    """FastAPI's JSON response, in a third of the time."""
    return Response(to_json(answer), media_type="application/json")


ONE = {"requestBody": {"required": True, "content": {"application/json": {"schema": REFERENCE}}}}


@router.post("/predict", response_model=Prediction, responses=WRONG, openapi_extra=ONE)
async def predict(request: Request) -> Response:
    """The category of one report, from date, time and area up. Scored in the event loop: it takes 0.1 ms."""
    champion = model_of(request)
    report = checked(REPORT, await request.body())  # what FastAPI would do, in a third of the time
    start = perf_counter()
    fields, missing, unknown = fields_of(report)
    model = following_of(request).answering(report.dr_no, fields) or champion
    prediction = model.predict_one(fields)
    took = perf_counter() - start
    recorder_of(request).add(model.version, prediction, report.dr_no, fields)
    return json_of(_answer(model, missing, unknown, prediction.probabilities, prediction.level, took))


class Direct:
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


@router.post("/explain", response_model=Explanation, responses=WRONG, openapi_extra=ONE)
async def explain(request: Request) -> Response:
    """A prediction and which fields pushed it where, strongest first: tree SHAP, in words.

    What all fields together say for a category is shared out among those that pushed the same way.
    """
    model = model_of(request)
    report = checked(REPORT, await request.body())
    return json_of(await to_thread.run_sync(_explained, model, report, limiter=EXPLAINING))


def _explained(model: Bundle, report: BaseModel) -> dict[str, Any]:
    fields, missing, unknown = fields_of(report)
    start = perf_counter()
    prediction, parts, base = model.explain(fields)
    took = perf_counter() - start
    answer = _answer(model, missing, unknown, prediction.probabilities, prediction.level, took)
    label = answer["label"]

    def push(part: str) -> float:  # scores are relative: what counts is the push against the other categories
        return float(parts[part][label] - parts[part].mean())

    reasons = []
    for part in sorted(parts, key=lambda part: -abs(push(part))):
        value = None if part in missing else _in_words(part, fields)
        rest = "not given" if value is None else value
        reasons.append(
            {
                "field": part,
                "value": value,
                "text": f"{_FIELD_WORDS.get(part, part)}: {rest}, {_strength(push(part))} {CATEGORY_NAMES[label]}",
                "log_odds": _named(parts[part]),
            }
        )
    return {**answer, "reasons": reasons, "start": _named(base)}


_FIELD_WORDS = {
    "DATE OCC": "Date",
    "TIME OCC": "Time",
    "AREA": "Area",
    "Rpt Dist No": "Reporting district",
    "LAT": "Latitude",
    "LON": "Longitude",
    "Date Rptd": "Reported",
    "Premis Cd": "Premise",
    "Weapon Used Cd": "Weapon",
    "Mocodes": "MO codes",
}


def _strength(push: float) -> str:
    words = "speaks {} {}" if abs(push) >= 0.05 else "says little about"
    size = "strongly" if abs(push) >= 1 else "clearly" if abs(push) >= 0.3 else "slightly"
    return words.format(size, "for" if push > 0 else "against")


def _in_words(part: str, fields: Any) -> str:
    column, _, code = part.partition(" ") if part.startswith("Mocodes ") else (part, "", "")
    if code:
        return f"{code} {table('mo').get(code, '')}".strip()
    match column:
        case "DATE OCC":
            day = np.datetime64(int(fields["date_occ"]), "D")
            return f"{WEEKDAYS[(int(fields['date_occ']) + 3) % 7]}, {day}"
        case "TIME OCC":
            return f"{fields['time_occ'] // 60:02}:{fields['time_occ'] % 60:02}"
        case "AREA":
            return table("area")[str(fields["area"])]
        case "Rpt Dist No":
            return str(fields["rpt_dist_no"])
        case "LAT" | "LON":
            return f"{fields[column.lower()]:.4f}"
        case "Date Rptd":
            days = int(fields["date_rptd"] - fields["date_occ"])
            return "the same day" if not days else f"{days:,} day{'s' * (days > 1)} later"
        case "Premis Cd" | "Weapon Used Cd":
            code, codes = (
                (fields["premis_cd"], "premis") if column == "Premis Cd" else (fields["weapon_used_cd"], "weapon")
            )
            return table(codes).get(f"{code:g}", f"code {code:g}") if code else "none recorded"
        case "Mocodes":
            return "their number, and all that were not given"
        case _:
            return f"{fields[column.lower().replace(' ', '_')]:g}"
