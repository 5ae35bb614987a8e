"""NIBRS offenses of a simulated city as LAPD writes them, in one of the dialects its table has had.

The table's quirks are written at rates that were measured or set by judgement. They say nothing about the category.
Rows that no reader can use are written beside the others, so that none of these is lost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from crime.reports.categories import CRIME_CODES
from crime.reports.codes import code_names
from crime.reports.files import SIMULATED_LOCATION
from crime.reports.schema import column_key
from crime.reports.sources import CIRCUMSTANCES, FIELDS, SOURCES
from crime.simulation.nibrs_details import SimulatedOffenses
from crime.simulation.nibrs_shares import WEAPONS, NibrsShares, read_rows

# measured on LAPD's table
GROUP_BLANK = 989 / 28_591
NO_CODE = 121 / 416_660  # rows with the old system's words and no code, beside the others
# set by judgement, as docs/method.md says
WRONG_CENTURY = 0.0004  # rows of a year from 1800 to 1899, beside the others
UPPER_CASE, NUMBERED = 0.1, 0.02  # premises written so; numbered ones as `244 - TOBACCO SHOP`
NO_PLACE, FAR_AWAY = 0.01, 0.001  # rows at 0, 0, and at a point far outside the city
SHORT_TIME = 0.5  # share of times before 10:00 that are written without zeros
UNFOUNDED, ARREST = 0.02, 0.12
RARE = 0.01  # of each column about a hate crime or homeless people
STATUSES = {"14": "Cleared by Arrest - CA Filed", "40": "Investigation Continued", "50": "Unfounded"}
OLD_WORDS = ("510  - VEHICLE - STOLEN", "624  - BATTERY - SIMPLE ASSAULT", "330  - BURGLARY FROM VEHICLE")
COLUMNS = tuple(column.name for column in SOURCES["nibrs"].columns)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Dialect:
    """A form of the table. `columns`: the name in the table of each of `COLUMNS`."""

    name: str
    columns: dict[str, str]
    day: Callable[[date], str]


def _api_name(name: str) -> str:
    """The portal's API name: `premis_cd` of `Premise Cd`."""
    return column_key(name).replace("premise", "premis")


DIALECTS = (
    Dialect("API", {name: _api_name(name) for name in COLUMNS}, lambda day: f"{day.isoformat()}T00:00:00.000"),
    Dialect(
        "export",
        {name: name for name in COLUMNS},
        lambda day: f"{day.month:02}/{day.day:02}/{day.year} 12:00:00 AM",
    ),
    Dialect(
        "export of 2026",
        {name: name for name in COLUMNS},
        lambda day: f"{day.year} {_MONTHS[day.month - 1]} {day.day:02} 12:00:00 AM",
    ),
)


def dialect(seed: int) -> Dialect:
    """The dialect of a city's table."""
    return DIALECTS[seed % len(DIALECTS)]


@dataclass(frozen=True)
class NibrsRows:
    """n rows: text (n,) by column, and the days on which each happened and was reported (n,)."""

    columns: dict[str, np.ndarray]
    occurred: np.ndarray
    reported: np.ndarray

    def take(self, rows: np.ndarray) -> "NibrsRows":
        """The rows with these numbers."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return NibrsRows(columns, self.occurred[rows], self.reported[rows])


def nibrs_rows(
    offenses: SimulatedOffenses, first: int, shares: NibrsShares, form: Dialect, rng: np.random.Generator
) -> NibrsRows:
    """The rows of offenses, whose cases are numbered from `first` on, and a few more that no reader can use."""
    case = np.array([f"99{number:07}" for number in (first + offenses.case).tolist()], object)
    code = np.array([CRIME_CODES[index].code for index in shares.code.tolist()], object)[offenses.code]
    columns = {
        "CaseNo": case,
        "UniqueNIBRNo": case + "_" + code + "_" + offenses.sequence.astype(str).astype(object),
        "Date Rptd": _dates(offenses.occurred + offenses.delay, form),
        "Date OCC": _dates(offenses.occurred, form),
        "Time OCC": _times(offenses, rng),
        "AREA": offenses.area.astype(str).astype(object),
        "AREA NAME": _texts(code_names("area"), offenses.area),
        "RPT Dist No": offenses.district.astype(str).astype(object),
        "TotalOffenseCount": offenses.offenses.astype(str).astype(object),
        "NIBR Code": code,
        "TotalVictimCount": np.full(len(case), "1", object),
        "LOCATION": np.full(len(case), SIMULATED_LOCATION, object),
        **_offense_columns(offenses, rng),
        **_premise_and_weapon(offenses, shares, rng),
        **_flags_and_status(offenses, rng),
        **_degrees(offenses, rng),
    }
    rows = NibrsRows(columns, offenses.occurred, offenses.occurred + offenses.delay)
    return _with_unusable_rows(rows, form, rng)


def _dates(days: np.ndarray, form: Dialect) -> np.ndarray:
    distinct, index = np.unique(days, return_inverse=True)
    text = [form.day(day) for day in distinct.astype("datetime64[D]").tolist()]
    return np.array(text, object)[index]


def _texts(names: Mapping[str, str], codes: np.ndarray) -> np.ndarray:
    distinct, index = np.unique(codes, return_inverse=True)
    return np.array([names.get(str(code), "") for code in distinct.tolist()], object)[index]


def _times(offenses: SimulatedOffenses, rng: np.random.Generator) -> np.ndarray:
    """24-hour times, some of them without the zeros in front; midnight always as `0000`."""
    number = 100 * offenses.hour + offenses.minute
    short = (rng.random(len(number)) < SHORT_TIME) & (number > 0)
    texts = [str(time) if is_short else f"{time:04}" for time, is_short in zip(number, short, strict=True)]
    return np.array(texts, object)


def _offense_columns(offenses: SimulatedOffenses, rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows = read_rows("nibrs_offenses.csv")
    columns = {
        name: np.array([row[name] for row in rows], object)[offenses.code]
        for name in ("Group", "NIBR Description", "Crime Against")
    }
    columns["Group"][rng.random(len(offenses.code)) < GROUP_BLANK] = ""
    return columns


def _premise_and_weapon(
    offenses: SimulatedOffenses, shares: NibrsShares, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    names = ["", *(row["Premise Desc"] for row in read_rows("nibrs_premises.csv"))]
    numbered = ["", *(f"{100 + index} - {name.upper()}" for index, name in enumerate(names[1:]))]
    forms = np.array([names, [name.upper() for name in names], numbered], object)
    form = rng.choice(3, len(offenses.case), p=[1 - UPPER_CASE - NUMBERED, UPPER_CASE, NUMBERED])
    return {
        "Premise Cd": np.array(shares.premise, object)[offenses.premise],
        "Premise Desc": forms[form, offenses.premise],
        "Weapon Used Cd": np.array(shares.weapon, object)[offenses.weapon],
        "Weapon Desc": np.array(["", *(name for name, _ in WEAPONS.values())], object)[offenses.weapon],
    }


def _flags_and_status(offenses: SimulatedOffenses, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = len(offenses.case)
    columns = {
        FIELDS[name].name: np.where(offenses.circumstances[:, index], "Yes", "No").astype(object)
        for index, name in enumerate(CIRCUMSTANCES)
    }
    for name in ("Hate Crime", "Homeless-Victim Crime", "Homeless-Suspect Crime", "Homeless-Arrestee Crime"):
        columns[name] = np.where(rng.random(n) < RARE, "Yes", "No").astype(object)
    status = rng.choice(["14", "40", "50"], n, p=[ARREST, 1 - ARREST - UNFOUNDED, UNFOUNDED]).astype(object)
    return columns | {"Status": status, "Status Desc": _texts(STATUSES, status)}


def _degrees(offenses: SimulatedOffenses, rng: np.random.Generator) -> dict[str, np.ndarray]:
    draw = rng.random(len(offenses.case))
    degrees = offenses.degrees.copy()
    degrees[draw < NO_PLACE] = 0
    degrees[draw > 1 - FAR_AWAY] = (40.7128, -74.006)
    latitude, longitude = (
        [f"{value:.4f}".removesuffix(".0000") for value in degrees[:, column].tolist()] for column in (0, 1)
    )
    return {"LAT": np.array(latitude, object), "LON": np.array(longitude, object)}


def _with_unusable_rows(rows: NibrsRows, form: Dialect, rng: np.random.Generator) -> NibrsRows:
    """The rows, and copies of a few of them under other numbers that have no code or happened before 1900."""
    n = len(rows.occurred)
    draw = rng.random(n)
    copied = np.flatnonzero(draw < NO_CODE + WRONG_CENTURY)
    if not len(copied):
        return rows
    copies, uncoded = rows.take(copied).columns, draw[copied] < NO_CODE
    for name in ("CaseNo", "UniqueNIBRNo"):
        copies[name] = np.array(["98" + number[2:] for number in copies[name].tolist()], object)
    for name in ("NIBR Code", "Group", "Crime Against"):
        copies[name][uncoded] = ""
    copies["NIBR Description"][uncoded] = rng.choice(OLD_WORDS, int(uncoded.sum()))
    first, last = (np.datetime64(day).astype(int) for day in ("1800-01-06", "1899-12-31"))
    copies["Date OCC"][~uncoded] = _dates(rng.integers(first, last, int((~uncoded).sum())), form)
    merged = rows.take(np.sort(np.append(np.arange(n), copied)))
    position = copied + 1 + np.arange(len(copied))  # each copy stands behind its row
    for name, values in copies.items():
        merged.columns[name][position] = values
    return merged
