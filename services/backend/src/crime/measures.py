"""How good probabilities were, with numpy alone: training, promotion and watching measure alike."""

import numpy as np

BINS = 15


def log_losses(probabilities: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Minus the log of the probability (rows, 7) that was given to each row's label (rows,)."""
    return -np.log(np.clip(probabilities[np.arange(len(label)), label], 1e-15, 1))


def calibration(probabilities: np.ndarray, label: np.ndarray) -> list[dict[str, float]]:
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
