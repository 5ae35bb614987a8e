"""The forecaster `crime-risk`: expected reports by place and day, up to 28 days ahead, from any origin in a history."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from crime.core.cpu import available_cpus
from crime.core.days import day_text
from crime.core.executors import Executor, LocalExecutor, ShareDone
from crime.core.progress import Progress, no_progress
from crime.features.windows import Entity
from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind
from crime.training.forecaster.boosting import BoostedRates
from crime.training.forecaster.origin_view import KnownHistory
from crime.training.forecaster.reconciliation import city_total, scale_to_areas
from crime.training.forecaster.smoothed_rates import SmoothedRates

OUR_METHOD = "crime-risk"


class OriginKinds(NamedTuple):
    """The kinds of places that one origin's forecasts, and its baselines, are needed of."""

    origin: int
    forecasts: Sequence[PlaceKind]
    baselines: Sequence[PlaceKind] = ()


Arrays = dict[Entity, np.ndarray]  # (P, 28) by kind of place
Baselines = dict[PlaceKind, dict[str, np.ndarray]]  # (P, 28) by kind of place and method


class Forecaster:
    """Smoothed rates, their combination, boosting and reconciliation. What was computed for an origin is cached."""

    def __init__(self, history: EventHistory, kinds: Sequence[PlaceKind]):
        self.known = KnownHistory(history, kinds)
        self.rates = SmoothedRates(self.known)
        self.boosted = BoostedRates(self.known, self.rates)

    def __reduce__(self) -> tuple[type["Forecaster"], tuple[EventHistory, list[PlaceKind]]]:
        """Pickled without what was computed: the history is small, and a worker computes the rest as it needs it."""
        return Forecaster, (self.known.history, list(self.known.places))

    def forecast(self, kind: PlaceKind, origin: int) -> np.ndarray:
        """(P, 28) expected reports of each place on the days after `origin`; parts add up to their whole."""
        area = self.boosted.forecast("area", origin)
        if kind == "city":
            return city_total(area)
        if kind == "district":
            return scale_to_areas(self.boosted.forecast(kind, origin), area, self.known.area_of_district)
        return area

    def compute(
        self, needed: Sequence[OriginKinds], executor: Executor | None = None, progress: Progress = no_progress
    ) -> None:
        """Compute what several origins need at the same time, and keep it; the rest is computed when it is asked for.

        By `executor`; threads of this process if None.
        """
        executor = executor or LocalExecutor(available_cpus())
        # BLAS's own threads wait for each other most of the time: these matrices are small
        with threadpool_limits(1, "blas"):
            results = executor.map(_compute, self, needed, runs=True)
            for index, (origin, _, _) in enumerate(needed):
                progress(f"forecast of {day_text(origin)}", index / len(needed))
                boosted, baselines = next(results)
                for entity, forecast in boosted.items():
                    self.boosted.forecast.keep(forecast, entity, origin)
                for kind, methods in baselines.items():
                    self.rates.baselines.keep(methods, kind, origin)


def _compute(forecaster: Forecaster, needed: OriginKinds, share_done: ShareDone) -> tuple[Arrays, Baselines]:
    """What an origin needs: forecasts before reconciliation, which is quick, and baselines. Runs on a worker."""
    entities: set[Entity] = {"area" if kind == "city" else kind for kind in needed.forecasts} | {"area"}
    with threadpool_limits(1, "blas"):
        boosted: Arrays = {entity: forecaster.boosted.forecast(entity, needed.origin) for entity in sorted(entities)}
        return boosted, {kind: forecaster.rates.baselines(kind, needed.origin) for kind in needed.baselines}
