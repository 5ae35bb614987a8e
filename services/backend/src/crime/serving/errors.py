"""Errors as HTTP answers: their handlers, their models in the OpenAPI document, and the errors that routes raise."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

from crime.core.errors import ColumnsError, CrimeError, DateOrderError

MAX_PROBLEMS = 100  # listed of one request
MAX_VALUE_CHARACTERS = 200  # of a wrong value, in an answer
MAX_FOUND_COLUMNS = 500  # of a table, in an answer
MAX_EXACT_INTEGER = 1 << 53  # JavaScript reads larger ones as another number


class FoundColumn(BaseModel):
    """A column of a table that lacks others: its name, and the first value in it, blank if none was seen."""

    name: str
    example: str


class Problem(BaseModel):
    """What is wrong with one field. `loc`: the path to it. `value`: what was sent. `msg`: what was expected.

    `columns`: those of a table that lacks others.
    """

    loc: list[str | int]
    field: str
    value: Any = None
    msg: str
    type: str
    columns: list[FoundColumn] | None = None


class Problems(BaseModel):
    """Wrong input: each problem names the field, its value and what was expected."""

    detail: list[Problem]


class KserveError(BaseModel):
    """An error as KServe's protocols tell it."""

    error: str


class MlflowError(BaseModel):
    """An error as MLflow's protocol tells it."""

    error_code: str
    message: str


MLFLOW_ERROR_CODES = {
    404: "RESOURCE_DOES_NOT_EXIST",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}  # of other statuses BAD_REQUEST
Responses = dict[int | str, dict[str, Any]]
# What the OpenAPI document says of errors: of every route but the probes, and of every route with a body besides.
REFUSED_RESPONSES: Responses = {
    429: {"description": "above the client's rate limit"},
    503: {"description": "too many requests at once, or what is needed is missing: a model or the registry"},
}
BODY_RESPONSES: Responses = {
    400: {"description": "a body that can't be parsed, or is not in its Content-Encoding"},
    413: {"description": "a body, list or upload above its limit, as it is or unpacked"},
    415: {"description": "a Content-Encoding other than gzip and deflate"},
    422: {"model": Problems},
}


def protocol_responses(error: type[BaseModel], *statuses: int, body: bool = False) -> Responses:
    """The errors of a protocol's route in the OpenAPI document, each in the protocol's form. `body`: it takes one."""
    return {status: {"model": error} for status in (*statuses, *REFUSED_RESPONSES, *(BODY_RESPONSES if body else ()))}


def field_problem(field: str, value: Any, message: str) -> RequestValidationError:
    """A 422 that names one field of the body."""
    return RequestValidationError([{"loc": ("body", field), "msg": message, "type": "value_error", "input": value}])


def table_problem(error: Exception) -> RequestValidationError:
    """A 422 for a table that can't be read; of the type `columns` or `date_order` where the client can help."""
    problem: dict[str, Any] = {"loc": ("body", "file"), "msg": str(error), "type": "value_error", "input": None}
    if isinstance(error, ColumnsError):
        columns = [
            FoundColumn(name=name[:MAX_VALUE_CHARACTERS], example=example[:MAX_VALUE_CHARACTERS]).model_dump()
            for name, example in error.columns[:MAX_FOUND_COLUMNS]
        ]
        problem |= {"type": "columns", "ctx": {"columns": columns}}
    elif isinstance(error, DateOrderError):
        problem |= {"type": "date_order", "input": error.example}
    return RequestValidationError([problem])


def json_problem(message: str) -> RequestValidationError:
    """A 422 for a body that is not JSON."""
    return RequestValidationError(
        [{"loc": ("body",), "msg": message, "type": "json_invalid", "ctx": {"error": message}}]
    )


def add_error_handlers(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Answer every error in the form of its path's protocol. `routes`: all, for the methods that a path allows."""

    async def answer_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if error.status_code == 405:  # Starlette's header names the methods of the path's first route alone
            headers["Allow"] = ", ".join(sorted(_allowed_methods(routes, request))) or headers.get("Allow", "")
        return error_response(request.url.path, error.status_code, error.detail, headers)

    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_wrong_input)
    app.add_exception_handler(CrimeError, _answer_crime_error)
    app.add_exception_handler(Exception, _answer_unexpected)


def _allowed_methods(routes: Sequence[BaseRoute], request: Request) -> set[str]:
    matching = [route for route in routes if isinstance(route, Route) and route.matches(request.scope)[0] != Match.NONE]
    return {method for route in matching for method in route.methods or ()}


async def _answer_crime_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, CrimeError)
    return error_response(request.url.path, error.status, str(error))


async def _answer_wrong_input(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(request.url.path, 422, [_problem(problem) for problem in error.errors()[:MAX_PROBLEMS]])


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    return error_response(request.url.path, 500, "an error of the server, which is in its log")


def error_response(
    path: str, status: int, detail: str | list[dict[str, Any]], headers: Mapping[str, str] | None = None
) -> Response:
    """An error in the form of the protocol that the path belongs to. `detail`: a message, or the problems of a body."""
    message = detail if isinstance(detail, str) else "; ".join(problem["msg"] for problem in detail)
    body: dict[str, Any] = {"detail": detail}
    if path.startswith(("/v1/", "/v2")):  # KServe's protocols
        body = {"error": message}
    elif path == "/invocations":  # MLflow's
        body = {"error_code": MLFLOW_ERROR_CODES.get(status, "BAD_REQUEST"), "message": message}
    return Response(to_json(body), status, headers, "application/json")


def _problem(error: dict[str, Any]) -> dict[str, Any]:
    """A `Problem` of one of pydantic's errors."""
    message = error["msg"].removeprefix("Value error, ")
    loc = [part for part in error["loc"] if isinstance(part, str | int)]
    field, value = str(loc[-1]), error.get("input")
    match error["type"]:
        case "missing":
            message, value = f"required: {field} is missing", None
        case "json_invalid":
            message, field, value = f"not JSON: {error.get('ctx', {}).get('error', message)}", "body", None
        case _ if message.startswith("Date Rptd: "):  # pydantic reports a problem of two fields for the whole object
            field, _, message = message.partition(": ")
    problem = {
        "loc": loc,
        "field": field,
        "value": _json_value(value),
        "msg": f"{field}: {message}",
        "type": error["type"],
    }
    return problem | {"columns": error["ctx"]["columns"]} if error["type"] == "columns" else problem


def _json_value(value: Any) -> Any:
    """A wrong value as JSON that any client reads exactly, shortened if it is long."""
    if value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int) and abs(value) < MAX_EXACT_INTEGER:
        return value
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "replace").decode()[:MAX_VALUE_CHARACTERS]
