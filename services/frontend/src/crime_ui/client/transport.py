"""One HTTP client for all sessions, retries while pods come and go, and the errors that pages show."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

import httpx

from crime_ui import language, limits
from crime_ui.client import tokens
from crime_ui.client.answers_tables import Problem

ATTEMPTS = 4
PAUSE_SECONDS = 0.25  # times the number of earlier attempts; an ending pod leaves the service within a second
TIMEOUT = httpx.Timeout(30, connect=3)
RETRIED_STATUSES = (502, 503, 504)
REFUSED_STATUSES = (401, 403, 404, 409, 413, 422)


class BackendDown(Exception):
    """The backend can't be reached or has no model."""


class Refused(Exception):
    """The backend answered that it can't do what was asked; the message says why.

    `problems`: what is wrong with the request, field by field, if that is why. `status`: of the answer.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = (), status: int = 0):
        super().__init__(message)
        self.problems, self.status = list(problems), status


@cache
def http_client() -> httpx.Client:
    """The client of the backend at `BACKEND_URL`."""
    return httpx.Client(base_url=os.environ.get("BACKEND_URL", "http://localhost:5000"), timeout=TIMEOUT)


def send(
    method: str,
    path: str,
    *,
    attempts: int = ATTEMPTS,
    optional: bool = False,
    headers: Mapping[str, str] | None = None,
    receive: Callable[[httpx.Response], object] | None = None,
    **arguments: Any,
) -> httpx.Response:
    """Send a request, again if a pod fails; further arguments are httpx's.

    `receive`: reads an accepted answer as it comes, from its start in each attempt. `attempts`: 1 for a request that
    must not arrive twice. `optional`: a ready backend may lack this, so a 503 is a refusal and not an outage. Raises
    `Refused` and `BackendDown`.
    """
    problem = ""
    request_id = uuid4().hex  # the backend's log and answer carry it too
    sent_headers = {"X-Request-ID": request_id, "Accept-Language": language.current(), **tokens.forwarded()}
    sent_headers |= headers or {}
    for attempt in range(attempts):
        time.sleep(PAUSE_SECONDS * attempt)
        try:
            with http_client().stream(method, path, headers=sent_headers, **arguments) as response:
                (receive if receive and response.is_success else _read)(response)
        except httpx.TransportError as error:
            problem = str(error) or type(error).__name__
            _log("no answer", request_id, method, path, why=problem)
            continue
        status = response.status_code
        _log("request", request_id, method, path, status=status)
        if status in REFUSED_STATUSES or (optional and status == 503):
            raise Refused(_detail(response), _problems(response), status)
        if status in RETRIED_STATUSES:
            problem = _detail(response)
            continue
        response.raise_for_status()
        return response
    raise BackendDown(problem)


def unreadable_entries(response: httpx.Response) -> int:
    """How many entries of a record the backend left out because they can't be read."""
    count = response.headers.get("unreadable-entries", "")
    return int(count) if count.isdecimal() else 0


def _read(response: httpx.Response) -> None:
    """The whole body of a response. Raises `Refused` above `limits.ANSWER_BYTES`."""
    pieces, size = [], 0
    for piece in response.iter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > limits.ANSWER_BYTES:
            raise Refused(language._("the answer of the prediction service is too large for this page"))
    response._content = b"".join(pieces)  # as httpx's own read()


def _detail(response: httpx.Response) -> str:
    """The reason in an error's body; empty if another server answered, such as an ingress."""
    if "json" not in response.headers.get("content-type", ""):
        return ""
    detail = response.json().get("detail", "not ready")
    return detail if isinstance(detail, str) else "; ".join(problem["msg"] for problem in detail)


def _problems(response: httpx.Response) -> list[Problem]:
    if "json" not in response.headers.get("content-type", ""):
        return []
    detail = response.json().get("detail")
    return detail if isinstance(detail, list) else []


def _log(event: str, request_id: str, method: str, path: str, **more: object) -> None:
    """Print a line of JSON in the form of the backend's log."""
    now = datetime.now(UTC).isoformat()
    print(json.dumps({"event": event, "id": request_id, "method": method, "path": path, **more, "timestamp": now}))
