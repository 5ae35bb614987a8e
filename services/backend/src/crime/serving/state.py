"""The state of the running application."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crime.core.settings import Settings
from crime.monitoring.review_decisions import ReviewDecisions
from crime.serving.model_manager import ModelManager
from crime.serving.prediction_service import PredictionService
from crime.serving.protocol import OpenRequests
from crime.serving.recorder import Recorder
from crime.serving.traffic import Traffic

if TYPE_CHECKING:
    from crime.serving.sign_in.tokens import Tokens


@dataclass
class AppState:
    """The application's state, as `app.state.backend`. `draining`: the process is ending and answers its last requests.

    `open_requests`: those of the server, which puts its own here. `tokens`: tell who asks; None without sign-in.
    """

    settings: Settings
    models: ModelManager
    recorder: Recorder
    predictions: PredictionService
    review_decisions: ReviewDecisions
    tokens: "Tokens | None" = None
    traffic: Traffic = field(default_factory=Traffic)
    draining: bool = False
    open_requests: OpenRequests = field(default_factory=OpenRequests)
