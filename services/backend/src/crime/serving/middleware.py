"""Prometheus metrics, and the middleware that counts and logs requests."""

import os
import re
import time
from functools import lru_cache
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crime.serving.metrics import LATENCY, REQUESTS

log = structlog.get_logger()
METHODS = ("GET", "POST", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS")
PROBE_PATHS = ("/health", "/ready", "/metrics")
# answers are data for the one who asked: no page to be framed, no other type than is said, nothing for a cache
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
]
REQUEST_ID = re.compile(rb"[\w.-]{1,64}")


@lru_cache(4096)
def _route_metrics(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), LATENCY.labels(route)


class RequestLog:
    """Counts, times and logs every request; while draining asks clients to close their connections.

    A request keeps the `X-Request-ID` that it came with, or gets one; the answer and the log carry it.
    """

    def __init__(self, app: ASGIApp, state: Any):
        self.app, self.state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if REQUEST_ID.fullmatch(given) else os.urandom(16).hex().encode()

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id), *SECURITY_HEADERS]
                if self.state.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self.app(scope, receive, observed)
        finally:
            took = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "(none)")
            method = scope["method"] if scope["method"] in METHODS else "(other)"
            requests, latency = _route_metrics(method, route, status)
            requests.inc()
            latency.observe(took)
            if scope["path"] not in PROBE_PATHS:
                log.info(
                    "request",
                    id=request_id.decode(),
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round(took * 1e3, 2),
                )
