"""Find out in which order a table's dates have day, month and year."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from crime.core import limits
from crime.core.days import EPOCH_ORDINAL, today
from crime.core.errors import DataError, DateOrderError
from crime.reports.dates import NUMERIC, full_year, parse_date

Order = Literal["month", "day", "year", "year, day"]  # what comes first; in the last one the day comes second
Shape = Literal["year last", "year first", "short"]  # by where the year of four digits stands; short has none
Family = tuple[Shape, str]  # dates of one shape with the same separator; one family says nothing of another
ORDERS: dict[Shape, tuple[Order, ...]] = {
    "year last": ("month", "day"),
    "year first": ("year", "year, day"),
    "short": ("month", "day", "year"),
}
FIRST_SHORT_YEAR = 2010  # LAPD's open data begin there: no short year is earlier
MAX_TYPO_SHARE = 0.01  # of the distinct dates that tell an order: so few that tell another are mistyped
MIN_OF_A_FORMAT = 3  # distinct dates of a way of writing, before days of at most 12 alone are no chance
SHOWN_CHARACTERS = 40  # of a date in a message; as many tell its format
DATE_CHARACTERS = 10  # of a cell, which tell its day; cells that differ in the time of day alone are one
SAY = "say it with --day-first or --month-first (over HTTP ?day_first=true or false)"
WORDS: dict[Order, str] = {
    "month": "the month first",
    "day": "the day first",
    "year": "the year first",
    "year, day": "the day after the year",
}
USUAL: dict[Shape, Order] = {"year last": "month", "year first": "year", "short": "month"}  # as `parse_date` reads
_LAPD = re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d [AP]M", re.ASCII)  # the portal's export: month first


@dataclass
class _Written:
    """The distinct dates of one family in a column.

    `telling`: how many have this order for certain, by order; `unclear` fit several orders that give different days.
    `examples` of each. `only_lapd`: all of the unclear ones are in the portal's own format. `possible`: the orders in
    which all of them exist.
    """

    telling: dict[Order, int] = field(default_factory=dict)
    examples: dict[Order, str] = field(default_factory=dict)
    unclear: str = ""
    only_lapd: bool = True
    possible: set[Order] = field(default_factory=lambda: set(WORDS))

    def learn(self, text: str, days: dict[Order, int]) -> None:
        self.possible &= set(days) or self.possible
        if len(days) == 1:
            (order,) = days
            self.telling[order] = self.telling.get(order, 0) + 1
            self.examples.setdefault(order, text)
        elif len(set(days.values())) > 1:
            self.unclear = self.unclear or text
            self.only_lapd = self.only_lapd and bool(_LAPD.fullmatch(text))

    def order(self, name: str) -> Order | None:
        """The order that the dates tell, if any. Raises `DataError` if some tell one and some another."""
        if not self.telling:
            return None
        best = max(self.telling, key=lambda order: self.telling[order])
        for other, count in self.telling.items():
            if other != best and count > MAX_TYPO_SHARE * sum(self.telling.values()):
                raise _told_both_ways(name, self.examples[best], best, self.examples[other], other)
        return best


def _told_both_ways(name: str, text: str, order: Order, other_text: str, other: Order) -> DataError:
    text, other_text = text[:SHOWN_CHARACTERS], other_text[:SHOWN_CHARACTERS]
    problem = f"{name}: {text} has {WORDS[order]} and {other_text} {WORDS[other]}"
    return DateOrderError(problem, f"write all dates one way, or {SAY}", other_text)


@dataclass
class _Column:
    """What a column's distinct dates tell.

    `formats`: by format, and whether it ends with the year, how many are up to the 12th of a month, and later.
    """

    families: dict[Family, _Written] = field(default_factory=dict)
    formats: dict[tuple[bool, str], list[int]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def learn(self, text: str) -> None:
        if match := NUMERIC.fullmatch(text):
            family = _family(match)
            days = _possible_days(match, family)
            self.families.setdefault(family, _Written()).learn(text, days)
            numbers = [int(match[group]) for group in (1, 3, 4) if len(match[group]) < 4]
            is_late = max(numbers) > 12
        else:
            is_late = None
            with suppress(ValueError):
                is_late = date.fromordinal(parse_date(text)[0] + EPOCH_ORDINAL).day > 12
        if is_late is not None:
            written = re.sub(r"[a-z]+", "a", re.sub(r"\d+", "0", text[:SHOWN_CHARACTERS].lower()))
            ends_with_year = bool(match and len(match[1]) < 4)
            self.formats.setdefault((ends_with_year, written), [0, 0])[is_late] += 1


class TableDates:
    """The order of day, month and year in a table's columns of dates, found from its rows.

    `day_first`: the user's answer, for all dates that do not begin with a year of four digits; None to find out. If no
    row of a column tells, the table's other column of dates decides.
    """

    def __init__(self, day_first: bool | None = None):
        self._told: Order | None = None if day_first is None else "day" if day_first else "month"
        self._columns: dict[str, _Column] = {}
        self._answered: dict[tuple[str, Family], Order] = {}

    def learn(self, name: str, texts: Iterable[str]) -> None:
        """Learn from a column's distinct cells; called again as more of them come.

        Raises `DataError` for more numeric dates than are kept. Of other texts the first are enough.
        """
        column = self._columns.setdefault(name, _Column())
        for text in texts:
            if text[:DATE_CHARACTERS] in column.seen:
                continue
            if len(column.seen) < limits.DATES:
                column.seen.add(text[:DATE_CHARACTERS])
                column.learn(text)
            elif NUMERIC.fullmatch(text):
                raise DataError(f"{name}: more than {limits.DATES:,} different dates")

    def check(self) -> None:
        """Raise `DataError` if the order of a column's dates is not told, or told both ways."""
        for name in self._columns:
            self.rewriter(name)

    @property
    def is_settled(self) -> bool:
        """Whether no further row could be needed to tell the order in any column."""
        return all(
            self._known_order(name, family) is not None
            for name, column in self._columns.items()
            for family in column.families
        )

    def rewriter(self, name: str) -> Callable[[str], str] | None:
        """What rewrites the column's dates as LAPD has them, month first; None if they are.

        Raises `DataError` if the column's rows do not tell the order, if they differ, or if they tell another one than
        earlier rows did, which were read already.
        """
        column = self._columns[name]
        if self._told is None:
            _check_spreadsheet(name, column)
        orders = {family: self._order(name, family) for family in column.families}
        for family, order in orders.items():
            before = self._answered.setdefault((name, family), order)
            if before != order:
                examples = column.families[family].examples
                raise _told_both_ways(name, "a row further up", before, examples.get(order, "another"), order)
        if all(order == USUAL.get(shape) and separator != "." for (shape, separator), order in orders.items()):
            return None
        return lambda text: _month_first(text, orders)

    def _order(self, name: str, family: Family) -> Order:
        known = self._known_order(name, family)
        written = self._columns[name].families[family]
        shape = family[0]
        if known is None and shape != "year first" and written.unclear and not written.only_lapd:
            shown = written.unclear[:SHOWN_CHARACTERS]
            problem = f"{name}: {shown} may have {_possible_words(written.unclear)}, and no row tells which"
            advice = SAY if shape == "year last" else "write years in full"
            raise DateOrderError(problem, advice, shown)
        if known is not None:
            return known
        possible = [order for order in ORDERS[shape] if order in written.possible]
        return (possible or ORDERS[shape])[0]  # of a year first, ISO 8601's

    def _known_order(self, name: str, family: Family) -> Order | None:
        """The order that was told, or that this column's rows tell, or those of the other column."""
        if self._told and family[0] != "year first":
            return self._told
        own = self._columns[name].families[family].order(name)
        columns = ((key, column.families.get(family)) for key, column in self._columns.items())
        others = {order for key, written in columns if written and (order := written.order(key))}
        if own is None and len(others) == 1:
            (own,) = others
        return own


def _family(match: re.Match[str]) -> Family:
    return "year first" if len(match[1]) == 4 else "year last" if len(match[4]) == 4 else "short", match[2]


def _possible_days(match: re.Match[str], family: Family) -> dict[Order, int]:
    """The day that each possible order gives. Years of two digits are none before LAPD's data begin, or to come."""
    days: dict[Order, int] = {}
    for order in ORDERS[family[0]]:
        year, month, day = _parts(match, order)
        with suppress(ValueError):
            found = date(full_year(year), int(month), int(day)).toordinal() - EPOCH_ORDINAL
            if family[0] != "short" or (len(year) == 2 and full_year(year) >= FIRST_SHORT_YEAR and found <= today()):
                days[order] = found
    return days


def _parts(match: re.Match[str], order: Order) -> tuple[str, str, str]:
    """Year, month and day of a numeric date in this order."""
    first, second, third = match[1], match[3], match[4]
    by_order: dict[Order, tuple[str, str, str]] = {
        "month": (third, first, second),
        "day": (third, second, first),
        "year": (first, second, third),
        "year, day": (first, third, second),
    }
    return by_order[order]


def _possible_words(text: str) -> str:
    match = NUMERIC.fullmatch(text)
    assert match
    orders = list(_possible_days(match, _family(match)))
    return " or ".join(WORDS[order] for order in orders)


def _month_first(text: str, orders: dict[Family, Order]) -> str:
    """The date as 01/31/2020, if it is numeric; else as it is."""
    match = NUMERIC.fullmatch(text)
    if not match:
        return text
    year, month, day = _parts(match, orders.get(_family(match), "month"))
    return f"{month}/{day}/{year}{match[5]}"


def _check_spreadsheet(name: str, column: _Column) -> None:
    """Raise `DataError` where a spreadsheet has turned a part of the column into dates, those with a day up to 12.

    It takes 02/03/2020 for 2 March, and leaves 02/23/2020 as text: then the one way of writing has days after 12
    alone, the other none. Where it shows what it took for 2 March as 02/03/2020 again, nothing is lost.
    """
    only_late = [key for key, (early, late) in column.formats.items() if not early and late >= MIN_OF_A_FORMAT]
    only_early = [key for key, (early, late) in column.formats.items() if not late and early >= MIN_OF_A_FORMAT]
    is_split = only_late and only_early and len(only_late) + len(only_early) == len(column.formats)
    if is_split and not all(ends_with_year for ends_with_year, _ in column.formats):
        raise DataError(
            f"{name}: dates after the 12th of a month are written in one way and the others in another. A spreadsheet "
            "has exchanged day and month in a part of them: take the table as it was before"
        )
