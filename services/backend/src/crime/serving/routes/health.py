"""Health: what the service is, whether it is alive and ready, and its metrics."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from crime.core.model_names import CATEGORY_MODEL
from crime.registry.kinds import Model
from crime.reports.freshness import USUAL_LAG_DAYS, days_behind
from crime.serving.dependencies import state_of
from crime.serving.errors import REFUSED_RESPONSES
from crime.serving.model_manager import data_until

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


@router.get("/ready", responses={503: {"description": "no model, or draining"}})
async def ready(request: Request) -> JSONResponse:
    """Ready for requests: a category model is loaded and the process is not draining.

    `trouble` says why a registry's champion or challenger can't be loaded; the last good version answers meanwhile.
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
    if state.draining or model is None:
        why = "draining" if state.draining else models.trouble.get(CATEGORY_MODEL, "no model yet")
        return JSONResponse({"status": "not ready", "why": why, **status}, 503)
    return JSONResponse({"status": "ready", "model": CATEGORY_MODEL, "version": model.version, **status})


def _age_of(model: Model) -> dict[str, Any]:
    until = data_until(model)
    return {"data_until": until, "days_behind": days_behind(until or "")}


@router.get("/metrics", response_class=Response)
def metrics() -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
