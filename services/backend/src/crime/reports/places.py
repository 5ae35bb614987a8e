"""Reports as events: where and when they happened, and when each became known.

Whoever looks at a day sees only what had been reported by then (`Date Rptd`): a report of an earlier day that came
in later is not there yet. Days are whole days since 1970-01-01.
"""

from dataclasses import dataclass

import numpy as np

from crime.core.errors import DataError
from crime.reports.history import EventHistory


@dataclass(frozen=True)
class Places:
    """The places of one kind in a history: `ids` (P,), and of each report the index of its place, -1 where unknown.

    `area` (P,) is the area each lies in: for districts the one most of its reports name.
    """

    kind: str
    ids: np.ndarray
    area: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def places_of(history: EventHistory, kind: str) -> Places:
    """The `city` (one place, id 0), its `area`s or its `district`s. Raises `DataError` where none is known."""
    ids = {"city": np.zeros(len(history), int), "area": history.area, "district": history.district}[kind]
    known = ids > 0 if kind != "city" else np.ones(len(ids), bool)
    if not known.any():
        raise DataError("no reporting district is known: the column 'Rpt Dist No' is missing or empty")
    found, inverse = np.unique(ids[known], return_inverse=True)
    index = np.full(len(history), -1)
    index[known] = inverse
    areas = int(history.area.max()) + 1
    votes = np.bincount(inverse * areas + history.area[known], minlength=len(found) * areas).reshape(-1, areas)
    return Places(kind, found, votes.argmax(1) if kind != "city" else np.zeros(1, int), index)


def daily_counts(
    history: EventHistory, where: Places, first: int, last: int, known_by: int | None = None
) -> np.ndarray:
    """(P, days) reports of each place on each day `first` to `last`, of those known by `known_by` if given."""
    days = last - first + 1
    rows = slice(*np.searchsorted(history.occurred, [first, last + 1]))
    index = where.index[rows]
    chosen = index >= 0
    if known_by is not None:
        chosen &= history.known[rows] <= known_by
    cells = index[chosen] * days + (history.occurred[rows][chosen] - first)
    return np.bincount(cells, minlength=len(where) * days).astype(np.int32).reshape(len(where), days)
