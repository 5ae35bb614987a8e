"""The places that reports are counted by: the city, its 21 areas, their reporting districts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from crime.core.errors import DataError
from crime.reports.history import EventHistory

PlaceKind = Literal["city", "area", "district"]
PLACE_KINDS: tuple[PlaceKind, ...] = get_args(PlaceKind)


@dataclass(frozen=True)
class Places:
    """The P places of one kind in a history of n reports."""

    kind: PlaceKind
    ids: np.ndarray  # (P,) ascending; the city's is 0
    area: np.ndarray  # (P,) number of its area (of a district: the one that most of its reports name); 0 for the city
    index: np.ndarray  # (n,) index of each report's place, -1 where unknown

    def __len__(self) -> int:
        return len(self.ids)


def places_of(history: EventHistory, kind: PlaceKind) -> Places:
    """The places of one kind that reports name, by ascending id. Raises `DataError` if there are none."""
    if kind == "city":
        return Places(kind, np.zeros(1, int), np.zeros(1, int), np.zeros(len(history), int))
    ids = history.area if kind == "area" else history.district
    known = ids > 0
    if not known.any():
        raise DataError("no reporting district is known: the column 'Rpt Dist No' is missing or empty")
    distinct, inverse = np.unique(ids[known], return_inverse=True)
    index = np.full(len(history), -1)
    index[known] = inverse
    areas = int(history.area.max()) + 1
    by_area = np.bincount(inverse * areas + history.area[known], minlength=len(distinct) * areas).reshape(-1, areas)
    return Places(kind, distinct, by_area.argmax(1), index)


def area_index(places: Mapping[PlaceKind, Places]) -> np.ndarray:
    """(districts,) index of each district's area among the areas."""
    return np.searchsorted(places["area"].ids, places["district"].area)


def daily_counts(
    history: EventHistory, places: Places, first: int, last: int, known_by: int | None = None
) -> np.ndarray:
    """(P, days) reports of each place on each day `first` to `last`; of those known by the day `known_by`, if given."""
    days = last - first + 1
    rows = slice(*np.searchsorted(history.occurred, [first, last + 1]))
    index = places.index[rows]
    counted = index >= 0
    if known_by is not None:
        counted &= history.known[rows] <= known_by
    cells = index[counted] * days + (history.occurred[rows][counted] - first)
    return np.bincount(cells, minlength=len(places) * days).astype(np.int32).reshape(len(places), days)
