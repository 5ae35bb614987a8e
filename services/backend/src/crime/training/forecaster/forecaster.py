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

from crime.core.cpu import available_cpus
from crime.features.calendar import calendar_features
from crime.features.store import FeatureStore
from crime.features.windows import WINDOW_FEATURES
from crime.forecaster.bundle import HORIZON_DAYS
from crime.metrics.counts import poisson_deviance
from crime.reports.history import EventHistory
from crime.reports.places import daily_counts, places_of
from crime.training.forecaster.baselines import MEAN_FLOOR, baseline_forecasts
from crime.training.forecaster.combination import combine_rates
from crime.training.forecaster.reporting_delay import MAX_DELAY_DAYS
from crime.training.forecaster.view import KEPT_DAYS, OriginView

LEVEL_HALF_LIVES = (5.0, 14.0, 28.0, 91.0)  # half-lives in days of the level of the city and its areas, which drifts
SHARE_HALF_LIVES = (5.0, 28.0, 91.0, 364.0, np.inf)  # and of places' shares in it, which hold longer
HORIZON_RANGES = (
    slice(0, 2),
    slice(2, 7),
    slice(7, 14),
    slice(14, 28),
)  # of the horizon, each with its own combination
MIN_HISTORY_DAYS = 84  # of history before a first forecast
MAX_TRAINING_ORIGINS = 26  # a week apart
MIN_RATE = 1e-9  # reports a day, where none has been yet
MAX_BOOSTING_ROWS = 200_000
MIN_DEVIANCE_GAIN = 0.0005  # of the deviance
BOOSTING_PARAMETERS = {
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
OUR_METHOD = "crime-risk"


class Forecaster:
    """Forecasts of a history at any origin. What is computed for an origin is kept for the next one."""

    def __init__(self, history: EventHistory, kinds: Sequence[str]):
        self.history = history
        self.places = {kind: places_of(history, kind) for kind in dict.fromkeys(["city", "area", *kinds])}
        self._views: dict[int, OriginView] = {}
        self._components: dict[tuple[str, int], np.ndarray] = {}
        self._smooth: dict[tuple[str, int], np.ndarray] = {}
        self._final: dict[tuple[str, int], tuple[np.ndarray, int]] = {}
        self._baselines: dict[tuple[str, int], dict[str, np.ndarray]] = {}

    def view(self, origin: int) -> OriginView:
        if origin not in self._views:
            self._views[origin] = OriginView(self.history, self.places, origin)
        return self._views[origin]

    def baselines(self, kind: str, origin: int) -> dict[str, np.ndarray]:
        if (kind, origin) not in self._baselines:
            self._baselines[kind, origin] = baseline_forecasts(self.view(origin), kind)
        return self._baselines[kind, origin]

    def components(self, kind: str, origin: int) -> np.ndarray:
        """(K, P, 28) rates that the combination chooses from."""
        if (kind, origin) not in self._components:
            view = self.view(origin)
            ahead, season = view.calendar[-HORIZON_DAYS:], view.calendar[-HORIZON_DAYS:] * view.season[-HORIZON_DAYS:]
            found = []
            if kind != "district":
                for half_life in LEVEL_HALF_LIVES:
                    for effect, future in ((view.calendar, ahead), (view.calendar * view.season, season)):
                        if future is season and (half_life < 28 or view.days < 730):
                            continue
                        reports, exposure = view.rates(kind, half_life, effect)
                        found.append((reports / exposure)[:, None] * future)
                if kind == "area":
                    city = self.smooth("city", origin)
                    found += [self._shares(view, kind, half_life)[:, None] * city for half_life in SHARE_HALF_LIVES[1:]]
            else:
                area = self.smooth("area", origin)[self._area_of]
                found += [self._shares(view, kind, half_life)[:, None] * area for half_life in SHARE_HALF_LIVES]
            plain = self.baselines(kind, origin)
            if kind != "city":  # the neighbourhood's recent reports, at the city's level
                near = plain["KDE hot spots"][:, 0]
                found.append(near[:, None] / near.sum() * self.smooth("city", origin))
            stacked = np.stack(found)
            least = MEAN_FLOOR * plain["long-run mean"]
            self._components[kind, origin] = np.maximum(stacked, least).astype(np.float32)
        return self._components[kind, origin]

    @cached_property
    def _area_of(self) -> np.ndarray:
        """Index of the area of each district."""
        return np.searchsorted(self.places["area"].ids, self.places["district"].area)

    def _shares(self, view: OriginView, kind: str, half_life: float) -> np.ndarray:
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
        earliest = max(self.history.first, origin - KEPT_DAYS) + MIN_HISTORY_DAYS - 1
        latest = origin - HORIZON_DAYS
        return list(range(latest, earliest - 1, -7))[:MAX_TRAINING_ORIGINS]

    def outcome(self, kind: str, origin: int, known_by: int) -> np.ndarray:
        """(P, 28) reports of the days after `origin`, of those known by `known_by`."""
        return daily_counts(self.history, self.places[kind], origin + 1, origin + HORIZON_DAYS, known_by)

    def _known(self, origin: int, now: int) -> np.ndarray:
        """(28,) share of the reports of the days after `origin` that is known `now`; 0 for days in a gap."""
        view = self.view(now)
        days = np.arange(origin + 1, origin + HORIZON_DAYS + 1)
        return view.known[np.minimum(now - days, MAX_DELAY_DAYS)] * view.observed[days - view.first]

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
            for days in HORIZON_RANGES:
                if past:
                    x = np.concatenate([part[:, :, days].reshape(len(parts), -1) for part in before], axis=1)
                    y, seen = (
                        np.concatenate([part[:, days].ravel() for part in parts_]) for parts_ in (outcomes, known)
                    )
                    weights = combine_rates(x, y, seen)
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
    def store(self) -> FeatureStore:
        return FeatureStore(self.history)

    def _features(self, kind: str, origin: int, days: np.ndarray) -> np.ndarray:
        """(P * len(days), features) of the places at `origin` for the days of the horizon with index `days`."""
        where, mean = self.places[kind], self.smooth(kind, origin)
        view = self.view(origin)
        own = self.store.as_of(kind, where.ids, np.full(len(where), origin))
        columns = [own]
        if kind == "district":
            columns.append(self.store.as_of("area", where.area, np.full(len(where), origin)))
        windows = np.minimum([w.days for w in WINDOW_FEATURES], view.days)
        rates = [mean.mean(1)]
        if kind == "district":
            rates.append(np.bincount(self._area_of, rates[0])[self._area_of])
        ratios = [
            np.log((counts + 1) / (rate[:, None] * windows + 1)) for counts, rate in zip(columns, rates, strict=True)
        ]
        place = np.column_stack([*ratios, np.log(np.maximum(rates[0], MIN_RATE)), where.area])
        future = calendar_features(origin + 1, origin + HORIZON_DAYS)[days]
        calendar = np.column_stack([future[:, :7].argmax(1), future[:, 7:].sum(1), days])
        return np.column_stack(
            [
                np.repeat(place, len(days), 0),
                np.tile(calendar, (len(where), 1)),
                np.log(np.maximum(mean[:, days], MIN_RATE)).ravel(),
            ]
        )

    def _rows(self, kind: str, origins: Sequence[int], now: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features, expected reports known now, and reports known now, of places and days after `origins`."""
        sample = np.random.default_rng(now)
        each = max(1, min(HORIZON_DAYS, MAX_BOOSTING_ROWS // (len(self.places[kind]) * MAX_TRAINING_ORIGINS)))
        x, expected, y = [], [], []
        for o in origins:
            days = np.sort(sample.choice(HORIZON_DAYS, each, replace=False))
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
        early = [o for o in past if late and o <= late[-1] - HORIZON_DAYS]
        if not late or len(early) < 4:
            return mean, 0
        parameters = BOOSTING_PARAMETERS | {"num_threads": available_cpus()}
        x, expected, y = self._rows(kind, early, origin)
        train = lightgbm.Dataset(x, y, init_score=np.log(expected), params={"verbose": -1})
        x, expected, y = self._rows(kind, late, origin)
        test = lightgbm.Dataset(x, y, init_score=np.log(expected), reference=train)
        fitted = lightgbm.train(parameters, train, 150, [test], callbacks=[lightgbm.early_stopping(15, verbose=False)])
        before = poisson_deviance(y, expected)
        after = poisson_deviance(
            y, expected * np.exp(fitted.predict(x, raw_score=True, num_iteration=fitted.best_iteration))
        )
        if after > before * (1 - MIN_DEVIANCE_GAIN):
            return mean, 0
        learnt = fitted.predict(
            self._features(kind, origin, np.arange(HORIZON_DAYS)), raw_score=True, num_iteration=fitted.best_iteration
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
