"""Gradient boosting: LightGBM's Poisson trees, which start from the smoothed rates and correct them.

Ke et al., LightGBM: a highly efficient gradient boosting decision tree, NIPS 2017. The trees are used only where they
lower the deviance of the latest weeks, which they were not trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crime.core.computed_once import ComputedOnce
from crime.features.calendar import calendar_features
from crime.features.windows import WINDOW_FEATURES, Entity
from crime.forecaster.arrays import HORIZON_DAYS
from crime.metrics.counts import poisson_deviance
from crime.training.forecaster.origin_view import MAX_TRAINING_ORIGINS, KnownHistory
from crime.training.forecaster.smoothed_rates import SmoothedRates
from crime.training.plain_lightgbm import lightgbm

MIN_RATE = 1e-9  # reports a day, for a place that has had none yet: keeps the logarithm finite
MAX_TRAINING_ROWS = 100_000  # places x days; days are sampled from the horizon if there are more
MIN_TRAINING_ORIGINS = 4  # past origins; with fewer there are no trees
VALIDATION_FRACTION = 4  # one in so many past origins, the latest ones, validates the trees
MIN_DEVIANCE_GAIN = 0.0005  # share of the deviance of these origins that the trees must save: docs/method.md
MAX_ROUNDS, STOPPING_ROUNDS = 150, 15  # at most, and without a better deviance; docs/method.md
# One thread each, since several forecasts are made at once. Bins of inputs follow from a part of the rows.
DATASET_PARAMETERS = {"verbose": -1, "num_threads": 1, "bin_construct_sample_cnt": 20_000}
PARAMETERS = {  # few leaves and strong regularisation, since little is left after the rates: docs/method.md
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
    "seed": 0,
    **DATASET_PARAMETERS,
}


@dataclass(frozen=True)
class TrainingRows:
    """n rows, each a place and a day after a past origin."""

    features: np.ndarray  # (n, features)
    expected: np.ndarray  # (n,) by the smoothed rates, of the reports known by now
    reports: np.ndarray  # (n,) known by now

    def dataset(self, reference: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
        start = np.log(self.expected)
        return lightgbm.Dataset(self.features, self.reports, reference, init_score=start, params=DATASET_PARAMETERS)


class BoostedRates:
    """The smoothed rates, multiplied by LightGBM's correction: `forecast(kind, origin)` (P, 28), which is kept."""

    def __init__(self, known: KnownHistory, rates: SmoothedRates):
        self.known = known
        self.rates = rates
        self.forecast = ComputedOnce(self._make_forecast)

    def _make_forecast(self, kind: Entity, origin: int) -> np.ndarray:
        rates = self.rates.combined(kind, origin)
        model = self._train(kind, origin)
        if model is None:
            return rates
        return rates * _factor(model, self._features(kind, origin, np.arange(HORIZON_DAYS))).reshape(rates.shape)

    def _train(self, kind: Entity, origin: int) -> lightgbm.Booster | None:
        """The trees; None where there is too little history, or the trees do not lower the deviance."""
        past = self.known.training_origins(origin)
        validation = past[: len(past) // VALIDATION_FRACTION]
        early = [earlier for earlier in past if validation and earlier <= validation[-1] - HORIZON_DAYS]
        if not validation or len(early) < MIN_TRAINING_ORIGINS:
            return None
        training = self._rows(kind, early, origin).dataset()
        rows = self._rows(kind, validation, origin)
        model = lightgbm.train(
            PARAMETERS,
            training,
            MAX_ROUNDS,
            [rows.dataset(training)],
            callbacks=[lightgbm.early_stopping(STOPPING_ROUNDS, verbose=False)],
        )
        before = poisson_deviance(rows.reports, rows.expected)
        after = poisson_deviance(rows.reports, rows.expected * _factor(model, rows.features))
        return model if after <= before * (1 - MIN_DEVIANCE_GAIN) else None

    def _rows(self, kind: Entity, origins: Sequence[int], now: int) -> TrainingRows:
        rng = np.random.default_rng(now)
        size = MAX_TRAINING_ROWS // (len(self.known.places[kind]) * MAX_TRAINING_ORIGINS)
        sampled_days = max(1, min(HORIZON_DAYS, size))
        features, expected, reports = [], [], []
        for origin in origins:
            days = np.sort(rng.choice(HORIZON_DAYS, sampled_days, replace=False))
            exposure = np.maximum(self.known.outcome_exposure(origin, now)[days], 1e-9)
            features.append(self._features(kind, origin, days))
            expected.append((self.rates.combined(kind, origin)[:, days] * exposure).ravel())
            reports.append(self.known.outcome(kind, origin, now)[:, days].ravel())
        possible = np.concatenate(expected) > 0  # False for places without a report before the origin
        return TrainingRows(
            np.concatenate(features)[possible], np.concatenate(expected)[possible], np.concatenate(reports)[possible]
        )

    def _features(self, kind: Entity, origin: int, days: np.ndarray) -> np.ndarray:
        """(P * len(days), features) of the places at `origin`, for days of the horizon (0 to 27).

        The ratio of each window's count to the count that the smoothed rate predicts (for a district, also its area's),
        the rate, the area, weekday, holidays, the day of the horizon, and the smoothed forecast of that day.
        """
        places, combined, view = self.known.places[kind], self.rates.combined(kind, origin), self.known.view(origin)
        windows = np.minimum([window.days for window in WINDOW_FEATURES], view.days)
        rate = combined.mean(1)
        ratios = [_log_ratio(view.window_counts(kind), rate, windows)]
        if kind == "district":
            group = self.known.area_of_district
            ratios.append(_log_ratio(view.window_counts("area")[group], np.bincount(group, rate)[group], windows))
        place_features = np.column_stack([*ratios, np.log(np.maximum(rate, MIN_RATE)), places.area])
        calendar = calendar_features(origin + 1, origin + HORIZON_DAYS)[days]
        day_features = np.column_stack([calendar[:, :7].argmax(1), calendar[:, 7:].sum(1), days])
        features = [
            np.repeat(place_features, len(days), 0),
            np.tile(day_features, (len(places), 1)),
            np.log(np.maximum(combined[:, days], MIN_RATE)).ravel(),
        ]
        return np.column_stack(features).astype(np.float32)


def _log_ratio(counts: np.ndarray, rate: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """(P, windows) log ratio of counts (P, windows) to those that the daily rate (P,) predicts in windows of days."""
    return np.asarray(np.log((counts + 1) / (rate[:, None] * windows + 1)))


def _factor(model: lightgbm.Booster, features: np.ndarray) -> np.ndarray:
    """(n,) factor by which the trees correct the expected reports."""
    raw = model.predict(features, raw_score=True, num_iteration=model.best_iteration, num_threads=1)
    return np.asarray(np.exp(np.asarray(raw)))
