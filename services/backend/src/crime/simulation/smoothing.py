"""Shares estimated from counts, shrunk so that what the sample happens to lack is rare and not impossible."""

import numpy as np

from crime.reports.categories import CATEGORIES

CATEGORY_COUNT = len(CATEGORIES)
CATEGORY_PRIOR_REPORTS = 50  # weight of the city's shares in a category's; set by judgement: docs/method.md


def shrink(counts: np.ndarray, prior: np.ndarray, weight: float) -> np.ndarray:
    """Shares along the last axis: posterior means under a Dirichlet prior that weighs `weight` reports."""
    shares: np.ndarray = (counts + weight * prior) / (counts.sum(-1, keepdims=True) + weight)
    return shares


def shares_by_group(
    values: np.ndarray, group: np.ndarray, groups: int, weight: float, parent: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values (V,), and their shares (groups, V) from each report's value and group (rows,).

    Shares are shrunk towards those of all reports. If groups have a category, `parent` (groups,), they are shrunk
    towards their category's shares, and these towards those of all reports.
    """
    distinct, index = np.unique(values, return_inverse=True)
    counts = np.zeros((groups, len(distinct)))
    np.add.at(counts, (group, index), 1)
    overall = counts.sum(0) / counts.sum()
    if parent is None:
        return distinct, shrink(counts, overall, weight)
    by_category = shrink(sum_by_category(counts, parent), overall, CATEGORY_PRIOR_REPORTS)
    return distinct, shrink(counts, by_category[parent], weight)


def sum_by_category(counts: np.ndarray, category: np.ndarray) -> np.ndarray:
    """(7, V) sums of counts (groups, V) over the groups of each category (groups,)."""
    sums = np.zeros((CATEGORY_COUNT, counts.shape[1]))
    np.add.at(sums, category, counts)
    return sums
