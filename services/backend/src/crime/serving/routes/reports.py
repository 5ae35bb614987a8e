"""Counts of the reports that the category model was trained and tested on."""

from typing import Annotated

import numpy as np
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from pydantic import Field

from crime.classifier.bundle import CategoryBundle
from crime.classifier.counted_reports import CountedReports
from crime.core.days import day_number, day_text
from crime.reports.categories import AREA_ONLY_CATEGORIES, CATEGORIES, CATEGORY_NAMES
from crime.reports.codes import code_names
from crime.reports.schema import SHIFTS
from crime.reports.sources import SOURCES
from crime.serving.dependencies import model_of
from crime.serving.payloads.catalogue import Counts
from crime.serving.routes.catalogue import Category
from crime.serving.routes.forecasts import query_problem

router = APIRouter()
DAY_PATTERN = "^[12][0-9]{3}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?$"
MAX_DISTRICT = 9999
COUNT_LIMIT = CapacityLimiter(2)  # counting a million reports takes 50 MB
Day = Annotated[str | None, Query(pattern=DAY_PATTERN, description="a day, or a month as 2020-01")]


@router.get("/reports", tags=["reports"])
async def reports(
    request: Request,
    area: Annotated[list[Annotated[int, Field(ge=1, le=21)]] | None, Query(description="area numbers")] = None,
    district: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_DISTRICT)]] | None, Query(description="reporting districts")
    ] = None,
    category: Annotated[list[Category] | None, Query(description=", ".join(CATEGORIES))] = None,
    code: Annotated[list[str] | None, Query(description="crime codes with their system: legacy:510, nibrs:23F")] = None,
    shift: Annotated[
        list[Annotated[int, Field(ge=0, le=2)]] | None, Query(description=f"8-hour shifts: {', '.join(SHIFTS)}")
    ] = None,
    first: Day = None,
    last: Day = None,
) -> Counts:
    """Counts of the reports the model was trained and tested on, by what, where and when they were.

    A version of an earlier release counts whole months alone, and neither days nor districts nor crime codes.
    """
    model = model_of(request)
    counted = model.counts
    if district and category and set(category) <= set(AREA_ONLY_CATEGORIES):
        raise query_problem("category", category, "places of sexual crimes are told no finer than their area")
    if not counted.by_day and (district or code):
        raise query_problem("district" if district else "code", district or code, _months_alone(model))
    table = _table_days(counted)
    days = _days(model, first, last)
    keys = list(CATEGORIES)
    categories = [keys.index(name) for name in category or ()]

    def count() -> Counts:
        chosen = counted.matches(days, area or (), district or (), categories, code or (), shift or ())
        return _counts(model, counted.take(chosen), table, days)

    return await to_thread.run_sync(count, limiter=COUNT_LIMIT)


def _counts(model: CategoryBundle, chosen: CountedReports, table: tuple[int, int], days: tuple[int, int]) -> Counts:
    months = _months(np.arange(days[0], days[1] + 1)) if days[0] <= days[1] else np.empty(0, int)
    all_months = np.arange(_month(table[0]), _month(table[1]) + 1)
    month_names = all_months.astype("datetime64[M]").astype(str).tolist()
    by_month = chosen.totals(_months(chosen.day) - all_months[0], len(all_months))
    asked = set(months.tolist())
    by_hour = chosen.totals(chosen.weekday * np.int32(24) + chosen.hour, 7 * 24)
    by_area = chosen.totals(chosen.area, len(code_names("area")) + 1)
    by_category = chosen.totals(chosen.category, len(CATEGORIES))
    return Counts(
        total=sum(by_category),
        first_month=month_names[0],
        last_month=month_names[-1],
        first_day=day_text(table[0]),
        last_day=day_text(table[1]),
        by_category=dict(zip(CATEGORY_NAMES, by_category, strict=True)),
        by_area={str(number): reports for number, reports in enumerate(by_area) if number},
        by_month={
            name: reports
            for name, number, reports in zip(month_names, all_months.tolist(), by_month, strict=True)
            if number in asked
        },
        by_day=_by_day(chosen, days),
        by_district=_by_district(chosen),
        by_code=_by_code(chosen),
        complete_until=_complete_until(model),
        by_weekday_hour=[by_hour[start : start + 24] for start in range(0, 7 * 24, 24)],
    )


def _by_day(chosen: CountedReports, days: tuple[int, int]) -> dict[str, int] | None:
    if not chosen.by_day:
        return None
    first, count = days[0], max(0, days[1] - days[0] + 1)
    return {day_text(first + day): reports for day, reports in enumerate(chosen.totals(chosen.day - first, count))}


def _by_district(chosen: CountedReports) -> dict[str, int] | None:
    if chosen.district is None:
        return None
    by_district = chosen.totals(chosen.district, 0)
    return {str(number): reports for number, reports in enumerate(by_district) if number and reports}


def _by_code(chosen: CountedReports) -> dict[str, int] | None:
    if chosen.code is None:
        return None
    by_code = chosen.totals(chosen.code, len(chosen.codes))
    return {key: reports for key, reports in zip(chosen.codes, by_code, strict=True) if reports}


def _table_days(counted: CountedReports) -> tuple[int, int]:
    """The first and the last day of all reports; of whole months the last day of the last one."""
    first, last = int(counted.day.min()), int(counted.day.max())
    return first, last if counted.by_day else _month_end(_month(last))


def _days(model: CategoryBundle, first: str | None, last: str | None) -> tuple[int, int]:
    """The days from `first` to `last`, each a day or a month, as far as the table goes.

    Raises `RequestValidationError` for a day that there is not, and for one that parts a month where whole months are
    counted.
    """
    counted = model.counts
    table = _table_days(counted)
    start = table[0] if first is None else max(table[0], _day(first, "first"))
    end = table[1] if last is None else min(table[1], _day(last, "last"))
    if not counted.by_day:
        for name, text, whole in (
            ("first", first, start == _month_start(_month(start))),
            ("last", last, end == _month_end(_month(end))),
        ):
            if not whole:
                raise query_problem(name, text, _months_alone(model))
    return start, end


def _day(text: str, name: str) -> int:
    month_alone = len(text) == len("2020-01")
    try:
        start = day_number(f"{text}-01" if month_alone else text)
    except ValueError as error:
        raise query_problem(name, text, str(error)) from None
    return _month_end(_month(start)) if month_alone and name == "last" else start


def _months_alone(model: CategoryBundle) -> str:
    return (
        f"version {model.version} is of an earlier release and counts whole months alone: `crime train` or "
        "`crime retrain` makes one that counts days, districts and crime codes"
    )


def _complete_until(model: CategoryBundle) -> str | None:
    """The last day of which the model's reports are complete, if they are of a table that LAPD no longer keeps up."""
    data = model.spec.data
    if data.simulated or set(data.systems) != {"legacy"}:
        return None
    until = SOURCES["legacy"].complete_until
    return until if until and until < data.until else None


def _months(days: np.ndarray) -> np.ndarray:
    """Months since 1970-01 of days since 1970-01-01."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(int)


def _month(day: int) -> int:
    return int(_months(np.array(day)))


def _month_start(month: int) -> int:
    return int(np.datetime64(month, "M").astype("datetime64[D]").astype(int))


def _month_end(month: int) -> int:
    return _month_start(month + 1) - 1
