"""The application: its routes, its model, its health."""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic_core import to_json

from crime.core.model_names import CATEGORY_MODEL as CATEGORY
from crime.core.settings import Settings
from crime.serving.admission import AdmissionControl
from crime.serving.errors import validation_problems
from crime.serving.middleware import RequestLog
from crime.serving.model_manager import ModelManager
from crime.serving.recorder import Recorder
from crime.serving.routes import (
    batches,
    catalogue,
    forecasts,
    mlflow_scoring,
    models,
    monitoring,
    open_inference,
    predictions,
)
from crime.serving.routes.predictions import DirectPredict

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso"),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(lambda event, **_: to_json(event, fallback=repr)),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=structlog.BytesLoggerFactory(),
    cache_logger_on_first_use=True,
)
log = structlog.get_logger()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    models: ModelManager = app.state.models
    await models.start()
    recorder: Recorder = app.state.recorder
    gc.collect()
    gc.freeze()  # what is here now stays: looking through it again and again would hold up answers for 50 ms
    tasks = [asyncio.create_task(models.follow()), asyncio.create_task(recorder.run())]
    yield
    for task in tasks:
        task.cancel()
    await run_in_threadpool(recorder.flush)
    log.info("stopped")


def create_app(settings: Settings) -> FastAPI:
    """The backend as an ASGI application; the model is loaded when it starts."""
    traced = any(os.environ.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") for name in ("", "TRACES_"))
    app = FastAPI(
        title="Crime prediction",
        summary="Categories of LAPD reports: predictions, explanations, models and features.",
        version="0.1.0",
        lifespan=_lifespan,
        # traces go where OpenTelemetry's standard variables say, and nowhere if they are not set
        telemetry={"auto_configure": True, "tracing": traced, "metrics": False, "logs": False},
    )
    state = app.state
    state.settings, state.draining, state.models = settings, False, ModelManager(settings)
    state.requests = set()  # the server puts its own here
    state.recorder = Recorder(state.models)
    app.include_router(predictions.router)
    app.include_router(batches.router)
    app.include_router(mlflow_scoring.router)
    app.include_router(open_inference.router)
    app.include_router(models.router)
    app.include_router(catalogue.router)
    app.include_router(forecasts.router)
    app.include_router(monitoring.router)
    if not traced:  # a span is made where the route is found
        app.add_middleware(DirectPredict, handlers=app.exception_handlers)
    app.add_middleware(RequestLog, state=app.state)
    app.add_middleware(AdmissionControl, state=app.state)
    app.add_exception_handler(RequestValidationError, validation_problems)
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
        models: ModelManager = app.state.models
        serving = {name: model.version for name, model in models.serving.items()}
        # a champion that can't be had is said, and the last good one answers on
        body = {"serving": serving, "trouble": models.trouble, "registry": str(models.registry)}
        if app.state.draining or not models.model:
            why = "draining" if app.state.draining else models.trouble.get(CATEGORY, "no model yet")
            return JSONResponse({"status": "not ready", "why": why, **body}, 503)
        return JSONResponse({"status": "ready", "model": CATEGORY, "version": models.model.version, **body})

    @app.get("/metrics", tags=["health"], response_class=Response)
    def metrics() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app
