"""Counts of the city and its areas by category, and which share of each category is known."""

import numpy as np

from crime.forecaster.week import KINDS
from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind, Places
from crime.training.forecaster.origin_view import KnownHistory
from crime.training.forecaster.reporting_delay import MAX_DELAY_DAYS, completeness

CITY_AND_AREAS: tuple[PlaceKind, ...] = ("city", "area")


def kind_counts(history: EventHistory, places: Places, span: tuple[int, int], known_by: int) -> np.ndarray:
    """(P, days, 8) reports of each place, day and kind of `KINDS`, of a span of days, known by the day `known_by`."""
    first, last = span
    rows = slice(*np.searchsorted(history.occurred, [first, last + 1]))
    counted = (places.index[rows] >= 0) & (history.known[rows] <= known_by)
    counts = np.zeros((len(places), last - first + 1, len(KINDS)), np.int32)
    columns = (places.index[rows], history.occurred[rows] - first, history.category[rows].astype(int) + 1)
    np.add.at(counts, tuple(column[counted] for column in columns), 1)
    counts[:, :, 0] = counts.sum(2)
    return counts


def city_and_area_counts(known: KnownHistory, span: tuple[int, int], known_by: int) -> np.ndarray:
    """(1 + areas, days, 8) reports of the city and then the areas."""
    return np.concatenate([kind_counts(known.history, known.places[kind], span, known_by) for kind in CITY_AND_AREAS])


def known_share(known: KnownHistory, span: tuple[int, int], known_by: int) -> np.ndarray:
    """(days, 8) share of the reports of a span's days and each kind of `KINDS` that was known by `known_by`.

    Each category has its own: fraud is reported much later than violence. 0 outside the table and in gaps.
    """
    history = known.history
    view = known.view(history.last)
    days = np.arange(span[0], span[1] + 1)
    inside = (days >= view.first) & (days <= history.last)
    observed = view.observed[np.clip(days - view.first, 0, view.days - 1)]
    age = np.clip(known_by - days, 0, MAX_DELAY_DAYS)
    parts = [history, *(history.take(np.flatnonzero(history.category == kind)) for kind in range(len(KINDS) - 1))]
    share = np.stack([completeness(part, known_by)[age] for part in parts], 1)
    return np.asarray(share * (observed & inside)[:, None])
