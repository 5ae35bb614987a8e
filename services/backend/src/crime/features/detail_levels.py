"""How much is known of each report, and hiding what comes above a detail level."""

from collections.abc import Collection
from typing import Any

import numpy as np

from crime.features.definitions import ReportFields
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.sources import CIRCUMSTANCES

REPORT_FIELDS = ("mocodes", *CIRCUMSTANCES)  # the fields of the most detailed level


def level_of(fields: ReportFields, report_fields: Collection[str] = REPORT_FIELDS) -> DetailLevel:
    """The highest detail level at which one report has a field, each a scalar.

    `report_fields`: those of `REPORT_FIELDS` that the model uses.
    """
    for name in report_fields:
        if fields[name] is not None and fields[name] == fields[name]:  # NaN is not itself
            return "report"
    if fields["weapon_used_cd"] is not None:
        return "weapon"
    return "place_time" if fields["premis_cd"] is None else "premise"


def detail_levels(fields: ReportFields, rows: int, report_fields: Collection[str] = REPORT_FIELDS) -> np.ndarray:
    """`level_of` each report: (rows,) indices into `DETAIL_LEVELS`."""
    level = np.zeros(rows, int)
    level[fields["premis_cd"] != None] = 1  # noqa: E711 (elementwise)
    level[fields["weapon_used_cd"] != None] = 2  # noqa: E711
    for name in report_fields:
        values = fields[name]
        level[values != None if values.dtype == object else ~np.isnan(values)] = 3  # noqa: E711
    return level


def mask_above(fields: ReportFields, level: DetailLevel) -> dict[str, Any]:
    """The same fields (rows,), with those above `level` set to not known."""
    levels = list(DETAIL_LEVELS)
    hidden = levels[levels.index(level) + 1 :]
    masked = dict(fields)
    rows = len(fields["area"])
    if "premise" in hidden:
        masked["premis_cd"] = np.full(rows, None, object)
    if "weapon" in hidden:
        masked["weapon_used_cd"] = np.full(rows, None, object)
    if "report" in hidden:
        masked["mocodes"] = np.full(rows, None, object)
        masked |= {name: np.full(rows, np.nan) for name in CIRCUMSTANCES}
    return masked
