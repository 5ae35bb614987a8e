"""Expected reports by place and day, up to 28 days ahead: the model `crime-risk`, and the baselines it has to beat.

A smoothed rate first, then what is left. At an origin (the end of a day) every place has several rates, each an
exponentially weighted mean of its known reports over their exposure (calendar x share known by now), with another
half-life; long rates of districts are shrunk towards their area (gamma-Poisson). Their non-negative combination
maximises the Poisson likelihood of the weeks before the origin, apart for four ranges of the horizon: short
half-lives carry near repeats, and fade. LightGBM starts from that (`init_score`) and learns what it leaves.
All of it sees what had been reported by the origin, nothing later.
"""

from collections.abc import Sequence
from functools import cached_property

import lightgbm
import numpy as np
from pandas.tseries.holiday import USFederalHolidayCalendar
from scipy import optimize, signal
from sklearn.linear_model import PoissonRegressor

from crime.booster import threads
from crime.history import LONGEST_DELAY, History, Places, completeness, daily, observed, places
from crime.schema import EPOCH
from crime.store import WINDOWS, Store

HORIZON = 28
KEPT_DAYS = 5 * 365  # older reports say nothing about next month
LEVELS = (5.0, 14.0, 28.0, 91.0)  # half-lives in days of the level of the city and its areas, which drifts
SHARES = (5.0, 28.0, 91.0, 364.0, np.inf)  # and of places' shares in it, which hold longer
RANGES = (slice(0, 2), slice(2, 7), slice(7, 14), slice(14, 28))  # of the horizon, each with its own combination
LEAST_DAYS = 84  # of history before a first forecast
TRAINING_ORIGINS = 26  # a week apart
REWEIGHTED = 5  # passes; more change nothing
RIDGE, ADD_UP = 1e-3, 1e2
COMBINED_CELLS = 100_000
FLOOR = 0.1  # of a place's long-run mean: no forecast says that nothing can happen
NEVER = 1e-9  # reports a day, where none has been yet
KERNEL_KM = 0.5
KM_PER_DEGREE = np.array([111.0, 92.0])  # of latitude and longitude in Los Angeles
BOOSTED_ROWS = 200_000
WORTH_IT = 0.0005  # of the deviance
PARAMETERS = {
    "objective": "poisson",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 200,
    "lambda_l2": 20.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
    "seed": 0,
}
BASELINES = ("seasonal naive", "4-week mean", "long-run mean", "exponential smoothing", "KDE hot spots")
OURS = "crime-risk"


def holidays(first: int, last: int) -> np.ndarray:
    """Which of the days `first` to `last` are federal holidays, as bool."""
    from pandas import Timestamp

    begin, end = (Timestamp.fromordinal(day + EPOCH) for day in (first, last))
    found = USFederalHolidayCalendar().holidays(begin, end)
    marked = np.zeros(last - first + 1, bool)
    marked[[day.toordinal() - EPOCH - first for day in found]] = True
    return marked


def day_features(first: int, last: int) -> np.ndarray:
    """(days, 10) 0/1: Monday to Sunday, holiday, 1 January, first of another month (unknown dates stand there)."""
    days = np.arange(first, last + 1)
    date = days.astype("datetime64[D]")
    first_of_month = date == date.astype("datetime64[M]")
    new_year = date == date.astype("datetime64[Y]")
    weekday = (days[:, None] + 3) % 7 == np.arange(7)
    return np.column_stack([weekday, holidays(first, last) & ~new_year, new_year, first_of_month & ~new_year]).astype(
        float
    )


def _season(first: int, last: int) -> np.ndarray:
    """(days, 4): two waves a year."""
    turn = 2 * np.pi * np.arange(first, last + 1)[:, None] / 365.25 * np.array([1, 2])
    return np.column_stack([np.sin(turn), np.cos(turn)])


def _effect(design: np.ndarray, counts: np.ndarray, exposure: np.ndarray, window: int, precision: float) -> np.ndarray:
    """Multiplicative effect (days,) of a design on counts (T,), around their mean over a sliding `window` of days.

    Ridge-penalised Poisson regression; `precision` is that of the normal prior of each coefficient.
    """
    ones = np.ones(window)
    level = np.convolve(counts, ones, "same") / np.maximum(np.convolve(exposure, ones, "same"), 1e-9)
    weight = exposure * level
    use = weight > 0
    if not use.any():
        return np.ones(len(design))
    fitted = PoissonRegressor(alpha=precision / weight[use].sum(), solver="newton-cholesky")
    fitted.fit(design[: len(counts)][use], (counts[use] / weight[use]), sample_weight=weight[use])
    effect = np.exp(design @ fitted.coef_)
    return effect / np.average(effect[: len(counts)], weights=np.maximum(exposure, 1e-9))


def _centres(history: History, where: Places, origin: int) -> np.ndarray:
    """(P, 2) mean latitude and longitude of each place's reports known at `origin`."""
    good = (history.known <= origin) & (where.index >= 0) & ~np.isnan(history.latitude) & ~np.isnan(history.longitude)
    index = where.index[good]
    many = np.maximum(np.bincount(index, minlength=len(where)), 1)
    sums = [np.bincount(index, degrees[good], len(where)) for degrees in (history.latitude, history.longitude)]
    return np.stack(sums, 1) / many[:, None]


class View:
    """What is known at the end of day `origin`: counts, how complete they are, and the calendar's effect.

    `counts[kind]` (P, T) by place and day since `first`; `exposure` (T,) is the share of a day's reports known by
    now, 0 where the table has a gap; `calendar` (T + 28,) and `season` likewise are effects with mean 1.
    `centres[kind]` (P, 2) are the mean latitude and longitude of each place's reports, 0 where none is known.
    """

    def __init__(self, history: History, where: dict[str, Places], origin: int):
        self.origin = origin
        self.first = max(history.first, origin - KEPT_DAYS)
        self.counts = {kind: daily(history, found, self.first, origin, origin) for kind, found in where.items()}
        self.centres = {kind: _centres(history, found, origin) for kind, found in where.items()}
        city = self.counts["city"][0].astype(float)
        self.days = len(city)
        self.known = completeness(history, origin)
        age = np.minimum(np.arange(self.days)[::-1], LONGEST_DELAY)
        self.observed = observed(city)
        self.exposure = self.known[age] * self.observed
        last = origin + HORIZON
        self.calendar = _effect(day_features(self.first, last), city, self.exposure, 29, 50.0)
        self.season = np.ones(self.days + HORIZON)
        if self.days >= 730:
            self.season = _effect(
                _season(self.first, last), city, self.exposure * self.calendar[: self.days], 365, 50.0
            )

    def rates(self, kind: str, half_life: float, effect: np.ndarray) -> tuple[np.ndarray, float]:
        """Weighted reports (P,) of each place and their exposure: the quotient is a rate a day."""
        age = np.arange(self.days)[::-1]
        weight = 0.5 ** (age / half_life) * self.observed
        return self.counts[kind] @ weight, float(max(1e-9, (weight * self.exposure * effect[: self.days]).sum()))


def baselines(view: View, kind: str) -> dict[str, np.ndarray]:
    """(P, 28) expected reports by each of `BASELINES`, from the same known counts."""
    counts = view.counts[kind].astype(float)
    days = np.flatnonzero(view.observed)
    counts = counts[:, days]
    ahead = np.arange(HORIZON)
    flat = np.ones(HORIZON)
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
    return {name: np.maximum(mean, FLOOR * long_run[:, None]) for name, mean in found.items()}


def combine(components: np.ndarray, reports: np.ndarray, exposure: np.ndarray) -> np.ndarray:
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


class Forecaster:
    """Forecasts of a history at any origin. What is computed for an origin is kept for the next one."""

    def __init__(self, history: History, kinds: Sequence[str]):
        self.history = history
        self.places = {kind: places(history, kind) for kind in dict.fromkeys(["city", "area", *kinds])}
        self._views: dict[int, View] = {}
        self._components: dict[tuple[str, int], np.ndarray] = {}
        self._smooth: dict[tuple[str, int], np.ndarray] = {}
        self._final: dict[tuple[str, int], tuple[np.ndarray, int]] = {}
        self._baselines: dict[tuple[str, int], dict[str, np.ndarray]] = {}

    def view(self, origin: int) -> View:
        if origin not in self._views:
            self._views[origin] = View(self.history, self.places, origin)
        return self._views[origin]

    def baselines(self, kind: str, origin: int) -> dict[str, np.ndarray]:
        if (kind, origin) not in self._baselines:
            self._baselines[kind, origin] = baselines(self.view(origin), kind)
        return self._baselines[kind, origin]

    def components(self, kind: str, origin: int) -> np.ndarray:
        """(K, P, 28) rates that the combination chooses from."""
        if (kind, origin) not in self._components:
            view = self.view(origin)
            ahead, season = view.calendar[-HORIZON:], view.calendar[-HORIZON:] * view.season[-HORIZON:]
            found = []
            if kind != "district":
                for half_life in LEVELS:
                    for effect, future in ((view.calendar, ahead), (view.calendar * view.season, season)):
                        if future is season and (half_life < 28 or view.days < 730):
                            continue
                        reports, exposure = view.rates(kind, half_life, effect)
                        found.append((reports / exposure)[:, None] * future)
                if kind == "area":
                    city = self.smooth("city", origin)
                    found += [self._shares(view, kind, half_life)[:, None] * city for half_life in SHARES[1:]]
            else:
                area = self.smooth("area", origin)[self._area_of]
                found += [self._shares(view, kind, half_life)[:, None] * area for half_life in SHARES]
            plain = self.baselines(kind, origin)
            if kind != "city":  # the neighbourhood's recent reports, at the city's level
                near = plain["KDE hot spots"][:, 0]
                found.append(near[:, None] / near.sum() * self.smooth("city", origin))
            stacked = np.stack(found)
            least = FLOOR * plain["long-run mean"]
            self._components[kind, origin] = np.maximum(stacked, least).astype(np.float32)
        return self._components[kind, origin]

    @cached_property
    def _area_of(self) -> np.ndarray:
        """Index of the area of each district."""
        return np.searchsorted(self.places["area"].ids, self.places["district"].area)

    def _shares(self, view: View, kind: str, half_life: float) -> np.ndarray:
        """(P,) share of each place in its area (areas: in the city), the longest half-lives shrunk to equal shares."""
        parent = self._area_of if kind == "district" else np.zeros(len(self.places[kind]), int)
        reports, _ = view.rates(kind, half_life, view.calendar)
        members = np.maximum(np.bincount(parent, reports > 0), 1)
        total = np.bincount(parent, reports, len(members))
        mean = (total / members)[parent]
        alive = view.counts[kind].any(1)
        prior = 0.0
        if half_life >= 364:  # gamma-Poisson: how much places differ beyond chance tells how far to trust their own
            excess = max(1e-9, float((np.square(reports - mean) - mean)[alive].mean()))
            prior = float(np.square(mean[alive]).mean() / excess)  # the gamma's shape
        shrunk = (reports + prior) * mean / np.maximum(mean + prior, 1e-12) * alive
        return shrunk / np.maximum(np.bincount(parent, shrunk, len(members)), 1e-12)[parent]

    def training_origins(self, origin: int) -> list[int]:
        """Origins whose 28 days had passed by `origin`, the latest first."""
        earliest = max(self.history.first, origin - KEPT_DAYS) + LEAST_DAYS - 1
        latest = origin - HORIZON
        return list(range(latest, earliest - 1, -7))[:TRAINING_ORIGINS]

    def outcome(self, kind: str, origin: int, known_by: int) -> np.ndarray:
        """(P, 28) reports of the days after `origin`, of those known by `known_by`."""
        return daily(self.history, self.places[kind], origin + 1, origin + HORIZON, known_by)

    def _known(self, origin: int, now: int) -> np.ndarray:
        """(28,) share of the reports of the days after `origin` that is known `now`; 0 for days in a gap."""
        view = self.view(now)
        days = np.arange(origin + 1, origin + HORIZON + 1)
        return view.known[np.minimum(now - days, LONGEST_DELAY)] * view.observed[days - view.first]

    def smooth(self, kind: str, origin: int) -> np.ndarray:
        """(P, 28) the combination of smoothed rates that was best over the weeks before."""
        if (kind, origin) not in self._smooth:
            parts = self.components(kind, origin)
            mean = np.zeros(parts.shape[1:])
            past = self.training_origins(origin)
            before = [self.components(kind, o) for o in past if self._matches(kind, o, parts)]
            past = past[: len(before)]
            outcomes = [self.outcome(kind, o, origin) for o in past]
            known = [np.broadcast_to(self._known(o, origin), mean.shape) for o in past]
            for days in RANGES:
                if past:
                    x = np.concatenate([part[:, :, days].reshape(len(parts), -1) for part in before], axis=1)
                    y, seen = (
                        np.concatenate([part[:, days].ravel() for part in parts_]) for parts_ in (outcomes, known)
                    )
                    weights = combine(x, y, seen)
                else:
                    weights = np.full(len(parts), 1 / len(parts))
                mean[:, days] = np.tensordot(weights, parts[:, :, days], 1)
            self._smooth[kind, origin] = mean
        return self._smooth[kind, origin]

    def _matches(self, kind: str, origin: int, parts: np.ndarray) -> bool:
        """Whether an earlier origin had the same components (season needs two years)."""
        return len(self.components(kind, origin)) == len(parts)

    # -- what LightGBM adds ------------------------------------------------------------------------------------

    @cached_property
    def store(self) -> Store:
        return Store(self.history)

    def _features(self, kind: str, origin: int, days: np.ndarray) -> np.ndarray:
        """(P * len(days), features) of the places at `origin` for the days of the horizon with index `days`."""
        where, mean = self.places[kind], self.smooth(kind, origin)
        view = self.view(origin)
        own = self.store.as_of(kind, where.ids, np.full(len(where), origin))
        columns = [own]
        if kind == "district":
            columns.append(self.store.as_of("area", where.area, np.full(len(where), origin)))
        windows = np.minimum([w.days for w in WINDOWS], view.days)
        rates = [mean.mean(1)]
        if kind == "district":
            rates.append(np.bincount(self._area_of, rates[0])[self._area_of])
        ratios = [
            np.log((counts + 1) / (rate[:, None] * windows + 1)) for counts, rate in zip(columns, rates, strict=True)
        ]
        place = np.column_stack([*ratios, np.log(np.maximum(rates[0], NEVER)), where.area])
        future = day_features(origin + 1, origin + HORIZON)[days]
        calendar = np.column_stack([future[:, :7].argmax(1), future[:, 7:].sum(1), days])
        return np.column_stack(
            [
                np.repeat(place, len(days), 0),
                np.tile(calendar, (len(where), 1)),
                np.log(np.maximum(mean[:, days], NEVER)).ravel(),
            ]
        )

    def _rows(self, kind: str, origins: Sequence[int], now: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features, expected reports known now, and reports known now, of places and days after `origins`."""
        sample = np.random.default_rng(now)
        each = max(1, min(HORIZON, BOOSTED_ROWS // (len(self.places[kind]) * TRAINING_ORIGINS)))
        x, expected, y = [], [], []
        for o in origins:
            days = np.sort(sample.choice(HORIZON, each, replace=False))
            known = np.maximum(self._known(o, now)[days], 1e-9)
            x.append(self._features(kind, o, days))
            expected.append((self.smooth(kind, o)[:, days] * known).ravel())
            y.append(self.outcome(kind, o, now)[:, days].ravel())
        possible = np.concatenate(expected) > 0  # not so where a place has had no report yet
        return np.concatenate(x)[possible], np.concatenate(expected)[possible], np.concatenate(y)[possible]

    def boosted(self, kind: str, origin: int) -> tuple[np.ndarray, int]:
        """(P, 28) expected reports, and the number of LightGBM's rounds that made them from the smoothed rates."""
        if (kind, origin) not in self._final:
            self._final[kind, origin] = self._boosted(kind, origin)
        return self._final[kind, origin]

    def _boosted(self, kind: str, origin: int) -> tuple[np.ndarray, int]:
        """The smoothed rates with what LightGBM adds, and the number of its rounds.

        None where they did not lower the deviance of the latest quarter of the weeks before, which they had not seen.
        """
        mean, past = self.smooth(kind, origin), self.training_origins(origin)
        late = past[: len(past) // 4]
        early = [o for o in past if late and o <= late[-1] - HORIZON]
        if not late or len(early) < 4:
            return mean, 0
        parameters = PARAMETERS | {"num_threads": threads()}
        x, expected, y = self._rows(kind, early, origin)
        train = lightgbm.Dataset(x, y, init_score=np.log(expected), params={"verbose": -1})
        x, expected, y = self._rows(kind, late, origin)
        test = lightgbm.Dataset(x, y, init_score=np.log(expected), reference=train)
        fitted = lightgbm.train(parameters, train, 150, [test], callbacks=[lightgbm.early_stopping(15, verbose=False)])
        before = deviance(y, expected)
        after = deviance(y, expected * np.exp(fitted.predict(x, raw_score=True, num_iteration=fitted.best_iteration)))
        if after > before * (1 - WORTH_IT):
            return mean, 0
        learnt = fitted.predict(
            self._features(kind, origin, np.arange(HORIZON)), raw_score=True, num_iteration=fitted.best_iteration
        )
        return mean * np.exp(np.asarray(learnt).reshape(mean.shape)), fitted.best_iteration

    def forecast(self, kind: str, origin: int) -> np.ndarray:
        """(P, 28) expected reports of each place on the days after `origin`; parts add up to their whole."""
        if kind == "city":
            return self.forecast("area", origin).sum(0, keepdims=True)
        mean, _ = self.boosted(kind, origin)
        if kind == "district":
            area, _ = self.boosted("area", origin)
            total = np.zeros_like(area)
            np.add.at(total, self._area_of, mean)
            mean = mean * (area / np.maximum(total, 1e-12))[self._area_of]
        return mean


def deviance(reports: np.ndarray, mean: np.ndarray) -> float:
    """Mean Poisson deviance of expected reports, all above 0."""
    ratio = np.where(reports > 0, reports, 1) / mean
    return float(2 * (reports * np.log(ratio) - (reports - mean)).mean())
