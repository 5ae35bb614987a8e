"""Two counts compared: the ratio of their rates, exactly, and how far it may be chance."""

from typing import NamedTuple

import numpy as np
from scipy import special, stats

TAIL = 0.025  # of probability on either side of a 95 % interval


class RateRatio(NamedTuple):
    """Ratios of rates, the bounds of their 95 % intervals, and two-sided p of no change; all of one shape.

    A ratio to no report is infinite. Where both counts are 0 it is NaN, and the interval is 0 to infinity.
    """

    ratio: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def rate_ratio(
    reports: np.ndarray,
    before: np.ndarray,
    exposure: np.ndarray,
    exposure_before: np.ndarray,
    dispersion: np.ndarray | float = 1.0,
) -> RateRatio:
    """The rate of `reports` over that of `before`; all arguments broadcast, exposures are above 0.

    Given their sum, the first of two Poisson counts is binomial (Przyborowski and Wilenski, Homogeneity of results in
    testing samples from Poisson series, Biometrika 1940). The interval follows from that of the binomial share
    (Clopper and Pearson, Biometrika 1934), and excludes 1 just where p is below 0.05. Counts whose variance is
    `dispersion` times a Poisson's tell as much as counts smaller by that factor (Korn and Graubard, Survey Methodology
    1998).
    """
    now, then = np.asarray(reports / dispersion, float), np.asarray(before / dispersion, float)
    odds = exposure / exposure_before
    share = odds / (1 + odds)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(now > 0, stats.beta.ppf(TAIL, now, then + 1), 0.0)
        high = np.where(then > 0, stats.beta.ppf(1 - TAIL, now + 1, then), 1.0)
        ratio, low, high = (np.asarray(part / odds) for part in (now / then, low / (1 - low), high / (1 - high)))
        more = np.where(now > 0, special.betainc(now, then + 1, share), 1.0)  # P(as many as now, or more)
        fewer = np.where(then > 0, special.betaincc(now + 1, then, share), 1.0)
    return RateRatio(ratio, low, high, np.minimum(2 * np.minimum(more, fewer), 1.0))


def dispersion(counts: np.ndarray, exposure: np.ndarray) -> float:
    """How many times a Poisson's the variance of neighbouring periods is; at least 1.

    `counts` (n, periods) with their `exposure` (periods,). Pearson's statistic over its degrees of freedom, of each
    pair of neighbours given their sum (McCullagh and Nelder, Generalized Linear Models, 1989): what changes slowly
    does not add to it.
    """
    first, second = counts[:, :-1], counts[:, 1:]
    pair = exposure[:-1] + exposure[1:]
    both = first + second
    used = (both > 0) & (exposure[:-1] > 0) & (exposure[1:] > 0)
    if not used.any():
        return 1.0
    share = np.where(pair > 0, exposure[:-1] / np.maximum(pair, 1e-9), 0.5)
    variance = np.where(used, both * share * (1 - share), 1.0)
    return max(1.0, float((np.square(first - both * share) / variance)[used].mean()))


def completed(
    reports: np.ndarray, share: np.ndarray, dispersion: np.ndarray | float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts with the reports still to come, and the bounds of their 95 % range; `share` of each is known.

    The rate is known from the reports so far, with Jeffreys' prior, so the reports to come are negative binomial. Its
    variance is taken `dispersion` times as large.
    """
    missing = (1 - share) / share
    expected = np.asarray(reports * missing, float)
    mean = np.maximum((reports + 0.5) * missing, 1e-12)
    variance = np.maximum(mean * (1 + missing) * dispersion, mean * (1 + 1e-9))
    p = mean / variance
    r = mean * p / (1 - p)
    bounds = [np.where(missing > 0, stats.nbinom.ppf(tail, r, p), 0) for tail in (TAIL, 1 - TAIL)]
    return reports + expected, reports + bounds[0], reports + np.maximum(bounds[1], np.ceil(expected - 1e-9))
