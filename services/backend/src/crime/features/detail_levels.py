"""Every input of the model, declared once: training and serving compute them with the same lines.

A feature is a function of a report's fields (see `data.Reports`), scalars or arrays alike. None may read a column
that follows from the answer (`Crm Cd*`, `Part 1-2`, `Status`).
"""

from typing import Any

import numpy as np

from crime.features.definitions import ReportFields
from crime.reports.schema import DETAIL_LEVELS


def detail_levels(fields: ReportFields, rows: int) -> np.ndarray:
    """Index into `LEVELS` of the most that is known of each report."""
    level = np.zeros(rows, int)
    level[~np.isnan(fields["premis_cd"])] = 1
    level[~np.isnan(fields["weapon_used_cd"])] = 2
    level[np.array([codes is not None for codes in fields["mocodes"]], bool)] = 3
    return level


def mask_above(fields: ReportFields, level: str) -> dict[str, Any]:
    """The same reports with all that comes above `level` made unknown."""
    hidden = list(DETAIL_LEVELS)[list(DETAIL_LEVELS).index(level) + 1 :]
    masked = dict(fields)
    rows = len(fields["area"])
    if "premise" in hidden:
        masked["premis_cd"] = np.full(rows, np.nan)
    if "weapon" in hidden:
        masked["weapon_used_cd"] = np.full(rows, np.nan)
    if "report" in hidden:
        masked["mocodes"] = np.full(rows, None, object)
    return masked
