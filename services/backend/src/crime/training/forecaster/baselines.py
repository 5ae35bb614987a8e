"""Expected reports by place and day, up to 28 days ahead: the model `crime-risk`, and the baselines it has to beat.

A smoothed rate first, then what is left. At an origin (the end of a day) every place has several rates, each an
exponentially weighted mean of its known reports over their exposure (calendar x share known by now), with another
half-life; long rates of districts are shrunk towards their area (gamma-Poisson). Their non-negative combination
maximises the Poisson likelihood of the weeks before the origin, apart for four ranges of the horizon: short
half-lives carry near repeats, and fade. LightGBM starts from that (`init_score`) and learns what it leaves.
All of it sees what had been reported by the origin, nothing later.
"""

import numpy as np
from scipy import signal

from crime.forecaster.bundle import HORIZON_DAYS
from crime.training.forecaster.view import OriginView

KERNEL_KM = 0.5
KM_PER_DEGREE = np.array([111.0, 92.0])  # of latitude and longitude in Los Angeles
MEAN_FLOOR = 0.1  # of a place's long-run mean: no forecast says that nothing can happen
BASELINES = ("seasonal naive", "4-week mean", "long-run mean", "exponential smoothing", "KDE hot spots")


def baseline_forecasts(view: OriginView, kind: str) -> dict[str, np.ndarray]:
    """(P, 28) expected reports by each of `BASELINES`, from the same known counts."""
    counts = view.counts[kind].astype(float)
    days = np.flatnonzero(view.observed)
    counts = counts[:, days]
    ahead = np.arange(HORIZON_DAYS)
    flat = np.ones(HORIZON_DAYS)
    long_run = counts.mean(1)
    recent = counts[:, -28:].mean(1)
    week = counts[:, -7:]
    best: tuple[float, np.ndarray] | None = None
    for alpha in (0.02, 0.05, 0.1, 0.2, 0.4):
        start = counts[:, :28].mean(1)
        smooth, _ = signal.lfilter([alpha], [1, alpha - 1], counts, axis=1, zi=(1 - alpha) * start[:, None])
        error = float(np.square(counts[:, 28:] - smooth[:, 27:-1]).mean())
        if best is None or error < best[0]:
            best = error, smooth[:, -1]
    assert best
    centres = view.centres[kind] * KM_PER_DEGREE
    distance = np.square(centres[:, None] - centres[None]).sum(2)
    kernel = np.exp(-distance / (2 * KERNEL_KM**2))
    spread = kernel @ (counts[:, -91:].sum(1) / kernel.sum(0))
    found = {
        "seasonal naive": week[:, ahead % 7] if week.shape[1] == 7 else recent[:, None] * flat,
        "4-week mean": recent[:, None] * flat,
        "long-run mean": long_run[:, None] * flat,
        "exponential smoothing": best[1][:, None] * flat,
        "KDE hot spots": spread[:, None] / max(1e-9, spread.sum()) * recent.sum() * flat,
    }
    return {name: np.maximum(mean, MEAN_FLOOR * long_run[:, None]) for name, mean in found.items()}
