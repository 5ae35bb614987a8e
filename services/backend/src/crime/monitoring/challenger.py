"""Compares a challenger with the champion: predictions for the same reports, and log loss where labels are known."""

from dataclasses import dataclass

import numpy as np

from crime.monitoring.performance import WeeklyPerformance
from crime.monitoring.records import RecordedPredictions


@dataclass(frozen=True)
class ChallengerComparison:
    """A challenger compared with the champion.

    `answered`: predictions that the challenger answered as canary. `shadowed`: the champion's answers for which it made
    a shadow prediction; `agreement`: the share of those with the same category; `difference`: the mean total variation
    distance between the probabilities. Both log losses are over the weeks in which shadow predictions have labels; None
    without any.
    """

    version: str
    canary: float
    answered: int
    shadowed: int
    agreement: float | None
    difference: float | None
    log_loss: float | None
    champion_log_loss: float | None


def compare_challenger(
    version: str,
    canary: float,
    since: float,
    champion: str,
    recorded: RecordedPredictions,
    performance: list[WeeklyPerformance],
) -> ChallengerComparison:
    """Compare the predictions in `recorded`, shadow ones included.

    `version` and `champion` name the two versions. `since`: when the first became challenger, in seconds since
    1970; what it predicted in an earlier trial does not count.
    """
    shadows = recorded.take(recorded.shadow & (recorded.version == version) & (recorded.time >= since))
    answers = recorded.take(~recorded.shadow)
    shadow_row = {key: row for row, key in enumerate(zip(shadows.time, shadows.report_number, strict=True))}
    pairs = [
        (row, shadow_row[key])
        for row, key in enumerate(zip(answers.time, answers.report_number, strict=True))
        if key in shadow_row
    ]
    answered = answers.probabilities[np.array([pair[0] for pair in pairs], int)]
    shadowed = shadows.probabilities[np.array([pair[1] for pair in pairs], int)]
    shadow_weeks = {week.week for week in performance if week.shadow and week.version == version}
    return ChallengerComparison(
        version=version,
        canary=canary,
        answered=int(((answers.version == version) & (answers.time >= since)).sum()),
        shadowed=len(pairs),
        agreement=round(float((answered.argmax(1) == shadowed.argmax(1)).mean()), 4) if pairs else None,
        difference=round(float(np.abs(answered - shadowed).sum(1).mean() / 2), 4) if pairs else None,
        log_loss=_mean_log_loss(performance, version, True, shadow_weeks),
        champion_log_loss=_mean_log_loss(performance, champion, False, shadow_weeks),
    )


def _mean_log_loss(performance: list[WeeklyPerformance], version: str, shadow: bool, weeks: set[str]) -> float | None:
    rows = [row for row in performance if row.version == version and row.shadow == shadow and row.week in weeks]
    reports = sum(row.reports for row in rows)
    return round(sum(row.log_loss * row.reports for row in rows) / reports, 4) if reports else None
