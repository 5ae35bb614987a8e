"""Combination of several rates into one forecast, with weights fitted to past outcomes."""

import numpy as np
from scipy import optimize

# set by judgement, as docs/method.md says
ITERATIONS = 5  # of reweighting; more change nothing
RIDGE = 1e-3  # penalty on the distance from equal weights, relative to the mean squared component
SUM_PENALTY = 1e2  # penalty on a sum of weights other than 1, on the same scale


def combine_rates(expected: np.ndarray, reports: np.ndarray) -> np.ndarray:
    """(K,) weights of components, which expected (K, n) reports, fitted to reports (n,) by penalised likelihood.

    Weights are not negative and add up to 1. Poisson regression with identity link, by iteratively reweighted
    (Nelder and Wedderburn, JRSS A 1972) non-negative least squares (Lawson and Hanson, Solving Least Squares Problems,
    1974). Weights that add up to 1 do not extrapolate a past trend; a light ridge shares the weight among components
    that are nearly the same.
    """
    count = len(expected)
    weights = np.full(count, 1 / count)
    if not len(reports) or reports.sum() == 0:
        return weights
    for _ in range(ITERATIONS):
        mean = np.maximum(weights @ expected, 1e-9)
        gram, target = (expected / mean) @ expected.T, expected @ (reports / mean)
        scale = np.trace(gram) / count
        gram += scale * (RIDGE * np.eye(count) + SUM_PENALTY)
        target = target + scale * (RIDGE / count + SUM_PENALTY)
        lower = np.linalg.cholesky(gram)
        weights, _ = optimize.nnls(lower.T, np.linalg.solve(lower, target))
    return np.asarray(weights / weights.sum())
