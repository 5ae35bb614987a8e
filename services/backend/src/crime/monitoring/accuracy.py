"""The accuracy of a version's latest answers, beside what training measured on reports of the same detail levels."""

from crime.classifier.bundle import CategoryBundle
from crime.monitoring.drift_report import RECENT_PREDICTIONS
from crime.monitoring.estimated_performance import expected_accuracy
from crime.monitoring.performance import WeeklyPerformance
from crime.monitoring.records import RecordedPredictions

MIN_REPORTS = 500  # fewer tell an accuracy no better than to 2 % (standard error)


def recent_accuracy(
    model: CategoryBundle, recorded: RecordedPredictions, performance: list[WeeklyPerformance]
) -> dict[str, float]:
    """Share of right answers, 0 to 1, by kind; a kind for which there are too few reports is left out.

    `expected`: on training's held-out reports, each of the latest of `recorded` (in order of time) by its detail level.
    `estimated`: by the probabilities of the same. `measured`: of the newest week of `performance` with enough reports.
    """
    accuracy = {}
    recent = recorded.take(recorded.version == model.version).take(slice(-RECENT_PREDICTIONS, None))
    if len(recent) >= MIN_REPORTS:
        held_out = {level: scores["accuracy"] for level, scores in model.spec.metrics.items() if "accuracy" in scores}
        promised = [held_out[level] for level in recent.level.tolist() if level in held_out]
        if len(promised) == len(recent):  # a bundle may tell less
            accuracy["expected"] = sum(promised) / len(promised)
        accuracy["estimated"] = expected_accuracy(recent.probabilities).expected
    own = [week for week in performance if week.version == model.version and not week.shadow]
    if measured := [week for week in own if week.reports >= MIN_REPORTS]:
        accuracy["measured"] = max(measured).accuracy
    return accuracy
