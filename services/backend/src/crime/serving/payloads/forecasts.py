"""Answers of the forecast routes, and the functions that build them from a forecast bundle."""

from typing import TypedDict

import numpy as np
from pydantic import BaseModel, Field

from crime.core.days import day_number, day_text, today
from crime.forecaster.bundle import INTERVAL_BOUNDS, ForecastBundle
from crime.reports.freshness import LONGEST_USUAL_LAG_DAYS, USUAL_LAG_DAYS
from crime.reports.places import PlaceKind

LAPD_REPORTS_PER_DAY = 600  # of 2020 to 2023: 877,327 rows of LAPD's table (data.lacity.org, 2nrs-mtv8) over 1,461 days


class Interval(BaseModel):
    """Expected reports, and the bounds of their 80 % and 95 % prediction intervals."""

    mean: float
    low80: float
    high80: float
    low95: float
    high95: float


class Day(Interval):
    """A day of a forecast, with the reports expected on it."""

    date: str


class Outcome(Day):
    """A past day: what was forecast for it, and the reports that came."""

    reports: int


class Recent(BaseModel):
    """The number of reports of a past day."""

    date: str
    reports: int


class Made(BaseModel):
    """`made_at`: the forecast origin, the day at whose end it was made. `simulated`: made from simulated reports.

    `share`: of all reports, where it was made from a random draw of them; the forecast is of all. `warning`: how old it
    is, where that is more than LAPD's usual lag.
    """

    model_name: str
    model_version: str
    made_at: str
    simulated: bool
    share: float
    warning: str | None


class PlaceForecast(Made):
    """`total` is expected on all days, `total_range` that with its ranges where the days are 1, 7 or 28.

    `recent`: reports of the days up to the forecast origin. `before`: the forecast of four weeks earlier, with the
    reports that came.
    """

    place: str
    days: list[Day]
    total: float
    total_range: Interval | None
    recent: list[Recent]
    before: list[Outcome]


class Place(Interval):
    """A place with the reports expected in it; rank 1 has the most."""

    rank: int
    id: int
    name: str
    area: int
    latitude: float | None = Field(description="of the centre of its reports")
    longitude: float | None
    located: int | None = Field(description="how many reports that centre is of; null of an earlier release")


class HistoryTable(BaseModel):
    """The table that a forecast was made from. `usual_per_day`: reports that LAPD takes a day."""

    reports: int
    first: str
    last: str
    per_day: float
    usual_per_day: int


class Hotspots(Made):
    """The places with the most expected reports from the day `on` `until` another, or on one day.

    `first`, `last`: the days that the forecast covers. `table`: the reports that it was made from.
    """

    on: str
    until: str
    table: HistoryTable
    first: str
    last: str
    places: list[Place]


class EntityFeatures(Made):
    """Features of a place as known at the end of `made_at`."""

    entity: str
    id: int
    features: dict[str, int]


class Provenance(TypedDict):
    """The fields of `Made`, as keyword arguments of its subclasses."""

    model_name: str
    model_version: str
    made_at: str
    simulated: bool
    share: float
    warning: str | None


def provenance(forecast: ForecastBundle) -> Provenance:
    """Which version made a forecast, when, and whether from simulated reports."""
    return Provenance(
        model_name=forecast.name,
        model_version=forecast.version,
        made_at=day_text(forecast.origin),
        simulated=bool(forecast.spec.data.simulated),
        share=forecast.spec.data.share,
        warning=age_warning(forecast),
    )


def age_warning(forecast: ForecastBundle) -> str | None:
    """How old a forecast is, if older than its reports' usual lag; None for one that is not, or of a simulated city."""
    days = today() - forecast.origin
    if days <= LONGEST_USUAL_LAG_DAYS or forecast.spec.data.simulated:
        return None
    made, last = day_text(forecast.origin), day_text(forecast.origin + forecast.horizon)
    over = f", and the days it covers ended on {last}" if days > forecast.horizon else ""
    return (
        f"made from reports until {made}, {days} days ago{over}; usual are about {USUAL_LAG_DAYS} days, and at most "
        f"{LONGEST_USUAL_LAG_DAYS} before LAPD's next update"
    )


def history_table(forecast: ForecastBundle) -> HistoryTable:
    data = forecast.spec.data
    days = day_number(data.until) - day_number(data.first_day) + 1
    return HistoryTable(
        reports=data.reports,
        first=data.first_day,
        last=data.until,
        per_day=round(data.reports / days, 2),
        usual_per_day=LAPD_REPORTS_PER_DAY,
    )


def intervals(
    forecast: ForecastBundle,
    kind: PlaceKind,
    mean: np.ndarray,
    shift: int | None = None,
    category: str | None = None,
    days: int = 1,
) -> list[dict[str, float]]:
    """The fields of `Interval` for each expectation in `mean` (n,), each the sum over so many days."""
    bounds = forecast.bounds(kind, mean, shift, category, days)
    return [
        {"mean": round(float(value), 4), **dict(zip(INTERVAL_BOUNDS, row.tolist(), strict=True))}
        for value, row in zip(mean, bounds.T, strict=True)
    ]
