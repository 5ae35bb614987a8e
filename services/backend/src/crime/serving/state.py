"""What the routes share: the model that answers now, and the settings."""

from fastapi import HTTPException, Request

from crime.bundle import Bundle
from crime.forecast import RISK, Forecast
from crime.registry import MODEL
from crime.serving.following import Following
from crime.serving.recording import Recorder
from crime.settings import Settings


def model_of(request: Request) -> Bundle:
    """The loaded model. Raises 503 while there is none."""
    models = following_of(request)
    model = models.model
    if model is None:
        raise HTTPException(503, f"no model to answer with: {models.trouble.get(MODEL)}")
    return model


def forecast_of(request: Request) -> Forecast:
    """The loaded forecast. Raises 503 while there is none; predictions don't need it."""
    models = following_of(request)
    forecast = models.forecast
    if forecast is None:
        raise HTTPException(503, f"no forecast to answer with: {models.trouble.get(RISK)}")
    return forecast


def following_of(request: Request) -> Following:
    models: Following = request.app.state.models
    return models


def recorder_of(request: Request) -> Recorder:
    recorder: Recorder = request.app.state.recorder
    return recorder


def settings_of(request: Request) -> Settings:
    return request.app.state.settings
