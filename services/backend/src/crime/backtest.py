"""How good forecasts were: made anew at past origins from what was known then, held against what was reported.

Intervals come from a negative binomial whose variance is mean (1 + a) + b mean², fitted with its levels to forecasts
of earlier origins alone, for each method its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from crime.data import DataError
from crime.history import LONGEST_DELAY, History, completeness
from crime.risk import BASELINES, HORIZON, LEAST_DAYS, OURS, Forecaster, deviance
from crime.schema import day_text
from crime.twin import Twin

MOST_ORIGINS, CALIBRATED_ON = 12, 3  # origins in all, and how many of them only serve to fit the first intervals
COMPLETE = 0.9  # share of a day's reports that must be known for the day to be judged
LEVELS = (0.80, 0.95)
QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
SHARES = (5, 10, 20)  # % of places, as NIJ's 2016 challenge asked for small shares of the city
TRUTH = "truth"
FITTED_CELLS = 20_000
LEVEL_CELLS = 500
GRID = np.geomspace(1e-4, 1e4, 400)  # expectations for which intervals are tabulated

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Spread:
    """How far reports lie around their expectation. `levels`: what is asked of the distribution for 80 % and 95 %."""

    a: float
    b: float
    levels: tuple[float, float] = LEVELS

    @classmethod
    def fit(cls, mean: np.ndarray, reports: np.ndarray) -> "Spread":
        """By likelihood from past forecasts (n,) and their outcomes; then the levels that held 80 and 95 %."""
        if len(mean) > FITTED_CELLS:
            some = np.random.default_rng(0).choice(len(mean), FITTED_CELLS, replace=False)
            mean, reports = mean[some], reports[some]

        def loss(logs: np.ndarray) -> float:
            r, p = cls(*np.exp(logs))._parameters(mean)
            return -float(stats.nbinom.logpmf(reports, r, p).mean())

        found = optimize.minimize(loss, np.log([0.1, 0.01]), method="Nelder-Mead", options={"maxiter": 120})
        plain = cls(*np.exp(np.clip(found.x, -12, 5)).tolist())
        asked = np.linspace(0.5, 0.999, 40)
        held = np.maximum.accumulate([plain.coverage(mean, reports, level) for level in asked])
        trust = len(mean) / (len(mean) + LEVEL_CELLS)  # few outcomes say little about how levels are off
        levels = tuple(level + trust * (float(np.interp(level, held, asked)) - level) for level in LEVELS)
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
        r, p = self._parameters(GRID)
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
        r, p = self._parameters(GRID)
        losses = []
        for q in QUANTILES:
            miss = reports - np.interp(mean, GRID, stats.nbinom.ppf(q, r, p))
            losses.append(np.maximum(q * miss, (q - 1) * miss).mean())
        return float(np.mean(losses))


def origins(history: History) -> list[int]:
    """Days at whose end forecasts are tried, four weeks apart, the first first. Raises `DataError` where too few."""
    known = completeness(history, history.end)
    last = history.last - HORIZON
    while known[min(history.end - last - HORIZON, LONGEST_DELAY)] < COMPLETE:
        last -= 1
    first = history.first + LEAST_DAYS + HORIZON - 1
    found = list(range(last, first - 1, -HORIZON))[:MOST_ORIGINS][::-1]
    if len(found) < 2:
        raise DataError(
            f"{len(history):,} reports from {day_text(history.first)} to {day_text(history.last)} are too short a time "
            f"to try forecasts on: {LEAST_DAYS + 3 * HORIZON + 14} days or more are needed"
        )
    return found


@dataclass(frozen=True)
class Trial:
    """Forecasts and outcomes of one origin: (P, steps) each, only of places that had a report by then."""

    origin: int
    means: dict[str, np.ndarray]
    reports: np.ndarray


def trials(
    forecaster: Forecaster, kind: str, every: str, twin: Twin | None, progress: Progress = lambda what, share: None
) -> list[Trial]:
    """A trial at each origin; a step is a day or a week."""
    history = forecaster.history
    known = completeness(history, history.end)
    tried = origins(history)
    whole = forecaster.view(history.last)
    found = []
    for at, origin in enumerate(tried):
        progress(f"forecast of {day_text(origin)}", at / len(tried))
        ahead = np.arange(origin + 1, origin + HORIZON + 1)
        seen = forecaster.view(origin).counts[kind].any(1)
        share = known[np.minimum(history.end - ahead, LONGEST_DELAY)]
        share = share * whole.observed[ahead - whole.first]
        means = dict(forecaster.baselines(kind, origin))
        means[OURS] = forecaster.forecast(kind, origin)
        if twin:
            means[TRUTH] = twin.truth(history, forecaster.places[kind], origin)
        reports = forecaster.outcome(kind, origin, history.end)
        use = share > 0
        if every == "week":  # whole weeks only
            use = np.repeat(use.reshape(-1, 7).all(1), 7)

        def steps(values: np.ndarray, use: np.ndarray = use, seen: Any = seen) -> np.ndarray:
            chosen = values[seen][:, use]
            return chosen.reshape(len(chosen), -1, 7).sum(2) if every == "week" else chosen

        if use.any():
            found.append(
                Trial(
                    origin,
                    {name: np.maximum(steps(mean * share), 1e-9) for name, mean in means.items()},
                    steps(reports),
                )
            )
    return found


def concentration(mean: np.ndarray, reports: np.ndarray, percent: int) -> tuple[float, float, float]:
    """Reports in the `percent` of places with the highest forecast, in as many places at best, and the places' share.

    Summed over steps; (P, steps) each. A place counts as one unit of area.
    """
    chosen = max(1, round(len(mean) * percent / 100))
    rank = np.argsort(-mean, axis=0, kind="stable")[:chosen]
    best = -np.sort(-reports, axis=0)[:chosen]
    return float(np.take_along_axis(reports, rank, 0).sum()), float(best.sum()), chosen / len(mean)


def judge(tried: list[Trial]) -> dict[str, dict[str, float]]:
    """Figures of each method over all origins but those that only fit the first intervals."""
    calibrating = min(CALIBRATED_ON, len(tried) // 2)
    scored = tried[calibrating:]
    found: dict[str, dict[str, float]] = {}
    reports = np.concatenate([trial.reports.ravel() for trial in scored])
    for name in tried[0].means:
        mean = np.concatenate([trial.means[name].ravel() for trial in scored])
        covered, losses, sizes = [], [], []
        for at, trial in enumerate(scored, calibrating):
            before = tried[:at]
            spread = Spread.fit(
                np.concatenate([t.means[name].ravel() for t in before]),
                np.concatenate([t.reports.ravel() for t in before]),
            )
            covered.append(spread.covered(trial.means[name].ravel(), trial.reports.ravel()))
            losses.append(spread.pinball(trial.means[name].ravel(), trial.reports.ravel()))
            sizes.append(trial.reports.size)
        figures = {"deviance": deviance(reports, mean), "pinball": float(np.average(losses, weights=sizes))}
        total = max(1.0, float(reports.sum()))
        for percent in SHARES:
            parts = [concentration(trial.means[name], trial.reports, percent) for trial in scored]
            hits, best = sum(part[0] for part in parts), sum(part[1] for part in parts)
            place = float(np.mean([part[2] for part in parts]))
            figures |= {
                f"hit{percent}": hits / total,
                f"pai{percent}": hits / total / place,  # prediction accuracy index (Chainey 2008)
                f"pei{percent}": hits / max(1.0, best),  # prediction efficiency index (Hunt 2016), as in NIJ 2016
            }
        figures["coverage80"], figures["coverage95"] = np.average(covered, axis=0, weights=sizes).tolist()
        found[name] = {key: round(value, 5) for key, value in figures.items()}
    return found


def summary(tried: list[Trial], by: str, every: str) -> dict[str, Any]:
    """What `crime backtest` ends with; on a twin's table also `reached`, the share of the reachable gain.

    `reached` is how much of the way from the best baseline's deviance to that of the true intensity was gone.
    """
    methods = judge(tried)
    candidates = {name: figures["deviance"] for name, figures in methods.items() if name != TRUTH}
    found: dict[str, Any] = {
        "by": by,
        "every": every,
        "origins": len(tried) - min(CALIBRATED_ON, len(tried) // 2),
        "methods": methods,
        "chosen": min(candidates, key=lambda name: candidates[name]),
    }
    best = min(candidates[name] for name in BASELINES)
    found["gain"] = round(1 - candidates[OURS] / best, 5)
    if TRUTH in methods:
        found["reached"] = round((best - candidates[OURS]) / max(best - methods[TRUTH]["deviance"], 1e-12), 4)
    return found
