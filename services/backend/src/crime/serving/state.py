"""What the routes share: the model that answers now, and the settings."""

from typing import Any

from fastapi import HTTPException, Request

from crime.bundle import Bundle
from crime.forecast import RISK, Forecast
from crime.registry import MODEL
from crime.serving.following import Following
from crime.serving.recording import Recorder
from crime.settings import Settings


def model_of(request: Request) -> Bundle:
    """The loaded model. Raises 503 while there is none."""
    model: Bundle = _serving(request, MODEL, "model")
    return model


def forecast_of(request: Request) -> Forecast:
    """The loaded forecast. Raises 503 while there is none; predictions don't need it."""
    forecast: Forecast = _serving(request, RISK, "forecast")
    return forecast


def _serving(request: Request, name: str, what: str) -> Any:
    models = following_of(request)
    if name not in models.serving:
        raise HTTPException(503, f"no {what} to answer with: {models.trouble.get(name)}")
    return models.serving[name]


def following_of(request: Request) -> Following:
    models: Following = request.app.state.models
    return models


def recorder_of(request: Request) -> Recorder:
    recorder: Recorder = request.app.state.recorder
    return recorder


def settings_of(request: Request) -> Settings:
    return request.app.state.settings
