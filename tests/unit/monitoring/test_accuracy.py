"""The accuracy of the latest answers, as it should be, as it is estimated and as it was measured."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.monitoring.accuracy import recent_accuracy
from crime.monitoring.performance import WeeklyPerformance
from crime.monitoring.records import RecordedPredictions

WEEK = WeeklyPerformance("2026-01-01", "7", False, 600, 0.9, 0.3, 0.1)
METRICS = {"overall": {"accuracy": 0.9}, "report": {"accuracy": 0.95}, "place_time": {"accuracy": 0.55}}


def model(**metrics: dict[str, float]) -> CategoryBundle:
    return cast(CategoryBundle, SimpleNamespace(version="7", spec=SimpleNamespace(metrics=METRICS | metrics)))


def recorded(count: int, top: float, level: str = "report", version: str = "7") -> RecordedPredictions:
    """Answers of one level, each with this probability of its category."""
    probabilities = np.full((count, 7), (1 - top) / 6)
    probabilities[:, 0] = top
    texts = {name: np.full(count, text, object) for name, text in (("level", level), ("version", version))}
    zeros = np.zeros(count)
    return RecordedPredictions(
        time=zeros, shadow=zeros > 0, label=zeros.astype(int), probabilities=probabilities, report_number=zeros,
        fields={}, **texts,
    )  # fmt: skip


@pytest.mark.parametrize(("level", "promised"), [("report", 0.95), ("place_time", 0.55)])
def test_answers_are_compared_with_training_at_their_own_detail(level: str, promised: float) -> None:
    accuracy = recent_accuracy(model(), recorded(600, 0.8, level), [])
    assert accuracy == {"expected": pytest.approx(promised), "estimated": pytest.approx(0.8)}


def test_too_few_answers_and_those_of_other_versions_say_nothing() -> None:
    assert recent_accuracy(model(), recorded(499, 0.8), []) == {}
    assert recent_accuracy(model(), recorded(600, 0.8, version="6"), []) == {}


def test_the_newest_week_with_enough_reports_is_what_was_measured() -> None:
    weeks = [
        WEEK,
        replace(WEEK, week="2026-01-08", accuracy=0.7),
        replace(WEEK, week="2026-01-15", accuracy=0.1, reports=20),
        replace(WEEK, week="2026-01-15", accuracy=0.2, shadow=True),
        replace(WEEK, week="2026-01-15", accuracy=0.3, version="6"),
    ]
    assert recent_accuracy(model(), recorded(0, 0.8), weeks) == {"measured": 0.7}


def test_a_bundle_that_tells_no_accuracy_of_a_level_promises_none() -> None:
    assert recent_accuracy(model(report={}), recorded(600, 0.8), []) == {"estimated": pytest.approx(0.8)}
