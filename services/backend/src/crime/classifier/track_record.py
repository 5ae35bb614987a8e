"""How often answers were right on held-out reports of which the same was known as of a report."""

from dataclasses import dataclass

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.report_pool import REQUIRED_VALUES, ReportPool, filled_in, masked
from crime.reports.schema import DetailLevel

AS_SURE = 60  # held-out reports answered about as surely: a standard error of their accuracy of 6 % at most
NEAR = 0.1  # of probability, up to which an answer is about as sure
MIN_AS_SURE = 20  # with fewer, the share that was right is not told
MAX_REPORTS_OF_MANY = 500  # where each report stands with many probable values


@dataclass(frozen=True)
class TrackRecord:
    """The judged model's answers on held-out reports, as if no more were known of them than of a report.

    accuracy: share that was right among `reports`. as_sure: the same among the `as_sure_reports` that were answered
    about as surely as the report; None if they are too few.
    """

    reports: int
    accuracy: float
    as_sure_reports: int
    as_sure: float | None


@dataclass(frozen=True)
class Outcomes:
    """Of held-out reports: the probability of the likeliest category (n,), and whether it was right (n,)."""

    confidence: np.ndarray
    right: np.ndarray

    def near(self, probability: float) -> TrackRecord:
        """The record of answers in general, and of those about as sure as `probability`."""
        distance = np.abs(self.confidence - probability)
        farthest = np.sort(distance)[:AS_SURE][-1]  # equal answers count together
        right = self.right[distance <= min(farthest, NEAR)]
        as_sure = float(right.mean()) if len(right) >= MIN_AS_SURE else None
        return TrackRecord(len(self.right), float(self.right.mean()), len(right), as_sure)


def masked_outcomes(
    judged: CategoryBundle, pool: ReportPool, known: frozenset[str], level: DetailLevel, required: np.ndarray
) -> Outcomes:
    """Answer held-out reports with all columns hidden but the `known` ones.

    pool: of the judged model. required: its columns of date, time and area that are not known. The answer is then the
    mean over their values in other reports.
    """
    label, rows = pool.label, masked(judged, pool.features, known)
    if len(required):
        some = np.linspace(0, len(label) - 1, min(len(label), MAX_REPORTS_OF_MANY)).astype(int)
        label = label[some]
        rows = filled_in(rows[some], required, pool.features[:: -(-len(pool) // REQUIRED_VALUES)])
    answers = judged.predict_features(rows, level).reshape(len(label), -1, len(judged.spec.categories)).mean(1)
    return Outcomes(answers.max(1), answers.argmax(1) == label)
