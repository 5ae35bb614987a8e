"""Parsers of cells, one per kind of column, for tables and payloads alike.

A parser takes the stripped text of a cell that is not blank. It returns the value (None for "not known") and the repair
that was necessary to read it (None for none). It raises `ValueError` with what was expected.
"""

import re
from sys import intern
from typing import Any

from crime.core import limits
from crime.reports.codes import code_names
from crime.reports.dates import DAY_NUMBER, EXPECTED, SECONDS, check_local_time
from crime.reports.systems import NONE_RECORDED, SYSTEMS, Code, comparable_text

MAX_NAME_CHARACTERS = 100  # of the name of a premise or weapon; the rest is cut off
Parsed = tuple[Any, str | None]  # a value and a repair
_CODE = re.compile(r"(\d{1,9}|\d{1,3}(?:,\d{3}){1,2})(\.0*|,00?)?", re.ASCII)
_NAMED_CODE = re.compile(r"(\d{1,9}) +- +\D.*")  # 501 - STREET
_MO_CODES = re.compile(r"\d{4}(?: \d{4})*", re.ASCII)
_NIBRS_CODE = re.compile(r"([A-Z0-9]{1,9})(?:\.0+)?", re.ASCII | re.IGNORECASE)
_YES_NO = {"yes": 1, "y": 1, "true": 1, "t": 1, "1": 1, "1.0": 1, "no": 0, "n": 0, "false": 0, "f": 0, "0": 0, "0.0": 0}
_FLAGS = re.ASCII | re.IGNORECASE
_DAY = (  # a date before a time, or the days of a span of time
    r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{4}[ -][A-Z]{3,9}[ -]\d{1,2}"
    r"|\d{1,2}[ -][A-Z]{3,9}[ -]\d{2,4}|\d+ days?|\+\d+)"
)
_HALF = r"(?: ?(?P<half>[AP])\.?M\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)(?:\[[\w/]+\])?)?"  # and a zone
_CLOCK = re.compile(
    rf"(?:{_DAY}[ T,]+)?(?P<hour>\d{{1,2}}):?(?P<minute>\d{{2}})(?::\d{{2}}(?:[.,]\d+)?)?{_HALF}", _FLAGS
)
_DOTTED_CLOCK = re.compile(rf"{_DAY}[ T,]+(?P<hour>\d{{1,2}})\.(?P<minute>\d{{2}})\.\d{{2}}(?:[.,]\d+)?{_HALF}", _FLAGS)
_SPAN = re.compile(r"P(?:0D)?T(?=\d)(?:(\d{1,2})H)?(?:(\d{1,4})M)?(?:(\d{1,5})(?:[.,]\d+)?S)?", _FLAGS)  # ISO 8601
_DAY_FRACTION = re.compile(r"(?:0|\d{5})?[.,]\d+|\d(?:[.,]\d+)?E-\d{1,2}", re.ASCII | re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"-?\d{1,3},\d+", re.ASCII)
_TIME = re.compile(r"(\d{1,2})(\.0?|,0)?|(\d{3,4})(\.0*|,0)?", re.ASCII)  # not 13.00, which may be 13:00
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.ASCII | re.IGNORECASE)
MINUTES_A_DAY = 1_440
DAY_FRACTION, CLOCK = "time as a fraction of a day", "time as databases write it"  # repairs
SEPARATED, NAMED, COMMA = "thousands separator in a code", "name after a code", "decimal comma in a code"
EXPECTED_TIME = "expected a 24-hour time from 0000 to 2359"
MO_LIST, EXPECTED_MO_CODES = "MO codes written as a list", "expected MO codes of four digits, separated by spaces"
# repairs of what programs write into tables; in a payload they are errors, with these messages
TABLE_FORMS = {
    **dict.fromkeys((DAY_NUMBER, SECONDS), EXPECTED),
    **dict.fromkeys((DAY_FRACTION, CLOCK), EXPECTED_TIME),
    **dict.fromkeys((SEPARATED, NAMED, COMMA), "expected a whole number"),
    MO_LIST: EXPECTED_MO_CODES,
}
_LIST_MARKS = str.maketrans(dict.fromkeys("[]{}()'\";|/-", " "))
_NUMPY_TEXT = re.compile(r"np\.str_(?=\()")  # as NumPy 2 writes texts of a list
_NO_CODES = frozenset(("none", "null", "nan", "<na>"))  # in a list
_ONE_OR_TWO = re.compile(r"(?<!\d)\d{1,3},\d{3}(?!\d)", re.ASCII)  # thousands, or two codes


def parse_time(text: str) -> Parsed:
    """Minute of the day, 0 to 1439, of a 24-hour time such as `2230`, `0330`, `330` or `22:30`.

    Also read are 12-hour times, a date with a time, and a spreadsheet's fraction of a day, such as 0.9375.
    """
    if code := _TIME.fullmatch(text):
        digits = code[1] or code[3]
        hour, minute = divmod(int(digits), 100)
        repair = "decimal point in a time" if code[2] or code[4] else None if len(digits) == 4 else "short time"
    elif clock := _CLOCK.fullmatch(text) or _DOTTED_CLOCK.fullmatch(text):
        check_local_time(text)
        hour, minute, repair = int(clock["hour"]), int(clock["minute"]), "time written with a colon"
        if clock["half"]:
            hour = hour % 12 + 12 * (clock["half"].lower() == "p") if 1 <= hour <= 12 else 99
            repair = "12-hour time"
        repair = CLOCK if clock.re is _DOTTED_CLOCK else repair
    elif span := _SPAN.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in span.groups())
        hour, minute = divmod(60 * hours + minutes + seconds // 60, 60)
        repair = CLOCK
    elif _DAY_FRACTION.fullmatch(text):
        hour, minute = divmod(round(float(text.replace(",", ".")) % 1 * MINUTES_A_DAY) % MINUTES_A_DAY, 60)
        repair = DAY_FRACTION
    else:
        hour = minute = 99
        repair = None
    if hour > 23 or minute > 59:
        raise ValueError(EXPECTED_TIME)
    return 60 * hour + minute, repair


def parse_legacy_code(text: str) -> Parsed:
    """A premise, weapon or crime code of LAPD's own, written `501`, `501.0` or `0501`; 0 is none recorded."""
    if named := _NAMED_CODE.fullmatch(text):
        return parse_legacy_code(named[1])[0], NAMED
    match = _CODE.fullmatch(text)
    if not match:
        raise ValueError("expected an LAPD code, a whole number; `System` nibrs tells a NIBRS report")
    repair = _code_repair(match)
    if repair is None and len(match[1].lstrip("0")) < len(match[1]) > 1:
        repair = "zeros before a code"
    number = _whole(match)
    return (Code("legacy", str(number), "") if number else NONE_RECORDED), repair


def _whole(match: re.Match[str]) -> int:
    return int(match[1].replace(",", ""))


def _code_repair(match: re.Match[str]) -> str | None:
    if "," in match[1]:
        return SEPARATED
    return COMMA if match[2] == ",00" else "decimal point in a code" if match[2] else None


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
    if not match or not 1 <= _whole(match) <= len(code_names("area")):
        raise ValueError(f"expected an area number from 1 to {len(code_names('area'))}")
    return _whole(match), _code_repair(match)


def parse_district(text: str) -> Parsed:
    """Reporting district, an int from 1 to 9999; LAPD writes 377 as `0377`."""
    match = _CODE.fullmatch(text)
    if not match or not 1 <= _whole(match) <= 9999:
        raise ValueError("expected a reporting district from 1 to 9999")
    return _whole(match), _code_repair(match)


def _parse_degrees(text: str, name: str, low: float, high: float) -> Parsed:
    try:
        value = float(text)
    except ValueError:
        value = float(text.replace(",", ".")) if _DECIMAL_COMMA.fullmatch(text) else float("nan")
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
    """MO codes as a tuple of four-digit strings, in the order written, without repetitions.

    Equal ones are one string in memory: a list of reports may have five million.
    Lists are read as pandas, DuckDB, PostgreSQL and JSON write them: `['0344', '1822']`, `{0344,1822}`.
    """
    if len(text) <= 5 * limits.MO_CODES and _MO_CODES.fullmatch(text):
        return tuple(dict.fromkeys(map(intern, text.split(" ")))), None
    codes: dict[str, None] = {}
    plain = _NUMPY_TEXT.sub("", text).translate(_LIST_MARKS)
    repair = MO_LIST if plain != text else None
    if not repair and _ONE_OR_TWO.search(text):
        raise ValueError(EXPECTED_MO_CODES)
    words = plain.replace(",", " ").split()
    if len(words) > limits.MO_CODES:
        raise ValueError(f"expected at most {limits.MO_CODES} MO codes")
    for word in words:
        if repair and word.lower() in _NO_CODES:
            continue
        match = _CODE.fullmatch(word)
        if not match or len(match[1]) > 4:
            raise ValueError(EXPECTED_MO_CODES)
        if len(match[1]) < 4 or match[2]:
            repair = repair or "short MO code"
        codes[intern(match[1].zfill(4))] = None
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


def parse_number(text: str) -> Parsed:
    """The number of a report or case, as text; None for one that a spreadsheet has rounded, such as 2.02E+08."""
    text = text[: limits.NUMBER_CHARACTERS]
    if _ROUNDED.fullmatch(text):
        return None, "number rounded by a spreadsheet, taken as not known"
    return (text.removesuffix(".0"), "decimal point in a number") if text.endswith(".0") else (text, None)
