"""The backend's JSON answers about how good models are, and how they run: the keys that the page reads."""

from typing import NotRequired, TypedDict

from crime_ui.client.answers import CalibrationBin, DetailLevel


class CategoryScores(TypedDict):
    """Reports of a category, those answered as it, and `right`, which are both; None where there are none to divide."""

    category: str
    reports: int
    answered: int
    right: int
    precision: float | None
    recall: float | None


class AreaScores(TypedDict):
    """`guess_right`: what always guessing the most frequent category has right."""

    name: str
    reports: int
    right: int
    guess_right: int


class LevelScores(TypedDict):
    accuracy: float
    log_loss: float
    calibration_error: float
    confusion: list[list[int]]
    calibration: list[CalibrationBin]
    categories: list[CategoryScores]
    areas: list[AreaScores]


class VersionScores(TypedDict):
    version: str
    levels: dict[DetailLevel, LevelScores]


class Evaluation(TypedDict):
    """Versions on the same reports, of which `guess_accuracy` are of the most frequent category, `guess`."""

    reports: int
    first: str
    last: str
    guess: str
    guess_accuracy: float
    versions: list[VersionScores]


class Gate(TypedDict):
    """One comparison of a version with the champion."""

    name: str
    passed: bool
    reason: str


class ModelVersion(TypedDict):
    """A registered version. `created`: milliseconds since 1970; a backend may leave out `gates`."""

    version: str
    aliases: list[str]
    created: int | None
    tags: dict[str, str]
    gates: NotRequired[list[Gate]]


class RegisteredModel(TypedDict):
    """A model's versions, the newest first. `promotion_on`: decisions can be made, as a token is configured."""

    versions: list[ModelVersion]
    promotion_on: NotRequired[bool]


class Decision(TypedDict):
    """A promotion or rollback that was carried out. `warning`: what went wrong all the same, if anything did."""

    version: str
    gates: list[Gate]
    warning: NotRequired[str]


class AuditEntry(TypedDict):
    """A recorded decision about a model's versions; `at` is an ISO 8601 time.

    `outcome`: done, failed, not known or not recorded, with its `problem`; a backend of the release before has neither.
    """

    at: str
    what: str
    model: str
    version: str
    by: str
    why: str | None
    outcome: NotRequired[str]
    problem: NotRequired[str | None]


class Challenger(TypedDict):
    """How the challenger compares with the champion on recorded predictions; None where nothing is known yet."""

    version: str
    canary: float
    answered: int
    shadowed: int
    agreement: float | None
    difference: float | None
    log_loss: float | None
    champion_log_loss: float | None


class ValueShares(TypedDict):
    """The share of the reports with a value: in training (`reference`) and `live`. `value`: -1 for all others."""

    value: str
    name: str
    reference: float
    live: float


class FeatureDrift(TypedDict):
    """`values`: a backend of the release before leaves them out."""

    feature: str
    reports: int
    psi: float
    js: float
    p: float
    drifted: bool
    values: NotRequired[list[ValueShares]]


class DriftPeriod(TypedDict):
    """PSI by feature over the predictions up to `until`."""

    until: str
    psi: dict[str, float]


class WeekOfPerformance(TypedDict):
    """Scores of one version over one week, once the crime codes were known."""

    week: str
    version: str
    reports: int
    accuracy: float
    log_loss: float
    ece: float


class Estimate(TypedDict):
    """An expected value with its 95 % range."""

    expected: float
    low: float
    high: float


class EstimatedWeek(TypedDict):
    """What is expected of one version's predictions of a week, before crime codes are known."""

    week: str
    version: str
    reports: int
    accuracy: Estimate


class Drift(TypedDict):
    """The latest predictions compared with the training data; `features` is empty while there are too few.

    `performance` and `estimated`: by week, the oldest first. `unreadable`: files that were left out.
    """

    model_version: str
    reports: int
    features: list[FeatureDrift]
    history: list[DriftPeriod]
    performance: list[WeekOfPerformance]
    estimated: NotRequired[list[EstimatedWeek]]
    unreadable: NotRequired[int]


class TrafficMinute(TypedDict):
    """Predictions and explanations of the minute up to `until`, in seconds since 1970; latency by quantile."""

    until: float
    requests: int
    failed: int
    seconds: dict[str, float | None]


class Pod(TypedDict):
    """One backend pod. `serving`: version by model; `seconds`: latency by quantile ("0.5", "0.95").

    `minutes`: of the last hours, the oldest first; a backend of the release before leaves them out.
    """

    pod: str
    started: float
    serving: dict[str, str]
    trouble: dict[str, str]
    requests: int
    seconds: dict[str, float | None]
    minutes: NotRequired[list[TrafficMinute]]
