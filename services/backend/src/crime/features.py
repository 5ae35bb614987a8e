"""Every input of the model, declared once: training and serving compute them with the same lines.

A feature is a function of a report's fields (see `data.Reports`), scalars or arrays alike. None may read a column
that follows from the answer (`Crm Cd*`, `Part 1-2`, `Status`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, repeat
from typing import Any

import numpy as np

from crime.schema import EPOCH, LEVELS, table

Fields = Mapping[str, Any]
LONGEST_DELAY = 400  # days; beyond a year a delay says no more


@dataclass(frozen=True)
class Feature:
    """`level`: the level of detail that brings it; `hidden_with`: what is unknown together with it on a form."""

    name: str
    level: str
    source: tuple[str, ...]
    about: str
    compute: Callable[[Fields], Any]
    hidden_with: str | None = None


def _mo_count(fields: Fields) -> Any:
    codes = fields["mocodes"]
    if isinstance(codes, np.ndarray):
        return np.array([np.nan if c is None else len(c) for c in codes])
    return np.nan if codes is None else len(codes)


def _day_of_month(fields: Fields) -> Any:
    days = fields["date_occ"]
    if isinstance(days, np.ndarray):
        dates = days.astype("int64").astype("datetime64[D]")
        return (dates - dates.astype("datetime64[M]")).astype(int) + 1
    return date.fromordinal(EPOCH + int(days)).day  # numpy takes twenty times as long for one


def _delay(fields: Fields) -> Any:
    days = fields["date_rptd"] - fields["date_occ"]
    return np.minimum(days, LONGEST_DELAY) if isinstance(days, np.ndarray) else min(days, LONGEST_DELAY)


BASE = (
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
        f"days from the event to the report, at most {LONGEST_DELAY}; known when the report is taken",
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
VICTIM = (
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
_BY_NAME = {feature.name: feature for feature in BASE + VICTIM}
MO_PREFIX = "mo_"


def is_mo(name: str) -> bool:
    """Whether a feature is the column of one MO code."""
    return name.startswith(MO_PREFIX) and name not in _BY_NAME


def describe(name: str) -> Feature:
    """The declaration of a feature by its name; an MO code's own column is declared here."""
    if is_mo(name):
        code = name.removeprefix(MO_PREFIX)
        about = f"1 where MO code {code} is given: {table('mo').get(code, 'not in the MO table')}"
        return Feature(name, "report", ("Mocodes",), about, lambda r: _has_code(r["mocodes"], code))
    return _BY_NAME[name]


def _has_code(codes: Any, code: str) -> Any:
    if isinstance(codes, np.ndarray):
        return np.array([np.nan if c is None else code in c for c in codes])
    return np.nan if codes is None else code in codes


def choose(mocodes: Sequence[tuple[str, ...]], victim: bool = False, at_least: int = 3) -> list[str]:
    """Names of a model's features: the declared ones, and a 0/1 column for each MO code given `at_least` times."""
    counts: dict[str, int] = {}
    for codes in mocodes:
        for code in codes or ():
            counts[code] = counts.get(code, 0) + 1
    common = sorted(code for code, count in counts.items() if count >= at_least)
    return [f.name for f in BASE + (VICTIM if victim else ())] + [MO_PREFIX + code for code in common]


class Encoder:
    """Turns reports into the model's matrix: float32, one row a report, one column a name in `names`."""

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self.plain = [(at, describe(n)) for at, n in enumerate(names) if n in _BY_NAME]
        self.mo = {n.removeprefix(MO_PREFIX): at for at, n in enumerate(names) if n not in _BY_NAME}
        self.mo_columns = slice(len(self.plain), len(self.names))  # they come behind

    def matrix(self, fields: Fields, rows: int, further: int = 0) -> np.ndarray:
        """(rows, features + further) of `rows` reports, with room behind; each field is an array of that length."""
        matrix = np.zeros((rows, len(self.names) + further), np.float32)
        for at, feature in self.plain:
            matrix[:, at] = feature.compute(fields)
        if self.mo:
            codes = fields["mocodes"]
            given = [each or () for each in codes]
            row = np.repeat(np.arange(rows), np.fromiter(map(len, given), np.intp, rows))
            column = np.fromiter(map(self.mo.get, chain.from_iterable(given), repeat(-1)), np.intp, len(row))
            matrix[row[column >= 0], column[column >= 0]] = 1
            matrix[codes == None, self.mo_columns] = np.nan  # noqa: E711 (elementwise)
        return matrix

    def vector(self, fields: Fields) -> np.ndarray:
        """(features,) of one report; each field is a scalar."""
        vector, codes = np.zeros(len(self.names), np.float32), fields["mocodes"]
        vector[: len(self.plain)] = [feature.compute(fields) for _, feature in self.plain]
        if codes is None:
            vector[self.mo_columns] = np.nan
        else:
            for code in codes:
                if (at := self.mo.get(code)) is not None:
                    vector[at] = 1
        return vector


def columns_of(names: Sequence[str], level: str) -> list[int]:
    """Which columns a model for `level` sees: its own level's and those below."""
    order = list(LEVELS)
    return [at for at, name in enumerate(names) if order.index(describe(name).level) <= order.index(level)]


def levels(fields: Fields, rows: int) -> np.ndarray:
    """Index into `LEVELS` of the most that is known of each report."""
    level = np.zeros(rows, int)
    level[~np.isnan(fields["premis_cd"])] = 1
    level[~np.isnan(fields["weapon_used_cd"])] = 2
    level[np.array([codes is not None for codes in fields["mocodes"]], bool)] = 3
    return level


def mask(fields: Fields, level: str) -> dict[str, Any]:
    """The same reports with all that comes above `level` made unknown."""
    hidden = list(LEVELS)[list(LEVELS).index(level) + 1 :]
    masked = dict(fields)
    rows = len(fields["area"])
    if "premise" in hidden:
        masked["premis_cd"] = np.full(rows, np.nan)
    if "weapon" in hidden:
        masked["weapon_used_cd"] = np.full(rows, np.nan)
    if "report" in hidden:
        masked["mocodes"] = np.full(rows, None, object)
    return masked


# -- features of places, not of reports: `store` computes them, the forecast uses them ---------------------------

ENTITIES = {"area": "area number, 1 to 21", "district": "reporting district"}


@dataclass(frozen=True)
class Window:
    """A feature of areas and districts: reports that happened in the last `days` days and are known by now."""

    days: int
    about: str
    source: tuple[str, ...] = ("DATE OCC", "Date Rptd")
    owner: str = "crime-risk"

    @property
    def name(self) -> str:
        return f"reports_{self.days}d"


WINDOWS = (
    Window(7, "reports of the last 7 days known so far: near repeats"),
    Window(28, "reports of the last 4 weeks known so far: the present level"),
    Window(91, "reports of the last quarter known so far: the season's level"),
    Window(364, "reports of the last 52 weeks known so far: the usual level"),
)
