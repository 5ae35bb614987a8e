"""The application: its routes, its model, its health."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from crime.bundle import SPEC, Bundle, BundleError
from crime.forecast import RISK, Forecast
from crime.registry import MODEL as CATEGORY
from crime.registry import RegistryError, locate
from crime.serving import catalogue, forecasts, predictions
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


def _refresh(state: Any) -> None:
    """Load what is champion now, if it is another than what answers; what can't be loaded leaves what answers."""
    for name, attribute, why, load in (
        (CATEGORY, "model", "why_no_model", Bundle),
        (RISK, "forecast", "why_no_forecast", Forecast),
    ):
        try:
            version, directory = locate(state.settings, name)
            spec = directory / SPEC
            found = version, directory, spec.stat().st_mtime_ns if spec.exists() else 0
            if state.loaded.get(name) == found:
                setattr(state, why, "")  # what could not be looked up or loaded for a while is what answers
                continue
            fresh, old = load(directory, version), getattr(state, attribute)
        except (BundleError, RegistryError) as error:
            if getattr(state, why) != str(error):
                setattr(state, why, str(error))
                log.error(f"no {attribute}", model=name, why=str(error))
            continue
        state.loaded[name] = found
        setattr(state, attribute, fresh)
        setattr(state, why, "")
        if old:
            MODEL.remove(old.name, old.version)
        MODEL.labels(fresh.name, fresh.version).set(1)
        log.info(f"{attribute} loaded", model=fresh.name, version=fresh.version)


async def _keep_fresh(state: Any) -> None:
    while True:
        await asyncio.sleep(state.settings.refresh_seconds)
        try:
            await run_in_threadpool(_refresh, state)
        except Exception:  # whatever a new model does: the one that answers answers on, and the next look comes
            log.exception("the look for another champion failed")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    _refresh(app.state)
    watch = asyncio.create_task(_keep_fresh(app.state))
    yield
    watch.cancel()
    log.info("stopped")


def create_app(settings: Settings) -> FastAPI:
    """The backend as an ASGI application; the model is loaded when it starts."""
    app = FastAPI(
        title="Crime prediction",
        summary="Categories of LAPD reports: predictions, explanations, models and features.",
        version="0.1.0",
        lifespan=_lifespan,
    )
    state = app.state
    state.settings, state.draining, state.loaded = settings, False, {}
    state.model, state.why_no_model, state.forecast, state.why_no_forecast = None, "", None, ""
    app.include_router(predictions.router)
    app.include_router(catalogue.router)
    app.include_router(forecasts.router)
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
        version = {"model": model.name, "version": model.version} if model else {}
        forecast: Forecast | None = app.state.forecast
        version |= {"forecast": forecast.version if forecast else f"none: {app.state.why_no_forecast}"}
        if app.state.draining or not model:
            why = "draining" if app.state.draining else app.state.why_no_model
            return JSONResponse({"status": "not ready", "why": why, **version}, 503)
        # a newer champion that can't be loaded is said, and the last good one answers on
        trouble = {"trouble": app.state.why_no_model} if app.state.why_no_model else {}
        return JSONResponse({"status": "ready", **version, **trouble})

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
