"""Performance estimated from the probabilities alone, before any crime code is known.

Confidence-based performance estimation (CBPE, as NannyML names it): if a category that is given 80 % is right in 80 %
of the reports, the mean of the answered categories' probabilities is the expected accuracy, and the mean entropy the
expected log loss. It holds while probabilities stay calibrated: where reports become other ones (covariate drift), but
not where the same report comes to mean another category (concept drift).
"""

from dataclasses import dataclass

import numpy as np

from crime.metrics.classification import MIN_PROBABILITY
from crime.monitoring.performance import week_name, week_numbers
from crime.monitoring.records import RecordedPredictions

RANGE_ERRORS = 1.96  # standard errors on each side of a 95 % range


@dataclass(frozen=True)
class Estimate:
    """An expected value, and the 95 % range of what would be measured on the same reports."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True)
class EstimatedWeek:
    """Expected accuracy and log loss of one version's `reports` predictions of a week that starts on `week`."""

    week: str
    version: str
    reports: int
    accuracy: Estimate
    log_loss: Estimate


def estimated_weeks(recorded: RecordedPredictions) -> list[EstimatedWeek]:
    """Estimates by week and version, the oldest first."""
    weeks = week_numbers(recorded.time)
    estimates = []
    for week, version in sorted(set(zip(weeks.tolist(), recorded.version.tolist(), strict=True))):
        probabilities = recorded.probabilities[(weeks == week) & (recorded.version == version)]
        accuracy, log_loss = expected_accuracy(probabilities), expected_log_loss(probabilities)
        estimates.append(EstimatedWeek(week_name(week), version, len(probabilities), accuracy, log_loss))
    return estimates


def expected_accuracy(probabilities: np.ndarray) -> Estimate:
    """Of answers with probabilities (rows, 7). The number of right ones is Poisson binomial, nearly normal."""
    top = probabilities.max(1)
    estimate = _estimate(top, top * (1 - top))
    return Estimate(estimate.expected, max(0.0, estimate.low), min(1.0, estimate.high))


def expected_log_loss(probabilities: np.ndarray) -> Estimate:
    """Of answers with probabilities (rows, 7): each category's loss, weighted by its probability."""
    losses = -np.log(np.clip(probabilities, MIN_PROBABILITY, 1))
    entropy = (probabilities * losses).sum(1)
    estimate = _estimate(entropy, (probabilities * losses**2).sum(1) - entropy**2)
    return Estimate(estimate.expected, max(0.0, estimate.low), estimate.high)


def _estimate(means: np.ndarray, variances: np.ndarray) -> Estimate:
    """The mean of independent values with these means and variances (rows,), and its range."""
    expected = float(means.mean())
    margin = RANGE_ERRORS * float(np.sqrt(np.maximum(variances, 0).sum())) / len(means)
    return Estimate(round(expected, 4), round(expected - margin, 4), round(expected + margin, 4))
