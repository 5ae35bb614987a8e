"""Expected reports by place and day, up to 28 days ahead: the model `crime-risk`, and the baselines it has to beat.

A smoothed rate first, then what is left. At an origin (the end of a day) every place has several rates, each an
exponentially weighted mean of its known reports over their exposure (calendar x share known by now), with another
half-life; long rates of districts are shrunk towards their area (gamma-Poisson). Their non-negative combination
maximises the Poisson likelihood of the weeks before the origin, apart for four ranges of the horizon: short
half-lives carry near repeats, and fade. LightGBM starts from that (`init_score`) and learns what it leaves.
All of it sees what had been reported by the origin, nothing later.
"""

import numpy as np


def poisson_deviance(reports: np.ndarray, mean: np.ndarray) -> float:
    """Mean Poisson deviance of expected reports, all above 0."""
    ratio = np.where(reports > 0, reports, 1) / mean
    return float(2 * (reports * np.log(ratio) - (reports - mean)).mean())


def concentration(mean: np.ndarray, reports: np.ndarray, percent: int) -> tuple[float, float, float]:
    """Reports in the `percent` of places with the highest forecast, in as many places at best, and the places' share.

    Summed over steps; (P, steps) each. A place counts as one unit of area.
    """
    chosen = max(1, round(len(mean) * percent / 100))
    rank = np.argsort(-mean, axis=0, kind="stable")[:chosen]
    best = -np.sort(-reports, axis=0)[:chosen]
    return float(np.take_along_axis(reports, rank, 0).sum()), float(best.sum()), chosen / len(mean)
