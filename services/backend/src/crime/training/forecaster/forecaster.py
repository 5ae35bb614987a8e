"""The forecaster `crime-risk`: expected reports by place and day, up to 28 days ahead, from any origin in a history."""

from collections.abc import Sequence

import numpy as np

from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind
from crime.training.forecaster.boosting import BoostedRates
from crime.training.forecaster.origin_view import KnownHistory
from crime.training.forecaster.reconciliation import city_total, scale_to_areas
from crime.training.forecaster.smoothed_rates import SmoothedRates

OUR_METHOD = "crime-risk"


class Forecaster:
    """Smoothed rates, their combination, boosting and reconciliation. What was computed for an origin is cached."""

    def __init__(self, history: EventHistory, kinds: Sequence[PlaceKind]):
        self.known = KnownHistory(history, kinds)
        self.rates = SmoothedRates(self.known)
        self.boosted = BoostedRates(self.known, self.rates)

    def forecast(self, kind: PlaceKind, origin: int) -> np.ndarray:
        """(P, 28) expected reports of each place on the days after `origin`; parts add up to their whole."""
        area = self.boosted.forecast("area", origin)
        if kind == "city":
            return city_total(area)
        if kind == "district":
            return scale_to_areas(self.boosted.forecast(kind, origin), area, self.known.area_of_district)
        return area
