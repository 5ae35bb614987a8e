"""Combination of several rates into one forecast, with weights fitted to past outcomes."""

import numpy as np
from scipy import optimize

# set by judgement, as docs/method.md says
ITERATIONS = 5  # of reweighting; more change nothing
RIDGE = 1e-3  # penalty on the distance from equal weights, relative to the mean squared component
SUM_PENALTY = 1e2  # penalty on a sum of weights other than 1, on the same scale
MAX_CELLS = 100_000  # places x days that weights are fitted to; a random sample of more


def combine_rates(components: np.ndarray, reports: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """(K,) weights of components (K, n), fitted to reports (n,) with their exposure (n,) by penalised likelihood.

    Weights are not negative and add up to 1. Poisson regression with identity link, by iteratively reweighted
    (Nelder and Wedderburn, JRSS A 1972) non-negative least squares (Lawson and Hanson, Solving Least Squares Problems,
    1974). Weights that add up to 1 do not extrapolate a past trend; a light ridge shares the weight among components
    that are nearly the same.
    """
    if len(reports) > MAX_CELLS:
        sample = np.random.default_rng(0).choice(len(reports), MAX_CELLS, replace=False)
        components, reports, exposure = components[:, sample], reports[sample], exposure[sample]
    count = len(components)
    weights = np.full(count, 1 / count)
    if not len(reports) or reports.sum() == 0:
        return weights
    expected = components.astype(float) * exposure
    for _ in range(ITERATIONS):
        mean = np.maximum(weights @ expected, 1e-9)
        gram, target = (expected / mean) @ expected.T, expected @ (reports / mean)
        scale = np.trace(gram) / count
        gram += scale * (RIDGE * np.eye(count) + SUM_PENALTY)
        target = target + scale * (RIDGE / count + SUM_PENALTY)
        lower = np.linalg.cholesky(gram)
        weights, _ = optimize.nnls(lower.T, np.linalg.solve(lower, target))
    return np.asarray(weights / weights.sum())
