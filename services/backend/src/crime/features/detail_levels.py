"""How much is known of each report, and hiding what comes above a detail level."""

from typing import Any

import numpy as np

from crime.features.definitions import ReportFields
from crime.reports.schema import DETAIL_LEVELS, DetailLevel


def detail_levels(fields: ReportFields, rows: int) -> np.ndarray:
    """The highest detail level at which each report has a field: (rows,) indices into `DETAIL_LEVELS`."""
    level = np.zeros(rows, int)
    level[~np.isnan(fields["premis_cd"])] = 1
    level[~np.isnan(fields["weapon_used_cd"])] = 2
    level[fields["mocodes"] != None] = 3  # noqa: E711 (elementwise)
    return level


def mask_above(fields: ReportFields, level: DetailLevel) -> dict[str, Any]:
    """The same fields (rows,), with those above `level` set to not known."""
    levels = list(DETAIL_LEVELS)
    hidden = levels[levels.index(level) + 1 :]
    masked = dict(fields)
    rows = len(fields["area"])
    if "premise" in hidden:
        masked["premis_cd"] = np.full(rows, np.nan)
    if "weapon" in hidden:
        masked["weapon_used_cd"] = np.full(rows, np.nan)
    if "report" in hidden:
        masked["mocodes"] = np.full(rows, None, object)
    return masked
