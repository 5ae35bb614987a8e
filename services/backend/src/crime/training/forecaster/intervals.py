"""How good forecasts were: made anew at past origins from what was known then, held against what was reported.

Intervals come from a negative binomial whose variance is mean (1 + a) + b mean², fitted with its levels to forecasts
of earlier origins alone, for each method its own.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

COVERAGE_LEVELS = (0.80, 0.95)
QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
MAX_FITTED_CELLS = 20_000
LEVEL_PRIOR_CELLS = 500
MEAN_GRID = np.geomspace(1e-4, 1e4, 400)  # expectations for which intervals are tabulated


@dataclass(frozen=True)
class IntervalModel:
    """How far reports lie around their expectation. `levels`: what is asked of the distribution for 80 % and 95 %."""

    a: float
    b: float
    levels: tuple[float, float] = COVERAGE_LEVELS

    @classmethod
    def fit(cls, mean: np.ndarray, reports: np.ndarray) -> "IntervalModel":
        """By likelihood from past forecasts (n,) and their outcomes; then the levels that held 80 and 95 %."""
        if len(mean) > MAX_FITTED_CELLS:
            some = np.random.default_rng(0).choice(len(mean), MAX_FITTED_CELLS, replace=False)
            mean, reports = mean[some], reports[some]

        def loss(logs: np.ndarray) -> float:
            r, p = cls(*np.exp(logs))._parameters(mean)
            return -float(stats.nbinom.logpmf(reports, r, p).mean())

        found = optimize.minimize(loss, np.log([0.1, 0.01]), method="Nelder-Mead", options={"maxiter": 120})
        plain = cls(*np.exp(np.clip(found.x, -12, 5)).tolist())
        asked = np.linspace(0.5, 0.999, 40)
        held = np.maximum.accumulate([plain.coverage(mean, reports, level) for level in asked])
        trust = len(mean) / (len(mean) + LEVEL_PRIOR_CELLS)  # few outcomes say little about how levels are off
        levels = tuple(level + trust * (float(np.interp(level, held, asked)) - level) for level in COVERAGE_LEVELS)
        return cls(plain.a, plain.b, levels)  # type: ignore[arg-type]

    def _parameters(self, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        extra = np.maximum(self.a * mean + self.b * mean**2, 1e-6 * mean)
        return mean**2 / extra, mean / (mean + extra)

    def coverage(self, mean: np.ndarray, reports: np.ndarray, asked: float) -> float:
        """Share of reports inside the central interval, 'asked' by the distribution, in the sense that counts allow.

        A count at the interval's edge counts by the part of its probability that lies inside: the non-randomised
        PIT of Czado, Gneiting and Held (Predictive model assessment for count data, Biometrics 2009).
        """
        r, p = self._parameters(mean)
        high, size = stats.nbinom.cdf(reports, r, p), np.maximum(stats.nbinom.pmf(reports, r, p), 1e-300)
        edge = (1 - asked) / 2
        inside = np.minimum(high, 1 - edge) - np.maximum(high - size, edge)
        return float(np.clip(inside / size, 0, 1).mean())

    def covered(self, mean: np.ndarray, reports: np.ndarray) -> tuple[float, float]:
        """Coverage of the 80 % and the 95 % interval."""
        first, second = (self.coverage(mean, reports, asked) for asked in self.levels)
        return first, second

    def table(self) -> np.ndarray:
        """(4, grid) least and most of the 80 % interval, then of the 95 % one, for the expectations in `GRID`.

        Whole numbers whose probability between them is as near as can be to what the level asks.
        """
        r, p = self._parameters(MEAN_GRID)
        rows = []
        for asked in self.levels:
            edge = (1 - asked) / 2
            low, high = stats.nbinom.ppf(edge, r, p), stats.nbinom.ppf(1 - edge, r, p)
            over = np.maximum(stats.nbinom.cdf(low - 1, r, p), 0)
            low = np.where(stats.nbinom.cdf(low, r, p) - edge < edge - over, low + 1, low)
            under = stats.nbinom.cdf(high - 1, r, p)
            high = np.where((1 - edge) - under < stats.nbinom.cdf(high, r, p) - (1 - edge), high - 1, high)
            rows += [low, np.maximum(low, high)]
        return np.array(rows)

    def pinball(self, mean: np.ndarray, reports: np.ndarray) -> float:
        """Mean pinball loss over the quantiles 2.5, 10, 50, 90 and 97.5 %."""
        r, p = self._parameters(MEAN_GRID)
        losses = []
        for q in QUANTILES:
            miss = reports - np.interp(mean, MEAN_GRID, stats.nbinom.ppf(q, r, p))
            losses.append(np.maximum(q * miss, (q - 1) * miss).mean())
        return float(np.mean(losses))
