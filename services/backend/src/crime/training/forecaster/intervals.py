"""Prediction intervals around expected reports.

Reports follow a negative binomial with variance mean (1 + a) + b mean², the shape of overdispersed counts (Cameron and
Trivedi, Regression Analysis of Count Data). `a`, `b` and the nominal levels at which intervals cover 80 and 95 % of
outcomes are fitted to past forecasts.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

COVERAGE_LEVELS = (0.80, 0.95)
QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)  # of the pinball loss: the median and the edges of both intervals
MAX_CELLS = 20_000  # places x days that are fitted to; a random sample of more
# weight of the uncorrected levels, in outcomes, so that few outcomes correct little; docs/method.md
LEVEL_PRIOR_CELLS = 500
NOMINAL_LEVELS = np.linspace(0.5, 0.999, 40)  # that the correction chooses from
MEAN_GRID = np.geomspace(1e-4, 1e5, 450)  # expected reports for which intervals are tabulated


@dataclass(frozen=True)
class IntervalModel:
    """The variance is mean (1 + a) + b mean²; `levels` are the nominal levels of the 80 % and the 95 % interval."""

    a: float
    b: float
    levels: tuple[float, float] = COVERAGE_LEVELS

    @classmethod
    def fit(cls, mean: np.ndarray, reports: np.ndarray, prior: "IntervalModel | None" = None) -> "IntervalModel":
        """To past forecasts (n,) and their outcomes (n,), by maximum likelihood and then by coverage.

        With a `prior`, the logarithms of `a` and `b` are normal around its own with deviation 1: few outcomes or
        rare reports alone don't tell how far forecasts are off.
        """
        if len(mean) > MAX_CELLS:
            sample = np.random.default_rng(0).choice(len(mean), MAX_CELLS, replace=False)
            mean, reports = mean[sample], reports[sample]

        def loss(logs: np.ndarray) -> float:
            r, p = cls(*np.exp(logs))._parameters(mean)
            unlikely = 0.0 if prior is None else float(((logs - np.log([prior.a, prior.b])) ** 2).sum()) / 2
            return unlikely / len(mean) - float(stats.nbinom.logpmf(reports, r, p).mean())

        fitted = optimize.minimize(loss, np.log([0.1, 0.01]), method="Nelder-Mead", options={"maxiter": 120})
        a, b = np.exp(np.clip(fitted.x, -12, 5)).tolist()
        uncorrected = cls(a, b)
        reached = np.maximum.accumulate([uncorrected.coverage_at(level, mean, reports) for level in NOMINAL_LEVELS])
        weight = len(mean) / (len(mean) + LEVEL_PRIOR_CELLS)
        lower, upper = (
            level + weight * (float(np.interp(level, reached, NOMINAL_LEVELS)) - level) for level in COVERAGE_LEVELS
        )
        return cls(a, b, (lower, upper))

    def of_whole(self, share: float) -> "IntervalModel":
        """The intervals of all reports, from those of a random draw of a `share` of them.

        If each report is drawn with probability p, and the draw has mean m and variance m (1 + a) + b m², all reports
        have mean M = m / p and variance M (1 + a / p) + b M²: what the draw leaves unknown widens them.
        """
        return IntervalModel(self.a / share, self.b, self.levels)

    def coverage_at(self, level: float, mean: np.ndarray, reports: np.ndarray) -> float:
        """Share of reports (n,) inside the central interval of a nominal level.

        A count at the interval's edge counts by the part of its probability that lies inside: the non-randomised
        PIT of Czado, Gneiting and Held (Predictive model assessment for count data, Biometrics 2009).
        """
        r, p = self._parameters(mean)
        cumulative = stats.nbinom.cdf(reports, r, p)
        probability = np.maximum(stats.nbinom.pmf(reports, r, p), 1e-300)
        tail = (1 - level) / 2
        inside = np.minimum(cumulative, 1 - tail) - np.maximum(cumulative - probability, tail)
        return float(np.clip(inside / probability, 0, 1).mean())

    def coverage(self, mean: np.ndarray, reports: np.ndarray) -> tuple[float, float]:
        """Share of reports (n,) inside the 80 % and the 95 % interval."""
        at80, at95 = self.levels
        return self.coverage_at(at80, mean, reports), self.coverage_at(at95, mean, reports)

    def table(self) -> np.ndarray:
        """(4, grid) bounds of the 80 % interval, then of the 95 % one, for the expectations of `MEAN_GRID`.

        Whole numbers, chosen so that the probability of either tail is as near as possible to (1 - level) / 2.
        """
        r, p = self._parameters(MEAN_GRID)
        rows = []
        for level in self.levels:
            tail = (1 - level) / 2
            low, high = stats.nbinom.ppf(tail, r, p), stats.nbinom.ppf(1 - tail, r, p)
            below = np.maximum(stats.nbinom.cdf(low - 1, r, p), 0)
            low = np.where(stats.nbinom.cdf(low, r, p) - tail < tail - below, low + 1, low)
            below = stats.nbinom.cdf(high - 1, r, p)
            high = np.where((1 - tail) - below < stats.nbinom.cdf(high, r, p) - (1 - tail), high - 1, high)
            rows += [low, np.maximum(low, high)]
        return np.array(rows)

    def two_sided(self, mean: np.ndarray, reports: np.ndarray) -> np.ndarray:
        """(n,) probability of reports as far from what is expected (n,) as these, on either side."""
        r, p = self._parameters(np.maximum(mean, MEAN_GRID[0]))
        tail = np.minimum(stats.nbinom.cdf(reports, r, p), stats.nbinom.sf(reports - 1, r, p))
        return np.asarray(np.minimum(2 * tail, 1.0))

    def pinball(self, mean: np.ndarray, reports: np.ndarray) -> float:
        """Mean pinball loss over `QUANTILES` (Koenker and Bassett, Regression quantiles, Econometrica 1978)."""
        r, p = self._parameters(MEAN_GRID)
        losses = []
        for quantile in QUANTILES:
            error = reports - np.interp(mean, MEAN_GRID, stats.nbinom.ppf(quantile, r, p))
            losses.append(np.maximum(quantile * error, (quantile - 1) * error).mean())
        return float(np.mean(losses))

    def _parameters(self, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`r` and `p` of scipy's negative binomial."""
        extra = np.maximum(self.a * mean + self.b * mean**2, 1e-6 * mean)  # variance beyond Poisson's
        return mean**2 / extra, mean / (mean + extra)
