"""Bodies of the model management routes."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[str, Field(max_length=20, pattern="^[0-9]+$")]
Who = Annotated[str, Field(max_length=200)]


class ModelSummary(BaseModel):
    """A registered model. `aliases`: the version by alias."""

    name: str
    description: str
    latest_version: str
    aliases: dict[str, str]


class Models(BaseModel):
    """`source`: `mlflow`, or `bundle` where no registry can be reached and only the served models are known."""

    source: str
    models: list[ModelSummary]


class Gate(BaseModel):
    """The outcome of one comparison with the champion. `reason`: the figures that were compared."""

    name: str
    passed: bool
    reason: str


class ModelVersion(BaseModel):
    """`metrics`: by detail level, or by group of a forecast. `gates`: results of its last promotion."""

    version: str
    aliases: list[str]
    created: int | None = None
    run_id: str | None = None
    tags: dict[str, str] = {}
    gates: list[Gate] = []
    metrics: dict[str, dict[str, float]]


class Model(BaseModel):
    """`serving`: what training recorded about the version that answers now."""

    name: str
    source: str
    versions: list[ModelVersion]
    serving: dict[str, Any]


class Promotion(BaseModel):
    """`version`: the latest if left out. `force`: the reason to promote it although a gate failed. `by`: who decides.

    `by` and `force` are recorded.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    version: Number | None = None
    by: Who = "api"
    force: Annotated[str, Field(min_length=3, max_length=500)] | None = None


class Decision(BaseModel):
    """`gates`: each comparison with the champion, with its reason."""

    name: str
    version: str
    gates: list[Gate]


class Rollback(BaseModel):
    """Return to the champion before. `by`: who decides, which is recorded."""

    by: Who = "api"


class Challenge(BaseModel):
    """`canary`: the share of single predictions that the challenger answers; 0 for shadow predictions alone."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    version: Number
    canary: Annotated[float, Field(ge=0, le=1)] = 0.0
    by: Who = "api"


class Challenger(BaseModel):
    """A challenger compared with the champion.

    `answered`: predictions that the challenger answered as canary. `shadowed`: the champion's answers for which it
    made a shadow prediction; `agreement`: the share of them with the same category; `difference`: the mean total
    variation distance between the probabilities. Both log losses are null until such reports have labels
    (`crime drift --data`, `crime retrain`).
    """

    version: str
    canary: float
    answered: int
    shadowed: int
    agreement: float | None
    difference: float | None
    log_loss: float | None
    champion_log_loss: float | None


class Act(BaseModel):
    """A decision about a version. `at`: ISO 8601 in UTC; `what`: promote, rollback, challenge or withdraw."""

    at: str
    what: str
    model: str
    version: str
    by: str
    why: str | None = None
