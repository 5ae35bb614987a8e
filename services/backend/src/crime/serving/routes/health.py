"""Health: what the service is, whether it is alive and ready, and its metrics."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from crime.core.model_names import CATEGORY_MODEL
from crime.registry.kinds import Model, data_until
from crime.reports.freshness import USUAL_LAG_DAYS, days_behind
from crime.serving.dependencies import state_of
from crime.serving.errors import REFUSED_RESPONSES
from crime.serving.state import AppState

router = APIRouter(tags=["health"])


@router.get("/", responses=REFUSED_RESPONSES)
async def root(request: Request) -> dict[str, Any]:
    """What this service is, its version, and where to look next."""
    return {
        "status": "alive",  # which KServe's first protocol looks for
        "service": request.app.title,
        "about": request.app.summary,
        "version": request.app.version,
        "docs": "/docs",
        "metrics": "/metrics",
        "ready": "/ready",
    }


@router.get("/health")
async def health() -> dict[str, str]:
    """Alive: the process answers."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"description": "no model, no key of the sign-in provider, or draining"}})
async def ready(request: Request) -> JSONResponse:
    """Ready for requests: a category model is loaded and the process is not draining.

    `trouble` says why a registry's champion or challenger can't be loaded; the last good version answers meanwhile.
    With sign-in, `sign_in` says why the provider's keys can't be renewed; not ready before they were fetched once.
    `data` tells the last day of the reports that each model was made from, and how many days that is behind today.
    """
    state = state_of(request)
    models, model = state.models, state.models.category_model
    status = {
        "serving": {name: served.version for name, served in models.serving.items()},
        "trouble": models.trouble,
        "registry": str(models.registry),
        "data": {name: _age_of(served) for name, served in models.serving.items()},
        "usual_days_behind": USUAL_LAG_DAYS,
    }
    if state.tokens:
        status["sign_in"] = state.tokens.trouble or "ok"
    why = _not_ready(state)
    if why or model is None:
        return JSONResponse({"status": "not ready", "why": why, **status}, 503)
    return JSONResponse({"status": "ready", "model": CATEGORY_MODEL, "version": model.version, **status})


def _not_ready(state: AppState) -> str:
    """Why no request is welcome yet, or any more; blank if all are."""
    if state.draining:
        return "draining"
    if state.models.category_model is None:
        return state.models.trouble.get(CATEGORY_MODEL, "no model yet")
    return state.tokens.trouble if state.tokens and not state.tokens.ready else ""


def _age_of(model: Model) -> dict[str, Any]:
    until = data_until(model)
    return {"data_until": until, "days_behind": days_behind(until or "")}


@router.get("/metrics", response_class=Response)
def metrics() -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
