"""The application: its routes, its model, its health."""

import math
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from crime.core.errors import CrimeError


async def validation_problems(request: Request, error: Exception) -> JSONResponse:
    """422: each problem names the field, the value and what was expected."""
    assert isinstance(error, RequestValidationError)
    detail = []
    for found in error.errors():
        message = found["msg"].removeprefix("Value error, ")
        loc = [part for part in found["loc"] if isinstance(part, str | int)]
        field, value = str(loc[-1]) if len(loc) > 1 else "", found.get("input")
        named, colon, rest = message.partition(": ")
        if named in ("Date Rptd",) and colon:
            field, message = named, rest
        if found["type"] == "missing":
            message, value = f"required: {field} is missing", None
        elif found["type"] == "json_invalid":
            message, field, value = f"not JSON: {found.get('ctx', {}).get('error', message)}", "body", None
        detail.append(
            {
                "loc": loc,
                "field": field,
                "value": _shown_value(value),
                "msg": f"{field}: {message}",
                "type": found["type"],
            }
        )
    return JSONResponse({"detail": detail}, 422)


def _shown_value(value: Any) -> Any:
    """A wrong value as JSON can carry it, cut where it is long."""
    if value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int) and abs(value) < 1 << 53:
        return value
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "replace").decode()[:200]


class Problem(BaseModel):
    loc: list[str | int]
    field: str
    value: Any = None
    msg: str
    type: str


class Problems(BaseModel):
    """Wrong input: each problem names the field, its value and what was expected."""

    detail: list[Problem]


BAD_BODY_RESPONSE: dict[int | str, dict[str, Any]] = {400: {"description": "a body that can't be taken apart"}}
WRONG_INPUT_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"model": Problems},
    503: {"description": "no model yet"},
}


def field_problem(field: str, value: Any, message: str) -> RequestValidationError:
    """A 422 that names one field of the body."""
    return RequestValidationError([{"loc": ("body", field), "msg": message, "type": "value_error", "input": value}])


MAX_PROBLEMS = 100  # problems told of one request


async def crime_error(request: Request, error: Exception) -> JSONResponse:
    """One of the project's errors, answered with its own status and message."""
    assert isinstance(error, CrimeError)
    return JSONResponse({"detail": str(error)}, error.status)
