"""Scores of predicted categories."""

import math
from dataclasses import dataclass

import numpy as np

from crime.core.bundle_files import Share, SpecPart
from crime.reports.categories import CATEGORIES

CALIBRATION_BINS = 15  # as in Guo et al. (2017)
MIN_PROBABILITY = 1e-15  # keeps log losses finite


def log_losses(probabilities: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(rows,) minus the log of the probability (rows, 7) of each row's label (rows,)."""
    losses: np.ndarray = -np.log(np.clip(probabilities[np.arange(len(label)), label], MIN_PROBABILITY, 1))
    return losses


class CalibrationBin(SpecPart):
    """Mean confidence and accuracy of the predictions in one bin, and their share of all predictions."""

    confidence: Share
    accuracy: Share
    share: Share


def calibration_bins(probabilities: np.ndarray, label: np.ndarray) -> list[CalibrationBin]:
    """Bins of equal width of the top category's probability, empty ones left out.

    `probabilities` (rows, 7), `label` (rows,).
    """
    confidence, is_right = probabilities.max(1), probabilities.argmax(1) == label
    bin_of_row = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    for number in range(CALIBRATION_BINS):
        rows = bin_of_row == number
        if rows.any():
            mean_confidence, accuracy = float(confidence[rows].mean()), float(is_right[rows].mean())
            bins.append(CalibrationBin(confidence=mean_confidence, accuracy=accuracy, share=float(rows.mean())))
    return bins


def calibration_error(bins: list[CalibrationBin]) -> float:
    """Expected calibration error (ECE): Guo et al., On calibration of modern neural networks (2017)."""
    return float(sum(abs(bin_.accuracy - bin_.confidence) * bin_.share for bin_ in bins))


def confusion_counts(answered: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(7, 7) reports by category, a row for each true one: of answers (rows,) and labels (rows,)."""
    size = len(CATEGORIES)
    counts: np.ndarray = np.bincount(label * size + answered, minlength=size * size).reshape(size, size)
    return counts


@dataclass(frozen=True)
class Scores:
    """Scores of a set of predictions. `confusion` (7, 7) has a row for each true category."""

    accuracy: float
    weighted_f1: float
    macro_auc: float
    log_loss: float
    ece: float
    confusion: list[list[int]]
    calibration: list[CalibrationBin]

    def short(self) -> dict[str, float]:
        """The five scores that models are compared by, rounded to 6 decimals; without an AUC where there is none."""
        names = ("accuracy", "weighted_f1", "macro_auc", "log_loss", "ece")
        scores = {name: round(getattr(self, name), 6) for name in names}
        return {name: score for name, score in scores.items() if math.isfinite(score)}


def score_predictions(probabilities: np.ndarray, label: np.ndarray) -> Scores:
    """Scores of probabilities (rows, 7) against labels (rows,).

    Macro AUC is the mean one-against-rest AUC of the categories that some rows have and others don't.
    """
    classes = range(len(CATEGORIES))
    top, bins = probabilities.argmax(1), calibration_bins(probabilities, label)
    confusion = confusion_counts(top, label)
    aucs = [_auc(probabilities[:, k], label == k) for k in classes if 0 < (label == k).mean() < 1]
    return Scores(
        accuracy=float((top == label).mean()),
        weighted_f1=_weighted_f1(confusion),
        macro_auc=float(np.mean(aucs)) if aucs else float("nan"),
        log_loss=float(log_losses(probabilities, label).mean()),
        ece=calibration_error(bins),
        confusion=confusion.tolist(),
        calibration=bins,
    )


def _weighted_f1(confusion: np.ndarray) -> float:
    """Mean F1 of the categories, weighted by their reports; 0 for a category that is never answered right."""
    reports, answers = confusion.sum(1), confusion.sum(0)
    f1 = 2 * confusion.diagonal() / np.maximum(reports + answers, 1)
    return float(np.average(f1, weights=reports))


def _auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve of scores (rows,), from the mean ranks of the `positive` (rows,).

    Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic curve, Radiology 1982.
    """
    _, index, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[index]  # equal scores share their mean rank
    positives = int(positive.sum())
    above_least = float(ranks[positive].sum()) - positives * (positives + 1) / 2
    return above_least / (positives * (len(scores) - positives))
