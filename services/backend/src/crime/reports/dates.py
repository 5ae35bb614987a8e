"""Parse dates, and find out whether a table writes the day or the month first."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from crime.core.days import EPOCH_ORDINAL
from crime.core.errors import DataError

YEARS = range(1900, 2101)
SPREADSHEET_EPOCH = date(1899, 12, 30).toordinal() - EPOCH_ORDINAL  # day 0 of Excel and its kin
SPREADSHEET_DAYS = range(20_000, 80_000)  # 1954 to 2119; other numbers of five digits are no dates
FIRST_YEAR_OF_CENTURY = 69  # 69 is 1969, 68 is 2068, as in POSIX
SECONDS_A_DAY = 86_400
LAST_EPOCH_DAY = date(2100, 12, 31).toordinal() - EPOCH_ORDINAL
EPOCH_DIGITS = {10: 0, 13: 3, 16: 6, 19: 9}  # digits of seconds, milliseconds ... since 1970: their decimal places

MAX_TYPO_SHARE = 0.01  # of the distinct dates that tell an order: so few that tell the other are mistyped
MIN_OF_A_SHAPE = 8  # distinct dates of a way of writing, before days of at most 12 alone are no chance
DATE_CHARACTERS = 10  # of a cell, which tell its day; cells that differ in the time of day alone are one
DAY_NUMBER, SECONDS = "date as a spreadsheet's day number", "date as seconds since 1970"  # repairs
EXPECTED = "expected a date as 01/31/2020 or 2020-01-31"
Parsed = tuple[int, str | None]  # a day and a repair

_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?(?: ?[AP]\.?M\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_AFTER = rf"(?:[ T,:]+{_CLOCK})?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<name>[A-Z]{3,9})\.?"
_FLAGS = re.ASCII | re.IGNORECASE
_NUMERIC = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4}|\d{2})(" + _AFTER + ")", _FLAGS)
_DOTTED = re.compile(
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4}|\d{2})" + _AFTER, _FLAGS
)  # never month first
_LAPD = re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d [AP]M", re.ASCII)  # the portal's export: month first
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + _AFTER, _FLAGS)
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?:\.0*)?", re.ASCII)
_NAMED = (
    re.compile(rf"(?:[A-Z]{{3,9}},? )?(?P<day>\d{{1,2}})[ -]?{_MONTH}[ ,-]*(?P<year>\d{{4}}|\d{{2}}){_AFTER}", _FLAGS),
    re.compile(rf"(?:[A-Z]{{3,9}},? )?{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}}){_AFTER}", _FLAGS),
    re.compile(rf"(?P<year>\d{{4}})[ -]{_MONTH}[ -](?P<day>\d{{1,2}}){_AFTER}", _FLAGS),
)
_NUMBER = re.compile(r"(\d{5,19})(?:\.(\d*))?", re.ASCII)


def parse_date(text: str) -> Parsed:
    """Days since 1970-01-01. A time of day after the date is ignored: it is in `TIME OCC`.

    Of 01/02/2020 the month is 1, as LAPD writes it; `TableDates` turns the dates of tables that put the day first.
    """
    repair = None
    if match := _NUMERIC.fullmatch(text):
        month, day, year = int(match[1]), int(match[3]), _full_year(match[4])
        repair = "year of two digits" if len(match[4]) == 2 else None
    elif match := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text) or _DOTTED.fullmatch(text):
        year, month, day = _full_year(match["year"]), int(match["month"]), int(match["day"])
    elif match := next(filter(None, (pattern.fullmatch(text) for pattern in _NAMED)), None):
        year, month, day = _full_year(match["year"]), _month_number(match["name"]), int(match["day"])
    elif match := _NUMBER.fullmatch(text):
        return _parse_number(match)
    else:
        raise ValueError(EXPECTED)
    if year not in YEARS:
        raise ValueError(f"expected a year from {YEARS[0]} to {YEARS[-1]}")
    try:
        return date(year, month, day).toordinal() - EPOCH_ORDINAL, repair
    except ValueError:
        raise ValueError("expected a day that exists, as 01/31/2020 or 2020-01-31") from None


def _full_year(digits: str) -> int:
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
        if day <= LAST_EPOCH_DAY:
            return day, SECONDS
    elif int(digits) in SPREADSHEET_DAYS:
        return SPREADSHEET_EPOCH + int(digits), DAY_NUMBER
    raise ValueError(EXPECTED)


@dataclass
class _Column:
    """What the distinct dates of a column tell about their order.

    `counts` and `examples` by order: `day` or `month` comes first for certain, `lapd` is the portal's own format,
    `undecided` fits both. `shapes`: by format, the number of dates up to the 12th of a month, and of later ones.
    """

    counts: dict[str, int] = field(default_factory=lambda: {"day": 0, "month": 0, "lapd": 0, "undecided": 0})
    examples: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, list[int]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def learn(self, text: str) -> None:
        order, is_late = "", None
        if match := _NUMERIC.fullmatch(text):
            first, second = int(match[1]), int(match[3])
            is_late = max(first, second) > 12
            if is_late:
                order = "day" if first > 12 else "month"
            elif first != second:
                order = "lapd" if _LAPD.fullmatch(text) else "undecided"
        else:
            with suppress(ValueError):
                is_late = date.fromordinal(parse_date(text)[0] + EPOCH_ORDINAL).day > 12
        if order:
            self.counts[order] += 1
            self.examples.setdefault(order, text)
        if is_late is not None:
            shape = re.sub(r"[a-z]+", "a", re.sub(r"\d+", "0", text.lower()))
            self.shapes.setdefault(shape, [0, 0])[is_late] += 1


class TableDates:
    """Whether dates such as 01/02/2020 have the day first, found from a table's other rows.

    `day_first`: the user's answer, for all columns; None to find out. If no row of a column tells, the table's other
    column of dates decides.
    """

    def __init__(self, day_first: bool | None = None):
        self._told = day_first
        self._columns: dict[str, _Column] = {}

    def learn(self, name: str, texts: Iterable[str]) -> None:
        """Learn from a column's distinct cells; called again as more of them come."""
        if self._told is not None:
            return
        column = self._columns.setdefault(name, _Column())
        for text in texts:
            if text[:DATE_CHARACTERS] not in column.seen:
                column.seen.add(text[:DATE_CHARACTERS])
                column.learn(text)

    def check(self) -> None:
        """Raise `DataError` if the order of a column's dates is not told, or told both ways."""
        for name in self._columns:
            self.is_day_first(name)

    @property
    def is_settled(self) -> bool:
        """Whether no further row could be needed to tell the order in any column."""
        return all(
            self._told is not None or self._order(name) is not None or not column.counts["undecided"]
            for name, column in self._columns.items()
        )

    def is_day_first(self, name: str) -> bool:
        """Whether the column's dates have the day first. Raises `DataError` if its rows do not tell, or differ."""
        if self._told is not None:
            return self._told
        column = self._columns[name]
        _check_spreadsheet(name, column)
        order = self._order(name)
        if order is None and column.counts["undecided"]:
            raise DataError(
                f"{name}: {column.examples['undecided']} may have the day or the month first, and no row tells which: "
                "say it with --day-first or --month-first (over HTTP ?day_first=true or false)"
            )
        return order == "day"

    def _order(self, name: str) -> str | None:
        orders = {_order_of(key, column) for key, column in self._columns.items()}
        own = _order_of(name, self._columns[name])
        others = orders - {None}
        return own or (others.pop() if len(others) == 1 else None)


def month_first(text: str) -> str:
    """The date with day and month exchanged, if it is written as 31/01/2020; else as it is."""
    match = _NUMERIC.fullmatch(text)
    return f"{match[3]}{match[2]}{match[1]}{match[2]}{match[4]}{match[5]}" if match else text


def _order_of(name: str, column: _Column) -> str | None:
    """`day` or `month`, whichever comes first. Raises `DataError` if rows tell the one and rows tell the other."""
    day, month, lapd = (column.counts[order] for order in ("day", "month", "lapd"))
    if min(day, month) > MAX_TYPO_SHARE * (day + month):
        raise DataError(
            f"{name}: {column.examples['day']} has the day first and {column.examples['month']} the month: "
            "write all dates one way, or say it with --day-first or --month-first (over HTTP ?day_first=true or false)"
        )
    if day or month:
        return "day" if day > month else "month"
    return "month" if lapd else None


def _check_spreadsheet(name: str, column: _Column) -> None:
    """Raise `DataError` where a spreadsheet has turned a part of the column into dates, those with a day up to 12.

    It takes 02/03/2020 for 2 March, and leaves 02/23/2020 as text: then the one way of writing has days after 12
    alone, the other none.
    """
    only_late = [shape for shape, (early, late) in column.shapes.items() if not early and late >= MIN_OF_A_SHAPE]
    only_early = [shape for shape, (early, late) in column.shapes.items() if not late and early >= MIN_OF_A_SHAPE]
    if only_late and only_early and len(only_late) + len(only_early) == len(column.shapes):
        raise DataError(
            f"{name}: dates after the 12th of a month are written in one way and the others in another. A spreadsheet "
            "has exchanged day and month in a part of them: take the table as it was before"
        )
