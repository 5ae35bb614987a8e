"""Dependencies of routes: the models, the prediction service, the recorder, the settings.

Routes on the hot path call the functions; the others declare the annotated types, which FastAPI injects.
"""

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from crime.classifier.bundle import CategoryBundle
from crime.core.model_names import CATEGORY_MODEL, FORECAST_MODEL
from crime.core.settings import Settings
from crime.forecaster.bundle import ForecastBundle
from crime.monitoring.review_decisions import ReviewDecisions
from crime.serving.model_manager import ModelManager
from crime.serving.prediction_service import PredictionService
from crime.serving.recorder import Recorder
from crime.serving.state import AppState


def state_of(request: Request) -> AppState:
    """The application's state."""
    state: AppState = request.app.state.backend
    return state


def manager_of(request: Request) -> ModelManager:
    """The manager of the models that answer."""
    return state_of(request).models


def recorder_of(request: Request) -> Recorder:
    """The recorder of predictions."""
    return state_of(request).recorder


def predictions_of(request: Request) -> PredictionService:
    """The service that predicts."""
    return state_of(request).predictions


def settings_of(request: Request) -> Settings:
    """The settings that the backend was started with."""
    return state_of(request).settings


def model_of(request: Request) -> CategoryBundle:
    """The category model. Raises 503 while there is none."""
    models = manager_of(request)
    model = models.category_model
    if model is None:
        raise HTTPException(503, f"no model to answer with: {models.trouble.get(CATEGORY_MODEL)}")
    return model


def named_model(request: Request, name: str, version: str | None = None) -> CategoryBundle:
    """The category model. Raises 404 unless it has this name and, if given, this version; 503 while there is none."""
    model = model_of(request)
    if name != CATEGORY_MODEL or version not in (None, model.version):
        raise HTTPException(404, f"no model {name!r}" + (f" version {version!r}" if version else ""))
    return model


def loaded_forecast(models: ModelManager) -> ForecastBundle:
    """The forecast. Raises 503 while there is none; predictions don't need it."""
    forecast = models.forecast
    if forecast is None:
        raise HTTPException(503, f"no forecast to answer with: {models.trouble.get(FORECAST_MODEL)}")
    return forecast


# async: FastAPI would call a plain function in a thread


async def _models(request: Request) -> ModelManager:
    return manager_of(request)


async def _recorder(request: Request) -> Recorder:
    return recorder_of(request)


async def _review_decisions(request: Request) -> ReviewDecisions:
    return state_of(request).review_decisions


async def _settings(request: Request) -> Settings:
    return settings_of(request)


ModelManagerDep = Annotated[ModelManager, Depends(_models)]
RecorderDep = Annotated[Recorder, Depends(_recorder)]
ReviewDecisionsDep = Annotated[ReviewDecisions, Depends(_review_decisions)]
SettingsDep = Annotated[Settings, Depends(_settings)]
