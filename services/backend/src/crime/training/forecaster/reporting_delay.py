"""Reports as events: where and when they happened, and when each became known.

Whoever looks at a day sees only what had been reported by then (`Date Rptd`): a report of an earlier day that came
in later is not there yet. Days are whole days since 1970-01-01.
"""

import numpy as np

from crime.reports.history import EventHistory

MIN_SILENT_REPORTS = 20  # reports that would have come; days without one are then not observed, rather than quiet
MAX_DELAY_DAYS = 400  # days; what is reported later is too little to reckon with


def completeness(history: EventHistory, origin: int) -> np.ndarray:
    """Share of a day's reports that is known k days later, k = 0 to 400, from what was known by `origin`.

    Delays are seen only where they are short enough to have ended: the reverse-time hazard takes account of that
    (Kalbfleisch and Lawless, Inference based on retrospective ascertainment, JASA 1989).
    """
    seen = history.known <= origin
    delay = np.minimum(history.known[seen] - history.occurred[seen], MAX_DELAY_DAYS)
    age = np.minimum(origin - history.occurred[seen], MAX_DELAY_DAYS)
    size = MAX_DELAY_DAYS + 1
    table = np.bincount(delay * size + age, minlength=size * size).reshape(size, size)
    by_age = np.cumsum(table[:, ::-1], axis=1)[:, ::-1]  # [k, a]: delay k, age a or more
    k = np.arange(size)
    at_k = by_age[k, k]
    up_to_k = np.cumsum(by_age, axis=0)[k, k]
    stays = 1 - at_k / np.maximum(up_to_k, 1)
    stays[up_to_k == 0] = 1
    share = np.ones(size)
    share[:-1] = np.cumprod(stays[:0:-1])[::-1]
    return np.maximum(share, 0.05)


def observed_days(counts: np.ndarray) -> np.ndarray:
    """Which days (T,) were observed, of the whole city's counts (T,).

    False in runs of days without a report in which 20 or more would have come: a gap in the table, not a quiet week.
    """
    seen = np.ones(len(counts), bool)
    some = counts[counts > 0]
    if not len(some):
        return seen
    edges = np.flatnonzero(np.diff(np.concatenate([[0], counts == 0, [0]])))
    for begin, finish in zip(edges[::2], edges[1::2], strict=True):
        around = counts[max(0, begin - 28) : finish + 28]
        if (finish - begin) * around.sum() / max(
            1, np.count_nonzero(around)
        ) >= MIN_SILENT_REPORTS and finish - begin >= 3:
            seen[begin:finish] = False
    return seen
