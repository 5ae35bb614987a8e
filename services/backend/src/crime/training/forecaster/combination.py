"""Expected reports by place and day, up to 28 days ahead: the model `crime-risk`, and the baselines it has to beat.

A smoothed rate first, then what is left. At an origin (the end of a day) every place has several rates, each an
exponentially weighted mean of its known reports over their exposure (calendar x share known by now), with another
half-life; long rates of districts are shrunk towards their area (gamma-Poisson). Their non-negative combination
maximises the Poisson likelihood of the weeks before the origin, apart for four ranges of the horizon: short
half-lives carry near repeats, and fade. LightGBM starts from that (`init_score`) and learns what it leaves.
All of it sees what had been reported by the origin, nothing later.
"""

import numpy as np
from scipy import optimize

REWEIGHTED = 5  # passes; more change nothing
RIDGE, ADD_UP = 1e-3, 1e2
COMBINED_CELLS = 100_000


def combine_rates(components: np.ndarray, reports: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """Weights (K,), none negative, that add up to 1, of components (K, n) that make `reports` (n,) likely.

    Poisson regression with identity link by iteratively reweighted non-negative least squares. Adding up to 1 keeps
    a trend of the past from being carried on; a light ridge shares the weight among components that say the same.
    """
    if len(reports) > COMBINED_CELLS:
        some = np.random.default_rng(0).choice(len(reports), COMBINED_CELLS, replace=False)
        components, reports, exposure = components[:, some], reports[some], exposure[some]
    count = len(components)
    weights = np.full(count, 1 / count)
    if not len(reports) or reports.sum() == 0:
        return weights
    expected = components.astype(float) * exposure
    for _ in range(REWEIGHTED):
        mean = np.maximum(weights @ expected, 1e-9)
        gram, target = (expected / mean) @ expected.T, expected @ (reports / mean)
        size = np.trace(gram) / count
        gram += size * (RIDGE * np.eye(count) + ADD_UP)
        target = target + size * (RIDGE / count + ADD_UP)
        lower = np.linalg.cholesky(gram)
        weights, _ = optimize.nnls(lower.T, np.linalg.solve(lower, target))
    return weights / weights.sum()
