"""Errors as HTTP answers: their handlers, their models in the OpenAPI document, and the errors that routes raise."""

import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from crime.core.errors import CrimeError

MAX_PROBLEMS = 100  # listed of one request
MAX_VALUE_CHARACTERS = 200  # of a wrong value, in an answer
MAX_EXACT_INTEGER = 1 << 53  # JavaScript reads larger ones as another number


class Problem(BaseModel):
    """What is wrong with one field. `loc`: the path to it. `value`: what was sent. `msg`: what was expected."""

    loc: list[str | int]
    field: str
    value: Any = None
    msg: str
    type: str


class Problems(BaseModel):
    """Wrong input: each problem names the field, its value and what was expected."""

    detail: list[Problem]


BAD_BODY_RESPONSE: dict[int | str, dict[str, Any]] = {400: {"description": "a body that can't be parsed"}}
WRONG_INPUT_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"model": Problems},
    503: {"description": "no model yet"},
}


def field_problem(field: str, value: Any, message: str) -> RequestValidationError:
    """A 422 that names one field of the body."""
    return RequestValidationError([{"loc": ("body", field), "msg": message, "type": "value_error", "input": value}])


def json_problem(message: str) -> RequestValidationError:
    """A 422 for a body that is not JSON."""
    return RequestValidationError(
        [{"loc": ("body",), "msg": message, "type": "json_invalid", "ctx": {"error": message}}]
    )


def add_error_handlers(app: FastAPI) -> None:
    """Answer wrong input with `Problems`, and each of the project's own errors with its status and message."""
    app.add_exception_handler(RequestValidationError, _answer_wrong_input)
    app.add_exception_handler(CrimeError, _answer_crime_error)


async def _answer_crime_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CrimeError)
    return JSONResponse({"detail": str(error)}, error.status)


async def _answer_wrong_input(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": [_problem(problem) for problem in error.errors()]}, 422)


def _problem(error: dict[str, Any]) -> dict[str, Any]:
    """A `Problem` of one of pydantic's errors."""
    message = error["msg"].removeprefix("Value error, ")
    loc = [part for part in error["loc"] if isinstance(part, str | int)]
    field, value = str(loc[-1]) if len(loc) > 1 else "", error.get("input")
    match error["type"]:
        case "missing":
            message, value = f"required: {field} is missing", None
        case "json_invalid":
            message, field, value = f"not JSON: {error.get('ctx', {}).get('error', message)}", "body", None
        case _ if message.startswith("Date Rptd: "):  # pydantic reports a problem of two fields for the whole object
            field, _, message = message.partition(": ")
    return {
        "loc": loc,
        "field": field,
        "value": _json_value(value),
        "msg": f"{field}: {message}",
        "type": error["type"],
    }


def _json_value(value: Any) -> Any:
    """A wrong value as JSON that any client reads exactly, shortened if it is long."""
    if value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int) and abs(value) < MAX_EXACT_INTEGER:
        return value
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "replace").decode()[:MAX_VALUE_CHARACTERS]
