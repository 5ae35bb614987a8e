"""What the routes share: the model that answers now, and the settings."""

from typing import Any

from fastapi import HTTPException, Request

from crime.classifier.bundle import CategoryBundle
from crime.core.model_names import CATEGORY_MODEL, FORECAST_MODEL
from crime.core.settings import Settings
from crime.forecaster.bundle import ForecastBundle
from crime.serving.model_manager import ModelManager
from crime.serving.recorder import Recorder


def model_of(request: Request) -> CategoryBundle:
    """The loaded model. Raises 503 while there is none."""
    model: CategoryBundle = _serving(request, CATEGORY_MODEL, "model")
    return model


def forecast_of(request: Request) -> ForecastBundle:
    """The loaded forecast. Raises 503 while there is none; predictions don't need it."""
    forecast: ForecastBundle = _serving(request, FORECAST_MODEL, "forecast")
    return forecast


def _serving(request: Request, name: str, what: str) -> Any:
    models = manager_of(request)
    if name not in models.serving:
        raise HTTPException(503, f"no {what} to answer with: {models.trouble.get(name)}")
    return models.serving[name]


def manager_of(request: Request) -> ModelManager:
    models: ModelManager = request.app.state.models
    return models


def recorder_of(request: Request) -> Recorder:
    recorder: Recorder = request.app.state.recorder
    return recorder


def settings_of(request: Request) -> Settings:
    return request.app.state.settings
