"""Scores of forecast counts."""

from dataclasses import dataclass

import numpy as np


def poisson_deviance(reports: np.ndarray, mean: np.ndarray) -> float:
    """Mean Poisson deviance of reports (n,) from their expectations (n,), which are all above 0."""
    ratio = np.where(reports > 0, reports, 1) / mean
    return float(2 * (reports * np.log(ratio) - (reports - mean)).mean())


@dataclass(frozen=True)
class Concentration:
    """Reports in the places with the highest forecast (`hits`), and in as many places chosen with hindsight."""

    hits: float
    best_hits: float
    area_share: float  # of these places among all, each counted as one unit of area


def concentration(mean: np.ndarray, reports: np.ndarray, percent: int) -> Concentration:
    """Concentration in the `percent` of places with the highest forecast at each step, summed over the steps.

    `mean` and `reports` are (P, steps).
    """
    count = max(1, round(len(mean) * percent / 100))
    top = np.argsort(-mean, axis=0, kind="stable")[:count]
    best = -np.sort(-reports, axis=0)[:count]
    return Concentration(float(np.take_along_axis(reports, top, 0).sum()), float(best.sum()), count / len(mean))
