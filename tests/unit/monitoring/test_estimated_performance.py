"""Accuracy and log loss are estimated from calibrated probabilities, and the truth is in their range."""

from typing import Any

import numpy as np
import pytest
from crime.metrics.classification import log_losses
from crime.monitoring.estimated_performance import estimated_weeks, expected_accuracy, expected_log_loss
from crime.monitoring.performance import WEEK_SECONDS
from crime.monitoring.records import decode_records, encode_records

WEEK = 2_600 * WEEK_SECONDS  # 2019-10-31


def test_the_expected_accuracy_is_the_mean_probability_of_the_answers() -> None:
    probabilities = np.full((2, 7), 0.05)
    probabilities[[0, 1], [0, 3]] = [0.7, 0.7]
    estimate = expected_accuracy(probabilities)
    margin = 1.96 * np.sqrt(0.7 * 0.3 / 2)
    assert estimate.expected == pytest.approx(0.7)
    assert estimate.low == pytest.approx(0.7 - margin, abs=1e-4)
    assert estimate.high == 1


def test_the_expected_log_loss_is_the_mean_entropy() -> None:
    even = expected_log_loss(np.full((10, 7), 1 / 7))
    assert (even.expected, even.low, even.high) == pytest.approx([np.log(7)] * 3, abs=1e-4)
    certain = expected_log_loss(np.eye(7))
    assert (certain.expected, certain.low, certain.high) == pytest.approx([0] * 3, abs=1e-4)


def test_nineteen_of_twenty_outcomes_of_calibrated_answers_are_in_the_range() -> None:
    rng = np.random.default_rng(1)
    inside = np.zeros(2)
    for _ in range(400):
        probabilities = rng.dirichlet(np.full(7, 0.4), 200)
        label = (probabilities.cumsum(1) > rng.random((200, 1))).argmax(1)
        outcomes = (probabilities.argmax(1) == label).mean(), log_losses(probabilities, label).mean()
        for number, (estimate, outcome) in enumerate(
            zip((expected_accuracy(probabilities), expected_log_loss(probabilities)), outcomes, strict=True)
        ):
            inside[number] += estimate.low <= outcome <= estimate.high
    np.testing.assert_allclose(inside / 400, 0.95, atol=0.03)


def test_more_reports_narrow_the_range() -> None:
    probabilities = np.random.default_rng(2).dirichlet(np.ones(7), 50)
    for estimate in (expected_accuracy, expected_log_loss):
        few, many = estimate(probabilities), estimate(np.tile(probabilities, (16, 1)))
        assert many.expected == few.expected
        assert many.high - many.low == pytest.approx((few.high - few.low) / 4, rel=0.01)


def test_weeks_and_versions_are_estimated_apart(make_record: Any) -> None:
    records = [
        make_record("a", WEEK, share=0.5),
        make_record("b", WEEK + 1, share=0.7),
        make_record("c", WEEK, "2", share=0.9),
        make_record("d", WEEK + WEEK_SECONDS, share=0.4),
    ]
    weeks = estimated_weeks(decode_records([encode_records(records)]))
    assert [(week.week, week.version, week.reports, week.accuracy.expected) for week in weeks] == [
        ("2019-10-31", "1", 2, 0.6),
        ("2019-10-31", "2", 1, 0.9),
        ("2019-11-07", "1", 1, 0.4),
    ]
    assert weeks[0].log_loss.expected > weeks[1].log_loss.expected > 0


def test_without_predictions_there_is_no_estimate() -> None:
    assert estimated_weeks(decode_records([])) == []
