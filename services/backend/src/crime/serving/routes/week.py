"""The latest weeks: beside earlier ones, beside what was expected, and what is unusual in them."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from crime.core.days import day_text
from crime.forecaster.bundle import ForecastBundle
from crime.forecaster.week import KINDS, PERIODS, Period, WeekArrays
from crime.reports.categories import CATEGORIES
from crime.reports.places import PLACE_KINDS
from crime.serving.dependencies import ModelManagerDep, loaded_forecast
from crime.serving.errors import Responses
from crime.serving.payloads.forecasts import provenance
from crime.serving.payloads.week import (
    Compared,
    Compstat,
    Unusual,
    UnusualPlace,
    Week,
    Weeks,
    change,
    counted,
    number,
    spans,
)
from crime.serving.routes.forecasts import Area, Category, check_category, place_name

router = APIRouter(tags=["forecast"])
NO_WEEK: Responses = {404: {"description": "a forecast of an earlier release, or a place without reports"}}


@router.get("/compstat", responses=NO_WEEK)
def compstat(
    models: ModelManagerDep,
    period: Annotated[Period, Query(description="that ends on the forecast's last day of reports")] = "week",
    area: Annotated[int | None, Query(ge=0, le=21, description="0: the city; all places if left out")] = None,
    category: Annotated[
        str | None,
        Query(
            description="a category, or `all` reports; both if left out",
            json_schema_extra={"enum": [*CATEGORIES, "all"]},
        ),
    ] = None,
) -> Compstat:
    """Reports by place and category, beside as many days before and the same a year before."""
    bundle = loaded_forecast(models)
    week = week_of(bundle)
    if category != "all":
        check_category(category, "area")
    places = range(len(week.ids)) if area is None else [_place(bundle, week, area)]
    kinds = range(len(KINDS)) if category is None else [KINDS.index(None if category == "all" else category)]
    index = PERIODS.index(period)
    return Compstat(
        **provenance(bundle),
        period=period,
        **spans(bundle.origin, week, period),
        rows=[_compared(week, (place, kind, index)) for place in places for kind in kinds if week.days[index, 0]],
    )


def _compared(week: WeekArrays, cell: tuple[int, int, int]) -> Compared:
    area = int(week.ids[cell[0]])
    now = counted(week, (*cell, 0))
    assert now is not None  # of periods that the table covers
    return Compared(
        area=area,
        place=place_name("area" if area else "city", area),
        category=KINDS[cell[1]],
        now=now,
        before=counted(week, (*cell, 1)),
        year_before=counted(week, (*cell, 2)),
        to_before=change(week, (*cell, 0)),
        to_year_before=change(week, (*cell, 1)),
    )


@router.get("/weeks", responses=NO_WEEK)
def weeks(models: ModelManagerDep, area: Area = None, category: Category = None) -> Weeks:
    """The 52 latest weeks of a place, each with the range that a forecast had given."""
    bundle = loaded_forecast(models)
    week = week_of(bundle)
    check_category(category, "area")
    place, kind = _place(bundle, week, area or 0), KINDS.index(category)
    reports = week.week_reports[place, kind]
    return Weeks(
        **provenance(bundle),
        place=place_name("area" if area else "city", area or 0),
        category=category,
        weeks=[
            Week(
                last=day_text(bundle.origin - 7 * (len(reports) - 1 - index)),
                reports=int(count),
                **{
                    name: number(bound[place, kind, index], 1)
                    for name, bound in zip(("expected", "low95", "high95"), week.week_range, strict=True)
                },
            )
            for index, count in enumerate(reports)
        ],
    )


@router.get("/unusual", responses=NO_WEEK)
def unusual(models: ModelManagerDep) -> Unusual:
    """Areas, districts and categories outside their forecast's 95 % range, the most unusual first."""
    bundle = loaded_forecast(models)
    week = week_of(bundle)
    return Unusual(
        **provenance(bundle),
        looked_at=int(week.looked_at.sum()),
        places=[_unusual_place(bundle, week, row) for row in range(len(week.unusual_place))],
    )


def _unusual_place(bundle: ForecastBundle, week: WeekArrays, row: int) -> UnusualPlace:
    kind_index, id_, category, days = week.unusual_place[row].tolist()
    reports, expected, low, high, p = week.unusual_count[row].tolist()
    kind = PLACE_KINDS[kind_index]
    return UnusualPlace(
        kind=kind,
        id=id_,
        place=place_name(kind, id_),
        area=int(bundle.places[kind].area[bundle.index_of(kind, id_)]),
        category=KINDS[category],
        days=days,
        reports=int(reports),
        expected=round(expected, 1),
        low95=low,
        high95=high,
        p=p,
        alarm=bool(week.unusual_alarm[row]),
    )


def week_of(bundle: ForecastBundle) -> WeekArrays:
    """What a forecast says of the latest weeks. Raises 404 for a bundle of an earlier release."""
    if bundle.week is None:
        raise HTTPException(
            404,
            f"version {bundle.version} of the forecast is of an earlier release and says nothing of the latest weeks: "
            "`crime forecast` or `crime retrain` makes one that does",
        )
    return bundle.week


def _place(bundle: ForecastBundle, week: WeekArrays, area: int) -> int:
    """Index of an area (0: the city) among the places. Raises 404 if the table had no report of it."""
    ids = week.ids.tolist()
    if area not in ids:
        raise HTTPException(404, f"area {area}: no report of it in the table the forecast was made from")
    return int(ids.index(area))
