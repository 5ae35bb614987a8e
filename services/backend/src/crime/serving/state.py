"""What the routes share: the model that answers now, and the settings."""

from fastapi import HTTPException, Request

from crime.bundle import Bundle
from crime.settings import Settings


def model_of(request: Request) -> Bundle:
    """The loaded model. Raises 503 while there is none."""
    model: Bundle | None = request.app.state.model
    if model is None:
        raise HTTPException(503, f"no model to answer with: {request.app.state.why_no_model}")
    return model


def settings_of(request: Request) -> Settings:
    return request.app.state.settings
