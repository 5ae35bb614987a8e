"""The state of the running application."""

import asyncio
from dataclasses import dataclass, field

from crime.core.settings import Settings
from crime.monitoring.review_decisions import ReviewDecisions
from crime.serving.model_manager import ModelManager
from crime.serving.prediction_service import PredictionService
from crime.serving.recorder import Recorder
from crime.serving.traffic import Traffic


@dataclass
class AppState:
    """The application's state, as `app.state.backend`. `draining`: the process is ending and answers its last requests.

    `open_requests`: requests that wait or are being answered; the server puts its own set here.
    """

    settings: Settings
    models: ModelManager
    recorder: Recorder
    predictions: PredictionService
    review_decisions: ReviewDecisions
    traffic: Traffic = field(default_factory=Traffic)
    draining: bool = False
    open_requests: set[asyncio.Task[None]] = field(default_factory=set)
