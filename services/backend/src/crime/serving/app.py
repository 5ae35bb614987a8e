"""The application: its routes, its model, its health."""

import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from crime.bundle import Bundle, BundleError
from crime.registry import RegistryError, champion
from crime.serving import catalogue, predictions
from crime.serving.metrics import MODEL, Observed
from crime.settings import Settings

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso"),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
)
log = structlog.get_logger()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    try:
        state.model = champion(state.settings)
        MODEL.labels(state.model.name, state.model.version).set(1)
        log.info("model loaded", model=state.model.name, version=state.model.version)
    except (BundleError, RegistryError) as error:
        state.why_no_model = str(error)
        log.error("no model", why=str(error))
    yield
    log.info("stopped")


def create_app(settings: Settings) -> FastAPI:
    """The backend as an ASGI application; the model is loaded when it starts."""
    app = FastAPI(
        title="Crime prediction",
        summary="Categories of LAPD reports: predictions, explanations, models and features.",
        version="0.1.0",
        lifespan=_lifespan,
    )
    app.state.settings, app.state.model, app.state.why_no_model, app.state.draining = (
        settings,
        None,
        "",
        False,
    )
    app.include_router(predictions.router)
    app.include_router(catalogue.router)
    app.add_middleware(Observed, state=app.state)
    app.add_exception_handler(RequestValidationError, _wrong_input)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)

    @app.get("/", tags=["health"])
    async def root() -> dict[str, Any]:
        """What this is, and where to look."""
        return {
            "service": app.title,
            "about": app.summary,
            "docs": "/docs",
            "metrics": "/metrics",
            "ready": "/ready",
        }

    @app.get("/health", tags=["health"])
    async def health() -> dict[str, str]:
        """Alive: the process answers."""
        return {"status": "ok"}

    @app.get("/ready", tags=["health"], responses={503: {"description": "no model, or draining"}})
    async def ready() -> JSONResponse:
        """Ready to be sent requests: has a model and is not draining."""
        model: Bundle | None = app.state.model
        why = "draining" if app.state.draining else app.state.why_no_model
        version = {"model": model.name, "version": model.version} if model else {}
        if why or not model:
            return JSONResponse({"status": "not ready", "why": why, **version}, 503)
        return JSONResponse({"status": "ready", **version})

    @app.get("/metrics", tags=["health"], response_class=Response)
    def metrics() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


async def _wrong_input(request: Request, error: Exception) -> JSONResponse:
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
                "value": _shown(value),
                "msg": f"{field}: {message}",
                "type": found["type"],
            }
        )
    return JSONResponse({"detail": detail}, 422)


def _shown(value: Any) -> Any:
    """A wrong value as JSON can carry it, cut where it is long."""
    if value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int) and abs(value) < 1 << 53:
        return value
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "replace").decode()[:200]
