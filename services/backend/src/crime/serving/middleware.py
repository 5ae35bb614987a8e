"""Middleware that counts, times and logs requests, and adds request ids to answers."""

import os
import re
import time
from functools import lru_cache

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crime.serving.metrics import LATENCY, REQUESTS
from crime.serving.state import AppState

log = structlog.get_logger()
METHODS = ("GET", "POST", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS")
PROBE_PATHS = ("/health", "/ready", "/metrics")  # not logged, never refused
HUNG_UP = 499  # status in log and metrics of a request whose client went, or was too slow, before its end came
BEGAN = "crime.began"  # key of a request's scope: when its body was whole, by `time.perf_counter`
REQUEST_ID = re.compile(rb"[\w.-]{1,64}")


@lru_cache(4096)
def _route_metrics(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), LATENCY.labels(route)


class RequestLog:
    """Counts, times and logs every request, and asks clients to close their connections while the process drains.

    A request keeps a valid `X-Request-ID` or gets a new one, which the answer and the log carry.
    """

    def __init__(self, app: ASGIApp, state: AppState):
        self.app, self.state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), HUNG_UP
        sent_id = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = sent_id if REQUEST_ID.fullmatch(sent_id) else os.urandom(16).hex().encode()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
                if self.state.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except BaseException:
            status = 500
            raise
        finally:
            seconds = time.perf_counter() - scope.get(BEGAN, start)
            route = getattr(scope.get("route"), "path", "(none)")
            method = scope["method"] if scope["method"] in METHODS else "(other)"
            requests, latency = _route_metrics(method, route, status)
            requests.inc()
            latency.observe(seconds)
            if scope["path"] not in PROBE_PATHS:
                log.info(
                    "request",
                    id=request_id.decode(),
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round(seconds * 1e3, 2),
                )
