"""Shares of shifts and categories in a place's reports, which split its forecast."""

from collections.abc import Mapping

import numpy as np

from crime.core.days import weekday
from crime.forecaster.arrays import Cut
from crime.reports.categories import CATEGORIES
from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind, Places, area_index

# set by judgement, as docs/method.md says
SHARE_DAYS = 364  # days of history that shares are estimated from: whole weeks, every season once
CELL_PRIOR = 0.1  # reports added to each of the city's 21 cells, so that none is impossible
# Weights of the priors, in reports: of the city's shares for a weekday's and an area's, of the area's for a district's.
WEEKDAY_STRENGTH, AREA_STRENGTH, DISTRICT_STRENGTH = 50.0, 100.0, 50.0
SHIFTS_BY_CATEGORIES = (3, len(CATEGORIES))


def shift_category_counts(
    history: EventHistory, places: Places, first: int, last: int, known_by: int | None = None
) -> np.ndarray:
    """(P, days, 3, 7) reports by shift and category, on days `first` to `last`.

    Of those known by the day `known_by`, if given.
    """
    rows = slice(*np.searchsorted(history.occurred, [first, last + 1]))
    known = places.index[rows] >= 0
    if known_by is not None:
        known &= history.known[rows] <= known_by
    columns = places.index[rows], history.occurred[rows] - first, history.shift[rows], history.category[rows]
    shape = (len(places), last - first + 1, *SHIFTS_BY_CATEGORIES)
    cells = np.ravel_multi_index(tuple(column[known] for column in columns), shape)
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def shift_category_shares(
    history: EventHistory, places: Mapping[PlaceKind, Places], kind: PlaceKind, origin: int
) -> np.ndarray:
    """(P, 7, 3, 7) share of each shift and category in a place's reports, by weekday, from what was known at `origin`.

    Districts are shrunk to their area and areas to the city (the mean of a Dirichlet posterior); the effect of the
    weekday is the city's.
    """
    first = max(history.first, origin - SHARE_DAYS + 1)
    recent = (history.occurred >= first) & (history.occurred <= origin) & (history.known <= origin)
    shift, category = history.shift[recent], history.category[recent]

    def counts(index: np.ndarray, size: int) -> np.ndarray:
        table = np.zeros((size, *SHIFTS_BY_CATEGORIES))
        located = index >= 0
        np.add.at(table, (index[located], shift[located], category[located]), 1)
        return table

    by_weekday = counts(weekday(history.occurred[recent]), 7)
    city = (by_weekday.sum(0) + CELL_PRIOR) / (by_weekday.sum() + CELL_PRIOR * by_weekday[0].size)
    shares = city[None]
    if kind != "city":
        shares = _shrunk(counts(places["area"].index[recent], len(places["area"])), city, AREA_STRENGTH)
    if kind == "district":
        area_shares = shares[area_index(places)]
        shares = _shrunk(counts(places[kind].index[recent], len(places[kind])), area_shares, DISTRICT_STRENGTH)
    effect = _shrunk(by_weekday, city, WEEKDAY_STRENGTH) / city
    split = shares[:, None] * effect[None]
    return np.asarray(split / split.sum((2, 3), keepdims=True))


def sum_cut(values: np.ndarray, cut: Cut) -> np.ndarray:
    """(P, days, 3, 7) summed over what the cut does not split by."""
    axes: dict[Cut, tuple[int, ...]] = {"all": (2, 3), "shift": (3,), "category": (2,), "both": ()}
    return np.asarray(values.sum(axes[cut]))


def _shrunk(counts: np.ndarray, towards: np.ndarray, strength: float) -> np.ndarray:
    """Shares of cells (..., 3, 7) in each table, with `strength` reports of the shares `towards` added."""
    return np.asarray((counts + strength * towards) / (counts.sum((1, 2), keepdims=True) + strength))
