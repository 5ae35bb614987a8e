"""Answers of the monitoring routes."""

from dataclasses import asdict

from pydantic import BaseModel

from crime.monitoring.drift_report import DriftReport


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


class Drift(BaseModel):
    """`psi`: population stability index, less what chance alone explains. `js`: Jensen-Shannon distance, 0 to 1.

    `p`: of the chi-square test.
    """

    feature: str
    reports: int
    psi: float
    js: float
    p: float
    drifted: bool = False


class Drifts(BaseModel):
    """`features`: the most drifted first. `history` (drift over time) and `performance`: the oldest first."""

    model_name: str
    model_version: str
    reports: int
    since: str | None
    drifted: bool
    features: list[Drift]
    history: list[Period]
    performance: list[Week]

    @classmethod
    def from_report(cls, report: DriftReport) -> "Drifts":
        return cls(
            model_name=report.model_name,
            model_version=report.model_version,
            reports=report.reports,
            since=report.since,
            drifted=report.drifted,
            features=[Drift(**asdict(feature)) for feature in report.features],
            history=[Period(**asdict(period)) for period in report.history],
            performance=[Week(**week.as_json()) for week in report.performance],
        )


class Pod(BaseModel):
    """One backend pod: the versions it answers with, and its predictions and explanations since it started.

    `seconds`: the median and the 95th percentile of their latency, each rounded up to a bucket of the histogram.
    """

    pod: str
    started: float
    serving: dict[str, str]
    trouble: dict[str, str]
    requests: int
    seconds: dict[str, float | None]
