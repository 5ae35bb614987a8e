"""Reconciliation of forecasts, so that the parts add up to the whole.

Middle-out: the areas' forecasts are kept. The city is their sum, and districts are scaled to their area by forecast
proportions (Athanasopoulos, Ahmed and Hyndman, Hierarchical forecasts for Australian domestic tourism, International
Journal of Forecasting 2009).
"""

import numpy as np


def city_total(area: np.ndarray) -> np.ndarray:
    """(1, days) sum of the areas' forecasts (areas, days)."""
    return np.asarray(area.sum(0, keepdims=True))


def scale_to_areas(district: np.ndarray, area: np.ndarray, area_of_district: np.ndarray) -> np.ndarray:
    """(districts, days) forecasts that sum to those of the areas (areas, days).

    `area_of_district` (districts,) is the index of each district's area.
    """
    total = np.zeros_like(area)
    np.add.at(total, area_of_district, district)
    return np.asarray(district * (area / np.maximum(total, 1e-12))[area_of_district])
