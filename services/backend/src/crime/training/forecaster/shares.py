"""Fit `crime-risk` on all that is known and write its bundle: the forecast itself, how it was tried, the features."""

import numpy as np

from crime.reports.categories import CATEGORIES
from crime.reports.history import EventHistory
from crime.training.forecaster.forecaster import Forecaster

SHARE_DAYS = 364  # of history from which shifts' and categories' shares are taken
AREA_STRENGTH, PLACE_STRENGTH = 100.0, 50.0  # reports' worth of trust in the city's, and in the area's, shares


def count_cells(history: EventHistory, index: np.ndarray, places: int, first: int, last: int) -> np.ndarray:
    """(places, days, 3, 7) reports by shift and category."""
    rows = slice(*np.searchsorted(history.occurred, [first, last + 1]))
    keep = index[rows] >= 0
    shape = (places, last - first + 1, 3, len(CATEGORIES))
    at = np.ravel_multi_index(
        (
            index[rows][keep],
            history.occurred[rows][keep] - first,
            history.shift[rows][keep],
            history.category[rows][keep],
        ),
        shape,
    )
    return np.bincount(at, minlength=int(np.prod(shape))).reshape(shape)


def shift_category_shares(forecaster: Forecaster, kind: str, origin: int) -> np.ndarray:
    """(P, 7, 3, 7) share of each shift and category in a place's reports, by weekday, of what was known at `origin`.

    Districts are shrunk to their area, areas to the city; the weekday's effect is the city's.
    """
    history = forecaster.history.known_by(origin)
    first = max(history.first, origin - SHARE_DAYS + 1)
    rows = slice(*np.searchsorted(history.occurred, [first, origin + 1]))
    weekday = np.zeros((7, 3, len(CATEGORIES)))
    np.add.at(weekday, ((history.occurred[rows] + 3) % 7, history.shift[rows], history.category[rows]), 1)
    city = (weekday.sum(0) + 0.1) / (weekday.sum() + 2.1)
    weekday = (weekday + 50 * city) / (weekday.sum((1, 2), keepdims=True) + 50)

    def smoothed(which: str, towards: np.ndarray, strength: float) -> np.ndarray:
        where = forecaster.places[which]
        ids = history.area if which == "area" else history.district
        known = np.isin(ids[rows], where.ids)
        counts = np.zeros((len(where), 3, len(CATEGORIES)))
        at = np.searchsorted(where.ids, ids[rows][known])
        np.add.at(counts, (at, history.shift[rows][known], history.category[rows][known]), 1)
        return (counts + strength * towards) / (counts.sum((1, 2), keepdims=True) + strength)

    base = city[None]
    if kind != "city":
        base = smoothed("area", city, AREA_STRENGTH)
    if kind == "district":
        area = np.searchsorted(forecaster.places["area"].ids, forecaster.places["district"].area)
        base = smoothed("district", base[area], PLACE_STRENGTH)
    found = base[:, None] * (weekday / city)[None]
    return found / found.sum((2, 3), keepdims=True)


def sum_cut(values: np.ndarray, cut: str) -> np.ndarray:
    """(P, days, 3, 7) summed to what an interval is for."""
    axes = {"all": (2, 3), "shift": (3,), "category": (2,), "both": ()}[cut]
    return values.sum(axes) if axes else values
