"""Reporting delay: how complete the counts of recent days are, and which days the table does not cover."""

import numpy as np

from crime.reports.history import EventHistory

# set by judgement, as docs/method.md says
MAX_DELAY_DAYS = 400  # longer delays count as 400 days: too few reports come later to matter
MIN_COMPLETENESS = 0.05  # of a day's reports; rates are divided by it, and a lower estimate would blow them up
MIN_GAP_DAYS = 3  # days without a report; a shorter silence is no gap
MIN_MISSING_REPORTS = 20  # reports expected on the days of a gap; if fewer, the silence may be chance
GAP_MARGIN_DAYS = 28  # on either side of a gap; their counts give the number of reports to expect in it


def completeness(history: EventHistory, origin: int) -> np.ndarray:
    """(401,) share of a day's reports that is known k days later, estimated from what was known by `origin`.

    A delay can only be seen if it ended by `origin`: delays of recent reports are truncated. The reverse-time hazard
    allows for that (Kalbfleisch and Lawless, Inference based on retrospective ascertainment, JASA 1989).
    """
    known = history.known <= origin
    delay = np.minimum(history.known[known] - history.occurred[known], MAX_DELAY_DAYS)
    age = np.minimum(origin - history.occurred[known], MAX_DELAY_DAYS)
    size = MAX_DELAY_DAYS + 1
    table = np.bincount(delay * size + age, minlength=size * size).reshape(size, size)
    by_age = np.cumsum(table[:, ::-1], axis=1)[:, ::-1]  # [k, a]: reports of delay k and age a or more
    k = np.arange(size)
    delay_k = by_age[k, k]
    delay_up_to_k = np.cumsum(by_age, axis=0)[k, k]
    complement = 1 - delay_k / np.maximum(delay_up_to_k, 1)  # 1 - reverse-time hazard
    complement[delay_up_to_k == 0] = 1
    share = np.ones(size)
    share[:-1] = np.cumprod(complement[:0:-1])[::-1]
    return np.maximum(share, MIN_COMPLETENESS)


def observed_days(counts: np.ndarray) -> np.ndarray:
    """(T,) bool: the days that the table covers, from the whole city's daily counts (T,).

    A run of days without any report is a gap in the table, not a quiet time, if 20 or more were to be expected.
    """
    observed = np.ones(len(counts), bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], counts == 0, [0]])))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        around = counts[max(0, begin - GAP_MARGIN_DAYS) : end + GAP_MARGIN_DAYS]
        expected = (end - begin) * around.sum() / max(1, np.count_nonzero(around))
        if expected >= MIN_MISSING_REPORTS and end - begin >= MIN_GAP_DAYS:
            observed[begin:end] = False
    return observed
