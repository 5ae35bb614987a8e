"""What the routes share: the model that answers now, and the settings."""

from fastapi import HTTPException, Request

from crime.bundle import Bundle
from crime.forecast import Forecast
from crime.settings import Settings


def model_of(request: Request) -> Bundle:
    """The loaded model. Raises 503 while there is none."""
    model: Bundle | None = request.app.state.model
    if model is None:
        raise HTTPException(503, f"no model to answer with: {request.app.state.why_no_model}")
    return model


def forecast_of(request: Request) -> Forecast:
    """The loaded forecast. Raises 503 while there is none; predictions don't need it."""
    forecast: Forecast | None = request.app.state.forecast
    if forecast is None:
        raise HTTPException(503, f"no forecast to answer with: {request.app.state.why_no_forecast}")
    return forecast


def settings_of(request: Request) -> Settings:
    return request.app.state.settings
