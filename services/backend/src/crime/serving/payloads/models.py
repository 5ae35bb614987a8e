"""Bodies of the model management routes."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from crime.metrics.classification import CalibrationBin
from crime.registry.protocol import MAX_VERSION_CHARACTERS, VERSION_PATTERN, canonical_version

Number = Annotated[
    str,
    AfterValidator(canonical_version),
    Field(json_schema_extra={"pattern": VERSION_PATTERN, "maxLength": MAX_VERSION_CHARACTERS}),
]
Who = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
BY = "who decides, which is recorded; required unless sign-in tells who it is, which is then recorded instead"
Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


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
    """`serving`: what training recorded about the version that answers now.

    `promotion_on`: calls that change something are on, as a token is configured.
    """

    name: str
    source: str
    promotion_on: bool
    versions: list[ModelVersion]
    serving: dict[str, Any]


class Promotion(BaseModel):
    """`version`: the latest if left out. `by`: who decides, and `reason`: why; both are recorded.

    `force`: promote it although a gate fails.
    """

    model_config = ConfigDict(
        coerce_numbers_to_str=True,
        json_schema_extra={"examples": [{"version": "7", "by": "A. Analyst", "reason": "corrected codes, ticket 12"}]},
    )

    version: Number | None = None
    by: Who | None = Field(None, description=BY)
    reason: Why
    force: bool = False


class Told(BaseModel):
    """`warning`: what went wrong although the decision was carried out; left out where nothing did."""

    warning: str | None = None


class Decision(Told):
    """`gates`: each comparison with the champion, with its reason."""

    name: str
    version: str
    gates: list[Gate]


class Rollback(BaseModel):
    """Return to the champion before. `by`: who decides, and `reason`: why; both are recorded."""

    by: Who | None = Field(None, description=BY)
    reason: Why


class Challenge(BaseModel):
    """`canary`: the share of single predictions that the challenger answers; 0 for shadow predictions alone.

    `by`: who decides, and `reason`: why; both are recorded.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    version: Number
    canary: Annotated[float, Field(ge=0, le=1)] = 0.0
    by: Who | None = Field(None, description=BY)
    reason: Why


class Challenged(Challenge, Told):
    """The challenge that was set."""


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
    """A decision about a version. `at`: ISO 8601 in UTC; `what`: promote, rollback, challenge or withdraw.

    `outcome`: `not known` where it was interrupted, or is being carried out; releases before recorded none.
    `problem`: why it failed, or what went wrong although it is done; of one that is not known, what holds now.
    """

    at: str
    what: str
    model: str
    version: str
    by: str
    why: str | None = None
    outcome: Literal["done", "failed", "not known", "not recorded"]
    problem: str | None = None


class CategoryScores(BaseModel):
    """Of one category: `reports` that are of it, `answered` as it, and `right`, which are both.

    `precision`: right / answered, null if it was never answered. `recall`: right / reports, null if there are none.
    """

    category: str
    reports: int
    answered: int
    right: int
    precision: float | None
    recall: float | None


class AreaScores(BaseModel):
    """Of one area: `reports`, those answered `right`, and those that always guessing the most frequent has right."""

    area: int
    name: str
    reports: int
    right: int
    guess_right: int


class LevelScores(BaseModel):
    """With what comes above a detail level hidden. `confusion`: a row for each true category.

    `calibration`: bins of the answered category's probability.
    """

    accuracy: float
    log_loss: float
    calibration_error: float
    confusion: list[list[int]]
    calibration: list[CalibrationBin]
    categories: list[CategoryScores]
    areas: list[AreaScores]


class VersionScores(BaseModel):
    """`levels`: by detail level."""

    version: str
    levels: dict[str, LevelScores]


class Evaluation(BaseModel):
    """Scores of versions on the same `reports`, which happened from `first` to `last`.

    `guess`: the most frequent category of the training; `guess_accuracy`: how often always guessing it is right.
    """

    reports: int
    first: str
    last: str
    guess: str
    guess_accuracy: float
    versions: list[VersionScores]
