"""The features of the category model: training and serving compute them by the same functions.

A feature is a function of a report's fields (see `reports.table.Reports`), which are scalars for one report and arrays
for many. No feature may read a column that follows from the answer (`Crm Cd*`, `Part 1-2`, `Status`; of NIBRS
`NIBR Description`, `Group`, `Crime Against`, `Hate Crime`, `UniqueNIBRNo`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np

from crime.core.days import EPOCH_ORDINAL, weekday
from crime.reports.codes import code_names
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.sources import CIRCUMSTANCES, FIELDS

ReportFields = Mapping[str, Any]  # by column key: scalars of one report, or arrays (rows,) of many
MAX_DELAY_DAYS = 400  # longer delays count as this: beyond a year they carry no more information


@dataclass(frozen=True)
class Feature:
    """A feature. `source`: the columns that it reads. `compute` takes the fields of one report, or of many.

    `level`: the detail level from which on it is known. `hidden_with`: features of the same group are missing together
    in a form, so training hides them together.
    """

    name: str
    level: DetailLevel
    source: tuple[str, ...]
    about: str
    compute: Callable[[ReportFields], Any]
    hidden_with: str | None = None


def _mo_count(fields: ReportFields) -> Any:
    codes = fields["mocodes"]
    if isinstance(codes, np.ndarray):
        return np.array([np.nan if report_codes is None else len(report_codes) for report_codes in codes])
    return np.nan if codes is None else len(codes)


def _day_of_month(fields: ReportFields) -> Any:
    days = fields["date_occ"]
    if isinstance(days, np.ndarray):
        dates = days.astype("int64").astype("datetime64[D]")
        return (dates - dates.astype("datetime64[M]")).astype(int) + 1
    return date.fromordinal(EPOCH_ORDINAL + int(days)).day  # numpy would take twenty times as long for one report


def _reporting_delay(fields: ReportFields) -> Any:
    days = fields["date_rptd"] - fields["date_occ"]
    return np.minimum(days, MAX_DELAY_DAYS) if isinstance(days, np.ndarray) else min(days, MAX_DELAY_DAYS)


BASE_FEATURES = (
    Feature(
        "system",
        "place_time",
        ("System",),
        "report system: 0 LAPD's own crime codes, 1 NIBRS; left out where all reports are of one",
        lambda fields: fields["system"],
    ),
    Feature("area", "place_time", ("AREA",), "area number, 1 to 21", lambda fields: fields["area"]),
    Feature(
        "reporting_district",
        "place_time",
        ("Rpt Dist No",),
        "reporting district",
        lambda fields: fields["rpt_dist_no"],
        "place",
    ),
    Feature("latitude", "place_time", ("LAT",), "degrees north", lambda fields: fields["lat"], "place"),
    Feature("longitude", "place_time", ("LON",), "degrees east", lambda fields: fields["lon"], "place"),
    Feature(
        "minute_of_day", "place_time", ("TIME OCC",), "minute of the day, 0 to 1439", lambda fields: fields["time_occ"]
    ),
    Feature(
        "on_the_hour",
        "place_time",
        ("TIME OCC",),
        "1 where the time is a full hour: often an estimate",
        lambda fields: fields["time_occ"] % 60 == 0,
    ),
    Feature("weekday", "place_time", ("DATE OCC",), "0 Monday to 6 Sunday", lambda fields: weekday(fields["date_occ"])),
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
        _reporting_delay,
        "reported",
    ),
    Feature(
        "premise",
        "premise",
        ("Premis Cd",),
        "kind of place, its number in the model's vocabulary; 0 none recorded",
        lambda fields: fields["premis_cd"],
        "premise",
    ),
    Feature(
        "weapon",
        "weapon",
        ("Weapon Used Cd",),
        "weapon, its number in the model's vocabulary; 0 none recorded",
        lambda fields: fields["weapon_used_cd"],
        "weapon",
    ),
    Feature("mo_count", "report", ("Mocodes",), "number of MO codes", _mo_count),
    *(
        Feature(key, "report", (FIELDS[key].name,), f"1 for {FIELDS[key].about}", itemgetter(key), key)
        for key in CIRCUMSTANCES
    ),
)
VICTIM_FEATURES = (
    Feature("victim_age", "place_time", ("Vict Age",), "years", lambda fields: fields["vict_age"], "victim"),
    Feature(
        "victim_sex", "place_time", ("Vict Sex",), "letter, A 1 to Z 26", lambda fields: fields["vict_sex"], "victim"
    ),
    Feature(
        "victim_descent",
        "place_time",
        ("Vict Descent",),
        "letter, A 1 to Z 26",
        lambda fields: fields["vict_descent"],
        "victim",
    ),
)
FIXED_FEATURES = {feature.name: feature for feature in BASE_FEATURES + VICTIM_FEATURES}
MO_PREFIX = "mo_"


def is_mo_feature(name: str) -> bool:
    """Whether a feature marks the reports with one MO code."""
    return name.startswith(MO_PREFIX) and name not in FIXED_FEATURES


@lru_cache(4096)
def describe_feature(name: str) -> Feature:
    """Looks up a feature by name. Raises `KeyError` for an unknown name."""
    if is_mo_feature(name):
        code = name.removeprefix(MO_PREFIX)
        about = f"1 where MO code {code} is given: {code_names('mo').get(code, 'not in the MO table')}"
        return Feature(name, "report", ("Mocodes",), about, lambda fields: _has_code(fields["mocodes"], code))
    return FIXED_FEATURES[name]


def _has_code(codes: Any, code: str) -> Any:
    if isinstance(codes, np.ndarray):
        return np.array([np.nan if report_codes is None else code in report_codes for report_codes in codes])
    return np.nan if codes is None else code in codes


def choose_features(fields: ReportFields, victim: bool = False, at_least: int = 3) -> list[str]:
    """Choose a model's features from the fields of its training reports (rows,).

    The fixed features, but for those that no report has; one for each MO code that at least `at_least` reports have;
    and the report system, if there are two.
    """
    counts: dict[str, int] = {}
    for codes in fields["mocodes"].tolist():
        for code in codes or ():
            counts[code] = counts.get(code, 0) + 1
    common = sorted(code for code, count in counts.items() if count >= at_least)
    absent = {key for key in CIRCUMSTANCES if np.isnan(fields[key]).all()}
    if (fields["mocodes"] == None).all():  # noqa: E711 (elementwise)
        absent.add("mo_count")
    if (fields["system"] == fields["system"][:1]).all():
        absent.add("system")
    fixed = BASE_FEATURES + (VICTIM_FEATURES if victim else ())
    return [feature.name for feature in fixed if feature.name not in absent] + [MO_PREFIX + code for code in common]


def feature_columns(names: Sequence[str], level: DetailLevel) -> list[int]:
    """Column indices, within `names`, of the features available at a detail level or below it."""
    levels = list(DETAIL_LEVELS)
    known = levels[: levels.index(level) + 1]
    return [column for column, name in enumerate(names) if describe_feature(name).level in known]
