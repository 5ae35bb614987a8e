"""Answers of the monitoring routes."""

from dataclasses import asdict

from pydantic import BaseModel

from crime.classifier.bundle import CategoryBundle
from crime.metrics.drift import FeatureDrift
from crime.monitoring.drift_report import DriftReport
from crime.monitoring.value_names import value_name


class Period(BaseModel):
    """`psi`: by feature, of the predictions of this period; `until`: when its last one was made."""

    until: str
    reports: int
    psi: dict[str, float]


class Week(BaseModel):
    """Performance of a version's predictions of one week, by labels that came later.

    A challenger's shadow predictions have ` (shadow)` after the version.
    """

    week: str
    version: str
    reports: int
    accuracy: float
    log_loss: float
    ece: float


class Estimate(BaseModel):
    """An expected value, and the 95 % range of what would be measured on the same reports."""

    expected: float
    low: float
    high: float


class EstimatedWeek(BaseModel):
    """Accuracy and log loss of a version's predictions of one week, expected from their probabilities alone.

    True as long as the probabilities are calibrated: not where reports come to mean other categories (concept drift).
    """

    week: str
    version: str
    reports: int
    accuracy: Estimate
    log_loss: Estimate


class ValueShares(BaseModel):
    """The share of the reports that have a value, in training (`reference`) and `live`. `value`: -1 for all others."""

    value: str
    name: str
    reference: float
    live: float


class Drift(BaseModel):
    """`psi`: population stability index, less what chance alone explains. `js`: Jensen-Shannon distance, 0 to 1.

    `p`: of the chi-square test. `values`: the shares that are compared; rare values are counted together.
    """

    feature: str
    reports: int
    psi: float
    js: float
    p: float
    drifted: bool = False
    values: list[ValueShares]


class Drifts(BaseModel):
    """`features`: the most drifted first. `history` (drift over time), `performance` and `estimated`: the oldest first.

    Only live predictions count: tables that were sent with `record=false` are not among them. `unreadable`: files of
    recorded predictions, or of their performance, that can't be read and are left out.
    """

    model_name: str
    model_version: str
    reports: int
    since: str | None
    drifted: bool
    features: list[Drift]
    history: list[Period]
    performance: list[Week]
    estimated: list[EstimatedWeek]
    unreadable: int = 0

    @classmethod
    def from_report(cls, report: DriftReport, model: CategoryBundle) -> "Drifts":
        """`model`: the one that the report compares with."""
        return cls(
            model_name=report.model_name,
            model_version=report.model_version,
            reports=report.reports,
            since=report.since,
            drifted=report.drifted,
            features=[_drift(feature, model) for feature in report.features],
            history=[Period(**asdict(period)) for period in report.history],
            performance=[Week(**week.as_json()) for week in report.performance],
            estimated=[EstimatedWeek(**asdict(week)) for week in report.estimated],
            unreadable=report.unreadable,
        )


def _drift(feature: FeatureDrift, model: CategoryBundle) -> Drift:
    values = [
        ValueShares(**asdict(shares), name=value_name(model, feature.feature, shares.value))
        for shares in feature.values
    ]
    return Drift(**asdict(feature) | {"values": values})


class TrafficMinute(BaseModel):
    """Predictions and explanations of the minute up to `until`, in seconds since 1970.

    `failed`: with a status of 500 or more. `seconds`: as in `Pod`.
    """

    until: float
    requests: int
    failed: int
    seconds: dict[str, float | None]


class Pod(BaseModel):
    """One backend pod: the versions it answers with, and its predictions and explanations since it started.

    `seconds`: the median and the 95th percentile of their latency, each rounded up to a bucket of the histogram.
    `minutes`: of the last three hours, the oldest first.
    """

    pod: str
    started: float
    serving: dict[str, str]
    trouble: dict[str, str]
    requests: int
    seconds: dict[str, float | None]
    minutes: list[TrafficMinute]
