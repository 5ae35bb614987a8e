"""Scores of predicted categories."""

import math

import numpy as np
import pytest
from crime.metrics.classification import calibration_bins, calibration_error, log_losses, score_predictions
from sklearn.metrics import f1_score, roc_auc_score


def predict(*rows: tuple[int, float]) -> np.ndarray:
    """(rows, 7) with a probability for one category each, the rest shared by the others."""
    probabilities = np.empty((len(rows), 7))
    for row, (category, probability) in enumerate(rows):
        probabilities[row] = (1 - probability) / 6
        probabilities[row, category] = probability
    return probabilities


def test_log_losses_are_finite_and_zero_for_certainty() -> None:
    probabilities = predict((0, 1.0), (0, 0.5), (0, 1.0))
    losses = log_losses(probabilities, np.array([0, 0, 1]))
    np.testing.assert_allclose(losses, [0, math.log(2), -math.log(1e-15)])


def test_bins_hold_confidence_accuracy_and_share() -> None:
    probabilities = predict((0, 0.95), (1, 0.95), (2, 0.5), (3, 1.0))
    bins = calibration_bins(probabilities, np.array([0, 0, 2, 3]))
    assert [bin_.share for bin_ in bins] == [0.25, 0.75]
    assert [bin_.confidence for bin_ in bins] == pytest.approx([0.5, 2.9 / 3])
    assert [bin_.accuracy for bin_ in bins] == pytest.approx([1, 2 / 3])
    assert calibration_error(bins) == pytest.approx(0.25 * 0.5 + 0.75 * 0.3)


def test_a_calibrated_forecast_has_a_small_calibration_error_and_an_overconfident_one_a_large() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(7), 20_000)
    label = (probabilities.cumsum(1) > rng.random((20_000, 1))).argmax(1)
    assert calibration_error(calibration_bins(probabilities, label)) < 0.02
    sharpened = probabilities**3 / (probabilities**3).sum(1, keepdims=True)
    assert calibration_error(calibration_bins(sharpened, label)) > 0.15


def test_scores_of_perfect_predictions() -> None:
    label = np.array([0, 1, 2, 2])
    scores = score_predictions(np.eye(7)[label], label)
    assert scores.short() == {"accuracy": 1, "weighted_f1": 1, "macro_auc": 1, "log_loss": 0, "ece": 0}
    assert np.diag(scores.confusion).tolist() == [1, 1, 2, 0, 0, 0, 0]


def test_scores_of_mixed_predictions() -> None:
    label = np.array([0, 0, 1, 1])
    scores = score_predictions(predict((0, 0.9), (1, 0.6), (1, 0.8), (1, 0.7)), label)
    assert scores.accuracy == 0.75
    assert scores.confusion[0][:2] == [1, 1]
    assert scores.macro_auc == pytest.approx(1.0)
    assert scores.weighted_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert scores.log_loss == pytest.approx(-np.log([0.9, 0.4 / 6, 0.8, 0.7]).mean())


def test_auc_is_not_a_number_if_all_reports_are_of_one_category() -> None:
    assert math.isnan(score_predictions(predict((0, 0.9), (1, 0.6)), np.array([0, 0])).macro_auc)


def test_f1_and_auc_are_those_of_scikit_learn_where_scores_are_equal() -> None:
    rng = np.random.default_rng(2)
    probabilities, label = (
        rng.dirichlet(np.ones(7), 500).round(1),
        rng.integers(0, 6, 500),
    )  # the last category is in none
    scores = score_predictions(probabilities, label)
    aucs = [roc_auc_score(label == category, probabilities[:, category]) for category in range(6)]
    assert scores.macro_auc == pytest.approx(np.mean(aucs))
    f1 = f1_score(label, probabilities.argmax(1), average="weighted", zero_division=0)
    assert scores.weighted_f1 == pytest.approx(f1)
