"""The FastAPI application: state, routes, middleware, and what runs beside the requests."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi_offline import FastAPIOffline

from crime import __version__
from crime.core.settings import Settings
from crime.monitoring.review_decisions import ReviewDecisions
from crime.registry.lookup import open_file_store, open_registry
from crime.serving.admission import AdmissionControl
from crime.serving.direct import DirectAnswers
from crime.serving.errors import REFUSED_RESPONSES, add_error_handlers
from crime.serving.middleware import RequestLog
from crime.serving.model_manager import ModelManager
from crime.serving.prediction_service import PredictionService
from crime.serving.recorder import Recorder
from crime.serving.routes import (
    batches,
    catalogue,
    forecasts,
    health,
    identity,
    kserve,
    mlflow_scoring,
    models,
    monitoring,
    open_inference,
    predictions,
    reports,
    review,
    week,
)
from crime.serving.state import AppState
from crime.serving.translation import TranslatedAnswers

ROUTES = (
    predictions,
    batches,
    mlflow_scoring,
    open_inference,
    kserve,
    models,
    catalogue,
    reports,
    forecasts,
    week,
    review,
    monitoring,
    identity,
    health,
)
log = structlog.get_logger()


def create_app(settings: Settings) -> FastAPI:
    """The backend as an ASGI application; it loads its models when it starts."""
    registry = open_registry(settings)
    manager = ModelManager(settings, registry)
    recorder = Recorder(settings, manager, open_file_store(settings, registry))
    predictions = PredictionService(manager, recorder)
    state = AppState(settings, manager, recorder, predictions, ReviewDecisions(registry))
    traced = any(os.environ.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") for name in ("", "TRACES_"))
    app = FastAPIOffline(  # its /docs is served from here, not from a CDN
        redoc_url=None,
        title="Crime prediction",
        summary="Categories of LAPD reports: predictions, explanations, models and features.",
        version=__version__,
        lifespan=_lifespan,
        # traces go where OpenTelemetry's standard variables say, and nowhere if they are not set
        telemetry={"auto_configure": True, "tracing": traced, "metrics": False, "logs": False},
    )
    app.state.backend = state
    for module in ROUTES:
        app.include_router(module.router, responses={} if module is health else REFUSED_RESPONSES)
    if not traced:  # FastAPI makes the span of a request where it finds the route, which DirectAnswers skips
        app.add_middleware(DirectAnswers, handlers=app.exception_handlers)
    app.add_middleware(AdmissionControl, state=state)
    if settings.oidc_issuer:
        _add_doors(app, state)
    app.add_middleware(RequestLog, state=state)
    app.add_middleware(TranslatedAnswers)
    add_error_handlers(app, [route for module in ROUTES for route in module.router.routes])
    return app


def _add_doors(app: FastAPI, state: AppState) -> None:
    from crime.serving.sign_in.doors import Doors
    from crime.serving.sign_in.tokens import Tokens  # takes 50 ms

    state.tokens = Tokens(state.settings)
    app.add_middleware(Doors, settings=state.settings, tokens=state.tokens)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: AppState = app.state.backend
    await state.models.start()
    gc.collect()
    gc.enable()  # `__main__` had it off
    gc.freeze()  # keep start-up objects out of garbage collection, whose full passes pause requests by 50 ms
    beside = [state.models.follow(), state.recorder.run(), state.traffic.run()]
    if state.tokens:
        beside.append(state.tokens.follow())
    tasks = [asyncio.create_task(work) for work in beside]
    yield
    for task in tasks:
        task.cancel()
    await run_in_threadpool(state.recorder.flush)
    log.info("stopped")
