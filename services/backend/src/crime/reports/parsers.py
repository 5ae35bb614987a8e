"""Parsers of cells, one per kind of column, for tables and payloads alike.

A parser takes the stripped text of a cell that is not blank. It returns the value (None for "not known") and the repair
that was necessary to read it (None for none). It raises `ValueError` with what was expected.
"""

import re
from datetime import date
from typing import Any

from crime.core.days import EPOCH_ORDINAL
from crime.reports.codes import code_names
from crime.reports.systems import NONE_RECORDED, SYSTEMS, Code, comparable_text

MAX_NAME_CHARACTERS = 100  # of the name of a premise or weapon; the rest is cut off
YEARS = range(1900, 2101)
Parsed = tuple[Any, str | None]  # a value and a repair
_TIME = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AP]M)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_US_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})" + _TIME, re.ASCII | re.IGNORECASE)
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})" + _TIME, re.ASCII | re.IGNORECASE)
_PORTAL_DATE = re.compile(r"(\d{4}) ([A-Z]{3}) (\d{1,2})" + _TIME, re.ASCII | re.IGNORECASE)  # exports of 2026
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CODE = re.compile(r"(\d{1,9})(\.0*)?", re.ASCII)
_MO_CODES = re.compile(r"\d{4}(?: \d{4})*", re.ASCII)
_NIBRS_CODE = re.compile(r"([A-Z0-9]{1,8})(?:\.0+)?", re.ASCII | re.IGNORECASE)
_YES_NO = {"yes": 1, "y": 1, "true": 1, "t": 1, "1": 1, "1.0": 1, "no": 0, "n": 0, "false": 0, "f": 0, "0": 0, "0.0": 0}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?", re.ASCII)


def parse_date(text: str) -> Parsed:
    """Days since 1970-01-01. A time of day after the date is ignored: it is in `TIME OCC`."""
    if match := _US_DATE.fullmatch(text):
        month, day, year = map(int, match.groups())
    elif match := _ISO_DATE.fullmatch(text):
        year, month, day = map(int, match.groups())
    elif (match := _PORTAL_DATE.fullmatch(text)) and match[2].lower() in _MONTHS:
        year, month, day = int(match[1]), _MONTHS.index(match[2].lower()) + 1, int(match[3])
    else:
        raise ValueError("expected a date as 01/31/2020 or 2020-01-31")
    if year not in YEARS:
        raise ValueError(f"expected a year from {YEARS[0]} to {YEARS[-1]}")
    try:
        return date(year, month, day).toordinal() - EPOCH_ORDINAL, None
    except ValueError:
        raise ValueError("expected a day that exists, as 01/31/2020 or 2020-01-31") from None


def parse_time(text: str) -> Parsed:
    """Minute of the day, 0 to 1439, of a 24-hour time such as `2230`, `0330`, `330` or `22:30`."""
    if clock := _CLOCK.fullmatch(text):
        hour, minute = int(clock[1]), int(clock[2])
        repair: str | None = "time written with a colon"
    elif code := _CODE.fullmatch(text):
        hour, minute = divmod(int(code[1]), 100)
        repair = "decimal point in a time" if code[2] else None if len(code[1]) == 4 else "short time"
    else:
        hour = minute = 99
        repair = None
    if hour > 23 or minute > 59:
        raise ValueError("expected a 24-hour time from 0000 to 2359")
    return 60 * hour + minute, repair


def parse_legacy_code(text: str) -> Parsed:
    """A premise, weapon or crime code of LAPD's own, written `501`, `501.0` or `0501`; 0 is none recorded."""
    match = _CODE.fullmatch(text)
    if not match:
        raise ValueError("expected an LAPD code, a whole number; `System` nibrs tells a NIBRS report")
    repair = (
        "decimal point in a code"
        if match[2]
        else "zeros before a code"
        if len(match[1].lstrip("0")) < len(match[1]) > 1
        else None
    )
    number = int(match[1])
    return (Code("legacy", str(number), "") if number else NONE_RECORDED), repair


def parse_nibrs_code(text: str) -> Parsed:
    """A premise, weapon or offense code of the NIBRS table, such as `RA`, `32` or `13A`."""
    match = _NIBRS_CODE.fullmatch(text)
    if not match:
        raise ValueError("expected a NIBRS code of letters and digits")
    code = match[1].upper()
    repair = "decimal point in a code" if len(match[1]) < len(text) else None
    return Code("nibrs", code, ""), repair


def parse_system(text: str) -> Parsed:
    """Index of a report system: 0 for `legacy`, LAPD's own crime codes, 1 for `nibrs`."""
    if text.lower() not in SYSTEMS:
        raise ValueError(f"expected a report system, {' or '.join(SYSTEMS)}")
    return SYSTEMS.index(text.lower()), None


def parse_name(text: str) -> Parsed:
    """The name of a code as comparable text, None if it has no letter or digit."""
    return comparable_text(text[:MAX_NAME_CHARACTERS]) or None, None


def parse_yes_no(text: str) -> Parsed:
    """1 for Yes, 0 for No."""
    if (value := _YES_NO.get(text.lower())) is None:
        raise ValueError("expected Yes or No")
    return value, None


def parse_area(text: str) -> Parsed:
    """Area number, 1 to 21; LAPD writes 3 as `03`."""
    match = _CODE.fullmatch(text)
    if not match or not 1 <= int(match[1]) <= len(code_names("area")):
        raise ValueError(f"expected an area number from 1 to {len(code_names('area'))}")
    return int(match[1]), "decimal point in a code" if match[2] else None


def parse_district(text: str) -> Parsed:
    """Reporting district, an int from 1 to 9999; LAPD writes 377 as `0377`."""
    match = _CODE.fullmatch(text)
    if not match or not 1 <= int(match[1]) <= 9999:
        raise ValueError("expected a reporting district from 1 to 9999")
    return int(match[1]), "decimal point in a code" if match[2] else None


def _parse_degrees(text: str, name: str, low: float, high: float) -> Parsed:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value == 0:  # LAPD's mark of a place that is withheld
        return None, "coordinates 0 read as not known"
    if not low <= value <= high:
        raise ValueError(f"expected a {name} in Los Angeles, {low} to {high}")
    return value, None


def parse_latitude(text: str) -> Parsed:
    """Degrees north; LAPD writes 0 where the place is withheld."""
    return _parse_degrees(text, "latitude", 33.3, 34.9)


def parse_longitude(text: str) -> Parsed:
    """Degrees east, so negative; LAPD writes 0 where the place is withheld."""
    return _parse_degrees(text, "longitude", -119.0, -117.5)


def parse_mocodes(text: str) -> Parsed:
    """MO codes as a tuple of four-digit strings, in the order written, without repetitions."""
    if _MO_CODES.fullmatch(text):
        return tuple(dict.fromkeys(text.split(" "))), None
    codes: dict[str, None] = {}
    repair = None
    for word in text.replace(",", " ").split():
        match = _CODE.fullmatch(word)
        if not match or len(match[1]) > 4:
            raise ValueError("expected MO codes of four digits, separated by spaces")
        if len(match[1]) < 4 or match[2]:
            repair = "short MO code"
        codes[match[1].zfill(4)] = None
    return tuple(codes), repair


def parse_age(text: str) -> Parsed:
    """Age in years; LAPD writes 0 or less where it is not known."""
    try:
        age = float(text)
    except ValueError:
        age = float("nan")
    if not -10 <= age <= 120:
        raise ValueError("expected an age in years, 0 (not known) to 120")
    return (age, None) if age > 0 else (None, None)


def parse_letter(text: str) -> Parsed:
    """A letter as a number, A 1 to Z 26; LAPD writes X or - where it is not known."""
    if len(text) != 1 or not text.isascii() or not (text.isalpha() or text == "-"):
        raise ValueError("expected one letter")
    return (ord(text.upper()) - 64, None) if text.upper() not in "X-" else (None, None)


def parse_text(text: str) -> Parsed:
    """Any text."""
    return text, None
