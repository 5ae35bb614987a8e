"""The drift report: whether the latest predictions resemble the data that the champion was trained on."""

from dataclasses import dataclass
from datetime import UTC, datetime

from crime.classifier.bundle import CategoryBundle
from crime.metrics.drift import MIN_REPORTS, FeatureDrift, compare_to_reference
from crime.monitoring.estimated_performance import EstimatedWeek, estimated_weeks
from crime.monitoring.performance import WeeklyPerformance
from crime.monitoring.records import RecordedPredictions

RECENT_PREDICTIONS = 1_000  # compared with the reference; more would hide a drift that has just begun
MAX_PERIODS = 12  # of the history


@dataclass(frozen=True)
class DriftPeriod:
    """Population stability index by feature, of consecutive predictions. `until`: time of the last one, in UTC."""

    until: str
    reports: int
    psi: dict[str, float]


@dataclass(frozen=True)
class DriftReport:
    """`reports`: recent predictions compared, the first made at `since`. `features`: the most drifted first.

    `history`, `performance` (by crime codes that came later) and `estimated` (without them): the oldest first.
    `unreadable`: files of the record that were left out.
    """

    model_name: str
    model_version: str
    reports: int
    since: str | None
    drifted: bool
    features: list[FeatureDrift]
    history: list[DriftPeriod]
    performance: list[WeeklyPerformance]
    estimated: list[EstimatedWeek]
    unreadable: int = 0


def drift_report(
    model: CategoryBundle, recorded: RecordedPredictions, performance: list[WeeklyPerformance], unreadable: int = 0
) -> DriftReport:
    """Compare the latest of `recorded`, in order of time, with the reference in the model's bundle."""
    recent = recorded.take(slice(-RECENT_PREDICTIONS, None))
    features = _compare(model, recent)
    period = max(MIN_REPORTS, -(-len(recorded) // MAX_PERIODS))
    history = []
    for first in range(0, len(recorded), period):
        part = recorded.take(slice(first, first + period))
        psi = {drift.feature: drift.psi for drift in _compare(model, part)}
        if psi:
            history.append(DriftPeriod(_utc(part.time[-1]), len(part), psi))
    return DriftReport(
        model_name=model.name,
        model_version=model.version,
        reports=len(recent),
        since=_utc(recent.time[0]) if len(recent) else None,
        drifted=any(drift.drifted for drift in features),
        features=features,
        history=history,
        performance=performance,
        estimated=estimated_weeks(recorded),
        unreadable=unreadable,
    )


def _compare(model: CategoryBundle, recorded: RecordedPredictions) -> list[FeatureDrift]:
    return compare_to_reference(model.spec.reference, recorded.fields, recorded.level, recorded.label)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
