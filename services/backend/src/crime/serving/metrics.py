"""Prometheus metrics, and the middleware that counts and logs requests."""

import os
import re
import time
from functools import lru_cache
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("crime_requests_total", "Requests answered", ["method", "route", "status"])
REFUSED = Counter("crime_requests_refused_total", "Requests refused because too many came at once", ["bound"])
LATENCY = Histogram(
    "crime_request_seconds",
    "Time from request to the end of the answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
PREDICTIONS = Counter("crime_predictions_total", "Predictions given", ["category", "model_version"])
SERVED = Gauge("crime_model_info", "1 for the version that answers", ["model", "version"])
SWAPS = Counter("crime_model_swaps_total", "Versions taken up from the registry without a restart", ["model"])
TROUBLE = Gauge("crime_model_trouble", "1 while the registry's champion can't be had", ["model"])
RECORDED = Counter("crime_predictions_recorded_total", "Predictions kept to see drift")
LOST = Counter("crime_predictions_unrecorded_total", "Predictions not kept, and why", ["reason"])
DRIFT = Gauge(
    "crime_drift_psi", "Population stability index of the latest predictions, less chance's share", ["feature"]
)
DRIFTED = Gauge("crime_drift", "1 while a feature or the predictions have drifted")
SHADOWED = Counter("crime_shadow_predictions_total", "A challenger's beside the champion's", ["version", "agrees"])

log = structlog.get_logger()
METHODS = ("GET", "POST", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS")
QUIET = ("/health", "/ready", "/metrics")
# answers are data for the one who asked: no page to be framed, no other type than is said, nothing for a cache
SECURE = [(b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"), (b"cache-control", b"no-store")]
GIVEN_ID = re.compile(rb"[\w.-]{1,64}")


@lru_cache(4096)
def _of(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), LATENCY.labels(route)


class Observed:
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
        request_id = given if GIVEN_ID.fullmatch(given) else os.urandom(16).hex().encode()

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id), *SECURE]
                if self.state.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self.app(scope, receive, observed)
        finally:
            took = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "(none)")
            method = scope["method"] if scope["method"] in METHODS else "(other)"
            requests, latency = _of(method, route, status)
            requests.inc()
            latency.observe(took)
            if scope["path"] not in QUIET:
                log.info(
                    "request",
                    id=request_id.decode(),
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round(took * 1e3, 2),
                )
