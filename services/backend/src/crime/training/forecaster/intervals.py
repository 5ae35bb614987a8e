"""Prediction intervals around expected reports.

Reports follow a negative binomial with variance mean (1 + a) + b mean², the shape of overdispersed counts (Cameron and
Trivedi, Regression Analysis of Count Data). `a`, `b` and the nominal levels at which intervals cover 80 and 95 % of
outcomes are fitted to past forecasts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

COVERAGE_LEVELS = (0.80, 0.95)
QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)  # of the pinball loss: the median and the edges of both intervals
MAX_CELLS = 20_000  # outcomes that count beside a prior, at most: those of one week go together
# Outcomes are counted together if their expectations are within 0.5 %, or a fortieth of a Poisson's deviation.
RELATIVE_STEP, SQUARE_ROOT_FROM = 0.005, 25.0
PARAMETER_BOUNDS = (1e-5, 150.0)  # of `a` and `b`
# weight of the uncorrected levels, in outcomes, so that few outcomes correct little; docs/method.md
LEVEL_PRIOR_CELLS = 500
NOMINAL_LEVELS = np.linspace(0.5, 0.999, 40)  # that the correction chooses from
MEAN_GRID = np.geomspace(1e-4, 1e5, 450)  # expected reports for which intervals are tabulated


class Cells(NamedTuple):
    """n distinct outcomes: the expectation, the reports, and as weight how many cells (places x days) had them."""

    mean: np.ndarray
    reports: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, mean: np.ndarray, reports: np.ndarray) -> "Cells":
        """Count cells, each with an expectation above 0 and its reports; both arrays have one shape."""
        return cls._count(_step(mean.ravel()), reports.ravel())

    @classmethod
    def merge(cls, parts: "Iterable[Cells]") -> "Cells":
        mean, reports, weight = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return cls._count(_step(mean), reports, weight)

    @classmethod
    def _count(cls, step: np.ndarray, reports: np.ndarray, weight: np.ndarray | None = None) -> "Cells":
        size = int(reports.max(initial=0)) + 1
        keys = step * size + reports.astype(int)
        if weight is None:
            distinct, total = np.unique(keys, return_counts=True)
        else:
            distinct, inverse = np.unique(keys, return_inverse=True)
            total = np.bincount(inverse, weight)
        return cls(_mean_of_step(distinct // size), distinct % size, total)

    def average(self, values: np.ndarray) -> np.ndarray:
        """(...) mean of values (..., n) over all cells."""
        return np.asarray(values @ self.weight / self.weight.sum())


def _step(mean: np.ndarray) -> np.ndarray:
    """(n,) number of the step that each expectation is on: steps of its logarithm, and then of its square root."""
    root = np.sqrt(np.maximum(mean, SQUARE_ROOT_FROM) / SQUARE_ROOT_FROM)
    scale = np.log(np.minimum(mean, SQUARE_ROOT_FROM) / SQUARE_ROOT_FROM) + 2 * (root - 1)
    return np.asarray(np.rint(scale / RELATIVE_STEP), int)


def _mean_of_step(step: np.ndarray) -> np.ndarray:
    scale = step * RELATIVE_STEP
    return np.asarray(SQUARE_ROOT_FROM * np.exp(np.minimum(scale, 0)) * np.square(np.maximum(scale, 0) / 2 + 1))


@dataclass(frozen=True)
class IntervalModel:
    """The variance is mean (1 + a) + b mean²; `levels` are the nominal levels of the 80 % and the 95 % interval."""

    a: float
    b: float
    levels: tuple[float, float] = COVERAGE_LEVELS

    @classmethod
    def fit(cls, cells: Cells, prior: "IntervalModel | None" = None) -> "IntervalModel":
        """To past forecasts and their outcomes, by maximum likelihood and then by coverage.

        With a `prior`, the logarithms of `a` and `b` are normal around its own with deviation 1: few outcomes or
        rare reports alone don't tell how far forecasts are off.
        """
        size = min(int(cells.weight.sum()), MAX_CELLS)

        def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = _negative_log_likelihood(cells, *parameters)
            away = np.zeros(2) if prior is None else np.log(parameters / [prior.a, prior.b])
            return size * value + float(away @ away) / 2, size * gradient + away / parameters

        fitted = optimize.minimize(loss, [0.1, 0.01], jac=True, method="L-BFGS-B", bounds=[PARAMETER_BOUNDS] * 2)
        a, b = fitted.x.tolist()
        reached = np.maximum.accumulate(cls(a, b).coverages(NOMINAL_LEVELS, cells))
        weight = size / (size + LEVEL_PRIOR_CELLS)
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

    def coverages(self, levels: np.ndarray, cells: Cells) -> np.ndarray:
        """(levels,) share of the outcomes inside the central interval of each nominal level.

        A count at the interval's edge counts by the part of its probability that lies inside: the non-randomised
        PIT of Czado, Gneiting and Held (Predictive model assessment for count data, Biometrics 2009).
        """
        r, p = self._parameters(cells.mean)
        cumulative = stats.nbinom.cdf(cells.reports, r, p)
        probability = np.maximum(stats.nbinom.pmf(cells.reports, r, p), 1e-300)
        tail = (1 - np.asarray(levels)[:, None]) / 2
        inside = np.minimum(cumulative, 1 - tail) - np.maximum(cumulative - probability, tail)
        return cells.average(np.clip(inside / probability, 0, 1))

    def coverage(self, cells: Cells) -> np.ndarray:
        """Share of the outcomes inside the 80 % and the 95 % interval."""
        return self.coverages(np.array(self.levels), cells)

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

    def pinball(self, cells: Cells) -> float:
        """Mean pinball loss over `QUANTILES` (Koenker and Bassett, Regression quantiles, Econometrica 1978)."""
        # quantiles take most of the time: only those around the cells' expectations are computed
        first, last = np.searchsorted(MEAN_GRID, [cells.mean.min(), cells.mean.max()])
        grid = MEAN_GRID[max(first - 1, 0) : last + 1]
        r, p = self._parameters(grid)
        losses = []
        for quantile in QUANTILES:
            error = cells.reports - np.interp(cells.mean, grid, stats.nbinom.ppf(quantile, r, p))
            losses.append(cells.average(np.maximum(quantile * error, (quantile - 1) * error)))
        return float(np.mean(losses))

    def _parameters(self, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`r` and `p` of scipy's negative binomial."""
        extra = np.maximum(self.a * mean + self.b * mean**2, 1e-6 * mean)  # variance beyond Poisson's
        return mean**2 / extra, mean / (mean + extra)


def _negative_log_likelihood(cells: Cells, a: float, b: float) -> tuple[float, np.ndarray]:
    """Mean negative log likelihood of the cells, and its gradient (2,) by `a` and `b`."""
    mean, reports, _ = cells
    scale = a + b * mean  # variance beyond Poisson's, over the mean
    r = mean / scale
    likelihood = reports * np.log(scale) - (r + reports) * np.log1p(scale) - special.betaln(r, reports + 1)
    by_r = special.digamma(reports + r) - special.digamma(r) - np.log1p(scale)
    by_scale = (reports - mean) / (scale * (1 + scale)) - by_r * r / scale
    gradient = cells.average(np.stack([by_scale, by_scale * mean]))
    return -float(cells.average(likelihood - np.log(r + reports))), -gradient
