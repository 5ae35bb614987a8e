"""Every input of the model, declared once: training and serving compute them with the same lines.

A feature is a function of a report's fields (see `data.Reports`), scalars or arrays alike. None may read a column
that follows from the answer (`Crm Cd*`, `Part 1-2`, `Status`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from crime.core.days import EPOCH_ORDINAL
from crime.reports.codes import code_names
from crime.reports.schema import DETAIL_LEVELS

ReportFields = Mapping[str, Any]
MAX_DELAY_DAYS = 400  # days; beyond a year a delay says no more


@dataclass(frozen=True)
class Feature:
    """`level`: the level of detail that brings it; `hidden_with`: what is unknown together with it on a form."""

    name: str
    level: str
    source: tuple[str, ...]
    about: str
    compute: Callable[[ReportFields], Any]
    hidden_with: str | None = None


def _mo_count(fields: ReportFields) -> Any:
    codes = fields["mocodes"]
    if isinstance(codes, np.ndarray):
        return np.array([np.nan if c is None else len(c) for c in codes])
    return np.nan if codes is None else len(codes)


def _day_of_month(fields: ReportFields) -> Any:
    days = fields["date_occ"]
    if isinstance(days, np.ndarray):
        dates = days.astype("int64").astype("datetime64[D]")
        return (dates - dates.astype("datetime64[M]")).astype(int) + 1
    return date.fromordinal(EPOCH_ORDINAL + int(days)).day  # numpy takes twenty times as long for one


def _delay(fields: ReportFields) -> Any:
    days = fields["date_rptd"] - fields["date_occ"]
    return np.minimum(days, MAX_DELAY_DAYS) if isinstance(days, np.ndarray) else min(days, MAX_DELAY_DAYS)


BASE_FEATURES = (
    Feature("area", "place_time", ("AREA",), "area number, 1 to 21", lambda r: r["area"]),
    Feature(
        "reporting_district",
        "place_time",
        ("Rpt Dist No",),
        "reporting district",
        lambda r: r["rpt_dist_no"],
        "place",
    ),
    Feature("latitude", "place_time", ("LAT",), "degrees north", lambda r: r["lat"], "place"),
    Feature("longitude", "place_time", ("LON",), "degrees east", lambda r: r["lon"], "place"),
    Feature("minute_of_day", "place_time", ("TIME OCC",), "minute of the day, 0 to 1439", lambda r: r["time_occ"]),
    Feature(
        "on_the_hour",
        "place_time",
        ("TIME OCC",),
        "1 where the time is a full hour: often an estimate",
        lambda r: r["time_occ"] % 60 == 0,
    ),
    Feature("weekday", "place_time", ("DATE OCC",), "0 Monday to 6 Sunday", lambda r: (r["date_occ"] + 3) % 7),
    Feature(
        "day_of_month",
        "place_time",
        ("DATE OCC",),
        "1 to 31; the 1st often stands for 'not known'",
        _day_of_month,
    ),
    Feature(
        "reporting_delay",
        "place_time",
        ("Date Rptd", "DATE OCC"),
        f"days from the event to the report, at most {MAX_DELAY_DAYS}; known when the report is taken",
        _delay,
        "reported",
    ),
    Feature(
        "premise",
        "premise",
        ("Premis Cd",),
        "kind of place; 0 none recorded",
        lambda r: r["premis_cd"],
        "premise",
    ),
    Feature(
        "weapon",
        "weapon",
        ("Weapon Used Cd",),
        "weapon; 0 none recorded",
        lambda r: r["weapon_used_cd"],
        "weapon",
    ),
    Feature("mo_count", "report", ("Mocodes",), "number of MO codes", _mo_count),
)
VICTIM_FEATURES = (
    Feature("victim_age", "place_time", ("Vict Age",), "years", lambda r: r["vict_age"], "victim"),
    Feature("victim_sex", "place_time", ("Vict Sex",), "letter, A 1 to Z 26", lambda r: r["vict_sex"], "victim"),
    Feature(
        "victim_descent",
        "place_time",
        ("Vict Descent",),
        "letter, A 1 to Z 26",
        lambda r: r["vict_descent"],
        "victim",
    ),
)
_BY_NAME = {feature.name: feature for feature in BASE_FEATURES + VICTIM_FEATURES}
MO_PREFIX = "mo_"


def is_mo_feature(name: str) -> bool:
    """Whether a feature is the column of one MO code."""
    return name.startswith(MO_PREFIX) and name not in _BY_NAME


def describe_feature(name: str) -> Feature:
    """The declaration of a feature by its name; an MO code's own column is declared here."""
    if is_mo_feature(name):
        code = name.removeprefix(MO_PREFIX)
        about = f"1 where MO code {code} is given: {code_names('mo').get(code, 'not in the MO table')}"
        return Feature(name, "report", ("Mocodes",), about, lambda r: _has_code(r["mocodes"], code))
    return _BY_NAME[name]


def _has_code(codes: Any, code: str) -> Any:
    if isinstance(codes, np.ndarray):
        return np.array([np.nan if c is None else code in c for c in codes])
    return np.nan if codes is None else code in codes


def choose_features(mocodes: Sequence[tuple[str, ...]], victim: bool = False, at_least: int = 3) -> list[str]:
    """Names of a model's features: the declared ones, and a 0/1 column for each MO code given `at_least` times."""
    counts: dict[str, int] = {}
    for codes in mocodes:
        for code in codes or ():
            counts[code] = counts.get(code, 0) + 1
    common = sorted(code for code, count in counts.items() if count >= at_least)
    return [f.name for f in BASE_FEATURES + (VICTIM_FEATURES if victim else ())] + [MO_PREFIX + code for code in common]


def feature_columns(names: Sequence[str], level: str) -> list[int]:
    """Which columns a model for `level` sees: its own level's and those below."""
    order = list(DETAIL_LEVELS)
    return [at for at, name in enumerate(names) if order.index(describe_feature(name).level) <= order.index(level)]
