"""Parse dates."""

import re
from datetime import date

from crime.core.days import EPOCH_ORDINAL, today

YEARS = range(1900, 2101)
SPREADSHEET_EPOCH = date(1899, 12, 30).toordinal() - EPOCH_ORDINAL  # day 0 of Excel and its kin
SPREADSHEET_DAYS = range(36_526, 73_051)  # 2000 to 2099; SAS's numbers of these years, from 1960 on, are smaller
FIRST_YEAR_OF_CENTURY = 69  # 69 is 1969, 68 is 2068, as in POSIX
SECONDS_A_DAY = 86_400
EPOCH_DIGITS = {10: 0, 13: 3, 16: 6, 19: 9}  # digits of seconds, milliseconds ... since 1970: their decimal places

DAY_NUMBER, SECONDS = "date as a spreadsheet's day number", "date as seconds since 1970"  # repairs
EXPECTED = "expected a date as 01/31/2020 or 2020-01-31"
Parsed = tuple[int, str | None]  # a day and a repair

_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?(?: ?[AP]\.?M\.?)?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)(?:\[[\w/]+\])?)?"
_AFTER = rf"(?:[ T,:]+{_CLOCK}{_ZONE})?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<name>[A-Z]{3,9})\.?"
_FLAGS = re.ASCII | re.IGNORECASE
NUMERIC = re.compile(rf"(\d{{4}}|\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{1,2}})({_AFTER})", _FLAGS)
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?:\d{6})?(?:\.0*)?", re.ASCII)
_NAMED = (
    re.compile(
        rf"(?:[A-Z]{{3,9}},? )?(?P<day>\d{{1,2}})[ /-]?{_MONTH}[ /,-]*(?P<year>\d{{4}}|\d{{2}}){_AFTER}", _FLAGS
    ),
    re.compile(rf"(?:[A-Z]{{3,9}},? )?{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}}){_AFTER}", _FLAGS),
    re.compile(rf"(?P<year>\d{{4}})[ -]{_MONTH}[ -](?P<day>\d{{1,2}}){_AFTER}", _FLAGS),
)
_NUMBER = re.compile(r"([1-9]\d{4,18})(?:\.(\d*))?", re.ASCII)
_INSTANT = re.compile(
    r"(?:.*\d[T ]+)?(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)(?:\[[\w/]+\])?",
    _FLAGS,
)
LOCAL_ZONES = ("-08", "-07")  # of Los Angeles


def parse_date(text: str) -> Parsed:
    """Days since 1970-01-01. A time of day after the date is ignored: it is in `TIME OCC`.

    Of 01/02/2020 the month is 1, as LAPD writes it; `table_dates.TableDates` rewrites the dates of tables that put the
    day or the year first. Of 01.02.2020 neither is taken for the month.
    """
    repair = None
    if match := NUMERIC.fullmatch(text):
        year, month, day = _numeric_parts(match)
        repair = "year of two digits" if len(match[1]) < 4 and len(match[4]) == 2 else None
    elif match := _COMPACT.fullmatch(text):
        year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    elif match := next(filter(None, (pattern.fullmatch(text) for pattern in _NAMED)), None):
        year, month, day = full_year(match["year"]), _month_number(match["name"]), int(match["day"])
    elif match := _NUMBER.fullmatch(text):
        return _parse_number(match)
    else:
        raise ValueError(EXPECTED)
    check_local_time(text)
    if year not in YEARS:
        raise ValueError(f"expected a year from {YEARS[0]} to {YEARS[-1]}")
    try:
        return date(year, month, day).toordinal() - EPOCH_ORDINAL, repair
    except ValueError:
        raise ValueError("expected a day that exists, as 01/31/2020 or 2020-01-31") from None


def check_local_time(text: str) -> None:
    """Raise `ValueError` for a time of day in another zone than Los Angeles': its day there may be another."""
    match = _INSTANT.fullmatch(text)
    if match and not match["zone"].startswith(LOCAL_ZONES) and match["time"].strip("0:.,"):
        raise ValueError(f"expected local time of Los Angeles, without a zone: {match['zone']} is another")


def _numeric_parts(match: re.Match[str]) -> tuple[int, int, int]:
    """Year, month and day of a match of `NUMERIC`, with the month before the day."""
    first, middle, last = match[1], match[3], match[4]
    if len(first) == 4:
        return int(first), int(middle), int(last)
    if len(last) == 1:
        raise ValueError(EXPECTED)
    if match[2] == ".":
        if int(first) <= 12 and int(middle) <= 12 and first != middle:
            raise ValueError("expected a date that has one meaning, as 2020-01-31")
        if int(first) > 12:
            first, middle = middle, first
    return full_year(last), int(first), int(middle)


def full_year(digits: str) -> int:
    year = int(digits)
    return year if len(digits) == 4 else year + (1900 if year >= FIRST_YEAR_OF_CENTURY else 2000)


def _month_number(name: str) -> int:
    """The month's number, 1 to 12. Raises `ValueError` if the name is not an English month."""
    if (short := name[:3].lower()) not in _MONTHS:
        raise ValueError(EXPECTED)
    return _MONTHS.index(short) + 1


def _parse_number(match: re.Match[str]) -> Parsed:
    """A spreadsheet's day number (43884.6), or the time since 1970 in a unit that its length tells."""
    digits = match[1]
    if len(digits) in EPOCH_DIGITS:
        day = int(digits) // 10 ** EPOCH_DIGITS[len(digits)] // SECONDS_A_DAY
        repair = SECONDS
    elif int(digits) in SPREADSHEET_DAYS:
        day, repair = SPREADSHEET_EPOCH + int(digits), DAY_NUMBER
    else:
        raise ValueError(EXPECTED)
    if day > today():  # counted from another day than ours
        raise ValueError(EXPECTED)
    return day, repair
