"""How good probabilities were, with numpy alone: training, promotion and watching measure alike."""

from dataclasses import dataclass

import numpy as np

from crime.reports.categories import CATEGORIES

BINS = 15


def log_losses(probabilities: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Minus the log of the probability (rows, 7) that was given to each row's label (rows,)."""
    return -np.log(np.clip(probabilities[np.arange(len(label)), label], 1e-15, 1))


def calibration_bins(probabilities: np.ndarray, label: np.ndarray) -> list[dict[str, float]]:
    """Mean confidence, accuracy and share of rows in each of 15 equal-width bins of the top category's probability."""
    confidence, hit = probabilities.max(1), probabilities.argmax(1) == label
    bin_of = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        {"confidence": float(confidence[at].mean()), "accuracy": float(hit[at].mean()), "share": float(at.mean())}
        for at in (bin_of == b for b in range(BINS))
        if at.any()
    ]


def calibration_error(bins: list[dict[str, float]]) -> float:
    """ECE (Guo et al., On calibration of modern neural networks, 2017)."""
    return float(sum(abs(b["accuracy"] - b["confidence"]) * b["share"] for b in bins))


@dataclass(frozen=True)
class Scores:
    """What a set of predictions was worth; `confusion` (7, 7) has a row for each true category."""

    accuracy: float
    weighted_f1: float
    macro_auc: float
    log_loss: float
    ece: float
    confusion: list[list[int]]
    calibration: list[dict[str, float]]

    def short(self) -> dict[str, float]:
        """The five figures that are compared."""
        names = ("accuracy", "weighted_f1", "macro_auc", "log_loss", "ece")
        return {name: round(getattr(self, name), 6) for name in names}


def score_predictions(probabilities: np.ndarray, label: np.ndarray) -> Scores:
    """Scores of predictions (rows, 7) against labels (rows,).

    Macro AUC is one against the rest, averaged over categories that occur and do not fill the rows.
    """
    from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

    classes = range(len(CATEGORIES))
    top, bins = probabilities.argmax(1), calibration_bins(probabilities, label)
    areas = [roc_auc_score(label == k, probabilities[:, k]) for k in classes if 0 < (label == k).mean() < 1]
    return Scores(
        accuracy=float((top == label).mean()),
        weighted_f1=float(f1_score(label, top, average="weighted", zero_division=0)),
        macro_auc=float(np.mean(areas)) if areas else float("nan"),
        log_loss=float(log_losses(probabilities, label).mean()),
        ece=calibration_error(bins),
        confusion=confusion_matrix(label, top, labels=list(classes)).tolist(),
        calibration=bins,
    )
