"""Forecasts: expected reports of a place with intervals, ranked places, and the latest features of a place."""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, HTTPException, Query
from fastapi.exceptions import RequestValidationError

from crime.core.days import day_number, day_text
from crime.forecaster.arrays import PERIOD_DAYS, PeriodAhead
from crime.forecaster.bundle import ForecastBundle
from crime.reports.categories import AREA_ONLY_CATEGORIES, CATEGORIES
from crime.reports.codes import code_names
from crime.reports.places import PlaceKind
from crime.reports.schema import SHIFTS
from crime.serving.dependencies import ModelManagerDep, loaded_forecast
from crime.serving.payloads.forecasts import (
    Day,
    EntityFeatures,
    Hotspots,
    Interval,
    Outcome,
    Place,
    PlaceForecast,
    Recent,
    history_table,
    intervals,
    provenance,
)

router = APIRouter(tags=["forecast"])
Area = Annotated[int | None, Query(ge=1, le=21, description="area number; the whole city if left out")]
Category = Annotated[str | None, Query(description="all if left out", json_schema_extra={"enum": list(CATEGORIES)})]
Shift = Annotated[
    int | None, Query(ge=0, le=2, description=f"8-hour shift: {', '.join(SHIFTS)}; the whole day if left out")
]


@router.get("/forecast", responses={404: {"description": "a place without reports"}})
def forecast(
    models: ModelManagerDep,
    area: Area = None,
    district: Annotated[int | None, Query(ge=1, le=9999, description="reporting district, instead of an area")] = None,
    category: Category = None,
    shift: Shift = None,
    horizon: Annotated[int, Query(ge=1, le=28, description="days ahead")] = 28,
) -> PlaceForecast:
    """Expected reports of a place by day, with intervals, and the previous forecast with the reports that came."""
    bundle = loaded_forecast(models)
    kind: PlaceKind = "district" if district else "area" if area else "city"
    check_category(category, kind)
    id_ = district or area or 0
    place = _place_index(bundle, kind, id_)
    mean = bundle.expected(kind, np.arange(horizon), shift, category)[place]
    days = [
        Day(date=day_text(bundle.origin + 1 + day), **interval)
        for day, interval in enumerate(intervals(bundle, kind, mean, shift, category))
    ]
    is_whole = bundle.spec.data.share == 1  # the days of a random draw have too few reports
    total = mean.sum(keepdims=True)
    total_range = None
    if horizon in PERIOD_DAYS.values() and ("all", horizon) in bundle.places[kind].intervals:
        total_range = Interval(**intervals(bundle, kind, total, shift, category, horizon)[0])
    return PlaceForecast(
        **provenance(bundle),
        place=place_name(kind, id_),
        days=days,
        total=round(float(total[0]), 3),
        total_range=total_range,
        recent=_recent(bundle, kind, place, shift, category) if is_whole else [],
        before=_outcomes(bundle, kind, place, shift, category) if is_whole else [],
    )


def _recent(
    bundle: ForecastBundle, kind: PlaceKind, place: int, shift: int | None, category: str | None
) -> list[Recent]:
    """Reports of the days up to the forecast origin; empty if the bundle has none of the shift and category."""
    counts = bundle.recent(kind, place, shift, category)
    if counts is None:
        return []
    first = bundle.origin - len(counts) + 1
    return [Recent(date=day_text(first + day), reports=int(count)) for day, count in enumerate(counts)]


def _outcomes(
    bundle: ForecastBundle, kind: PlaceKind, place: int, shift: int | None, category: str | None
) -> list[Outcome]:
    """The forecast of four weeks earlier with the reports that came; empty if the bundle has none."""
    past = bundle.past(kind, place, shift, category)
    if past is None:
        return []
    expected, outcome = past
    ranges = intervals(bundle, kind, expected, shift, category)
    first = bundle.spec.past_origin + 1
    return [
        Outcome(date=day_text(first + day), reports=int(count), **interval)
        for day, (count, interval) in enumerate(zip(outcome, ranges, strict=True))
    ]


@router.get("/hotspots")
def hotspots(
    models: ModelManagerDep,
    on: Annotated[
        str | None,
        Query(description="a day of the forecast; the first if left out", json_schema_extra={"format": "date"}),
    ] = None,
    top: Annotated[int, Query(ge=1, le=2000, description="how many places")] = 20,
    by: Annotated[Literal["district", "area"], Query(description="kind of place")] = "district",
    area: Area = None,
    category: Category = None,
    shift: Shift = None,
    period: Annotated[PeriodAhead, Query(description="that begins `on` the day")] = "day",
) -> Hotspots:
    """The places with the most expected reports of a day, a week or four weeks, the highest first."""
    bundle = loaded_forecast(models)
    check_category(category, by)
    if by not in bundle.places:
        raise HTTPException(404, f"the forecast has no {by}s: the table it was made from names none")
    length = PERIOD_DAYS[period]
    if ("all", length) not in bundle.places[by].intervals:
        raise HTTPException(
            404,
            f"version {bundle.version} of the forecast is of an earlier release and has ranges of one day alone: "
            "`crime forecast` or `crime retrain` makes one that has those of weeks",
        )
    day = _horizon_day(bundle, on, length)
    mean = bundle.expected(by, np.arange(day, day + length), shift, category).sum(1)
    order = np.argsort(-mean, kind="stable")
    if area is not None:
        order = order[bundle.places[by].area[order] == area]
    order = order[:top]
    return Hotspots(
        **provenance(bundle),
        on=day_text(bundle.origin + 1 + day),
        until=day_text(bundle.origin + day + length),
        table=history_table(bundle),
        first=day_text(bundle.origin + 1),
        last=day_text(bundle.origin + bundle.horizon),
        places=[
            _ranked_place(bundle, by, place, rank, interval)
            for rank, (place, interval) in enumerate(
                zip(order.tolist(), intervals(bundle, by, mean[order], shift, category, length), strict=True), 1
            )
        ],
    )


def _horizon_day(bundle: ForecastBundle, date: str | None, length: int) -> int:
    """Converts a date to its 0-based day of the horizon; None is the first day.

    Raises `RequestValidationError` if it is no date, or if so many days from it on are not in the horizon.
    """
    try:
        day = 0 if date is None else day_number(date) - bundle.origin - 1
    except ValueError as error:
        raise query_problem("on", date, str(error)) from None
    if not 0 <= day <= bundle.horizon - length:
        first, last = day_text(bundle.origin + 1), day_text(bundle.origin + bundle.horizon - length + 1)
        covered = "which the forecast covers" if length == 1 else f"from which on the forecast covers {length} days"
        raise query_problem("on", date, f"expected a day from {first} to {last}, {covered}")
    return day


def _ranked_place(bundle: ForecastBundle, kind: PlaceKind, place: int, rank: int, interval: dict[str, float]) -> Place:
    places = bundle.places[kind]
    id_ = int(places.ids[place])
    latitude, longitude = places.centre[place].tolist()
    located = bool(latitude)  # 0 where no report of the place had coordinates
    return Place(
        rank=rank,
        id=id_,
        name=place_name(kind, id_),
        area=int(places.area[place]),
        latitude=round(latitude, 4) if located else None,
        longitude=round(longitude, 4) if located else None,
        located=None if places.located is None else int(places.located[place]),
        **interval,
    )


@router.get(
    "/features/{entity}/{id}",
    tags=["features"],
    responses={404: {"description": "a place without reports"}},
)
def entity_features(entity: Literal["area", "district"], id: int, models: ModelManagerDep) -> EntityFeatures:
    """The latest values of a place's features, of the same version as the forecast."""
    bundle = loaded_forecast(models)
    try:
        values = bundle.features_of(entity, id)
    except KeyError:
        raise _no_reports(entity, id) from None
    return EntityFeatures(**provenance(bundle), entity=entity, id=id, features=values)


def check_category(category: str | None, kind: PlaceKind) -> None:
    if category is not None and category not in CATEGORIES:
        raise query_problem("category", category, f"expected one of {', '.join(CATEGORIES)}")
    if category in AREA_ONLY_CATEGORIES and kind == "district":
        raise query_problem("category", category, "places of sexual crimes are told no finer than their area")


def query_problem(parameter: str, value: Any, message: str) -> RequestValidationError:
    """A 422 that names one query parameter."""
    problem = {"loc": ("query", parameter), "msg": message, "type": "value_error", "input": value}
    return RequestValidationError([problem])


def _place_index(bundle: ForecastBundle, kind: PlaceKind, id_: int) -> int:
    try:
        return bundle.index_of(kind, id_)
    except KeyError:
        raise _no_reports(kind, id_) from None


def _no_reports(kind: PlaceKind, id_: int) -> HTTPException:
    return HTTPException(404, f"{kind} {id_}: no report of it in the table the forecast was made from")


def place_name(kind: PlaceKind, id_: int) -> str:
    if kind == "area":
        return code_names("area").get(str(id_), "")
    return "Los Angeles" if kind == "city" else f"District {id_:04}"
