"""Answers about the latest weeks, and the functions that build them from a forecast bundle."""

import math

import numpy as np
from pydantic import BaseModel, Field

from crime.core.days import day_text
from crime.forecaster.week import PERIODS, Period, WeekArrays, period_spans
from crime.serving.payloads.forecasts import Made

EARLIER = ("before", "year_before")


class Span(BaseModel):
    """Days from `first` to `last`. `days`: how many of them the table covers; 0 where that is less than half."""

    first: str
    last: str
    days: int


class Counted(BaseModel):
    """Reports of a span that are known, those with the ones still to come, and the bounds of their 95 % range."""

    reports: int
    corrected: float
    low: float
    high: float


class Change(BaseModel):
    """The rate of now over an earlier one, its 95 % interval, and p of no change. None: no bound, or not to be told.

    `marked`: more than chance over the whole table, at a false discovery rate of 5 %.
    """

    ratio: float | None
    low: float | None
    high: float | None
    p: float
    marked: bool


class Compared(BaseModel):
    """A place and a kind of report, now and earlier. `area`: 0 for the city. `category`: None for all reports.

    An earlier span is None where the table does not cover it.
    """

    area: int
    place: str
    category: str | None
    now: Counted
    before: Counted | None
    year_before: Counted | None
    to_before: Change | None
    to_year_before: Change | None


class Compstat(Made):
    """The latest reports beside as many days before them and the same a year before.

    Counts are of the table: where it is a draw, so are they.
    """

    period: Period
    now: Span
    before: Span
    year_before: Span
    rows: list[Compared]


class Week(BaseModel):
    """A week that ends on `last`, with its reports known so far, and those that a forecast expected of it to be known.

    None where no forecast was made.
    """

    last: str
    reports: int
    expected: float | None
    low95: float | None
    high95: float | None


class Weeks(Made):
    """The 52 latest weeks of a place and a kind of report."""

    place: str
    category: str | None
    weeks: list[Week]


class UnusualPlace(BaseModel):
    """The latest `days` (7 or 14) of a place and a kind of report, whose reports are outside their 95 % range.

    `reports`: known so far. `expected`: to be known by now. `p`: of this by chance. `alarm`: more than chance explains
    over all that was looked at.
    """

    kind: str = Field(description="city, area or district")
    id: int
    place: str
    area: int
    category: str | None
    days: int
    reports: int
    expected: float
    low95: float
    high95: float
    p: float
    alarm: bool


class Unusual(Made):
    """What is unusual now, the most unusual first. `looked_at`: how many places and kinds of report were compared.

    Where nothing changed, there is any alarm in at most 5 % of weeks.
    """

    looked_at: int
    places: list[UnusualPlace]


def spans(origin: int, week: WeekArrays, period: Period) -> dict[str, Span]:
    """The days of a period and of the two earlier spans, by their field of `Compstat`."""
    index = PERIODS.index(period)
    return {
        name: Span(first=day_text(first), last=day_text(last), days=int(week.days[index, column]))
        for column, (name, (first, last)) in enumerate(zip(("now", *EARLIER), period_spans(origin)[index], strict=True))
    }


def counted(week: WeekArrays, cell: tuple[int, int, int, int]) -> Counted | None:
    """The reports of a place, kind of report, period and span; None where the table does not cover the span."""
    if not week.days[cell[2:]]:
        return None
    corrected, low, high = (round(float(part[cell]), 1) for part in week.corrected)
    return Counted(reports=int(week.reports[cell]), corrected=corrected, low=low, high=high)


def change(week: WeekArrays, cell: tuple[int, int, int, int]) -> Change | None:
    """The rate of now over that of an earlier span (the last index), None where it can't be told."""
    ratio, low, high, p = (float(part[cell]) for part in week.ratio)
    if math.isnan(p):
        return None
    return Change(ratio=number(ratio), low=number(low), high=number(high), p=p, marked=bool(week.marked[cell]))


def number(value: float | np.floating, digits: int = 3) -> float | None:
    """A number for JSON, which has neither infinity nor NaN."""
    return round(float(value), digits) if math.isfinite(value) else None
