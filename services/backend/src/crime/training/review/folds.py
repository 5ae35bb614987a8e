"""Folds of records for cross-fitting."""

import numpy as np

from crime.reports.files import case_number
from crime.reports.table import Reports

FOLDS = 5  # docs/method.md


def assign_folds(reports: Reports) -> np.ndarray:
    """(n,) the fold of each record, from 0 to 4. The same reports get the same folds.

    Records of one case are in one fold, and so are records with the same number: their fields are alike, so one would
    give away the code of another. Cases are dealt to the folds at random, each fold as many.
    """
    groups: dict[str | int, int] = {}
    group = np.empty(len(reports), int)
    for row, fields in enumerate(zip(reports.fields["caseno"], reports.fields["dr_no"], strict=True)):
        group[row] = groups.setdefault(case_number(*fields) or row, len(groups))
    return np.random.default_rng(0).permutation(np.arange(len(groups)) % FOLDS)[group]
