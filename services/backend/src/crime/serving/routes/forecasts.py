"""Forecasts: expected reports of a place with intervals, ranked places, and the latest features of a place."""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, HTTPException, Query
from fastapi.exceptions import RequestValidationError

from crime.core.days import day_number, day_text
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
    Outcome,
    Place,
    PlaceForecast,
    Recent,
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
    # the past is stored without shifts and categories, and of a random draw not at all: its days have few reports
    all_reports = shift is None and category is None and bundle.spec.data.share == 1
    return PlaceForecast(
        **provenance(bundle),
        place=place_name(kind, id_),
        days=days,
        total=round(float(mean.sum()), 3),
        recent=_recent(bundle, kind, place) if all_reports else [],
        before=_outcomes(bundle, kind, place) if all_reports else [],
    )


def _recent(bundle: ForecastBundle, kind: PlaceKind, place: int) -> list[Recent]:
    """Reports of the days up to the forecast origin."""
    counts = bundle.places[kind].recent[place]
    first = bundle.origin - len(counts) + 1
    return [Recent(date=day_text(first + day), reports=int(count)) for day, count in enumerate(counts)]


def _outcomes(bundle: ForecastBundle, kind: PlaceKind, place: int) -> list[Outcome]:
    """The forecast of four weeks earlier with the reports that came; empty if the bundle has none."""
    past, outcome = bundle.places[kind].past, bundle.places[kind].outcome
    if past is None or outcome is None:
        return []
    ranges = intervals(bundle, kind, past[place].astype(float))
    first = bundle.spec.past_origin + 1
    return [
        Outcome(date=day_text(first + day), reports=int(count), **interval)
        for day, (count, interval) in enumerate(zip(outcome[place], ranges, strict=True))
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
) -> Hotspots:
    """The places with the most expected reports on a day, the highest first."""
    bundle = loaded_forecast(models)
    check_category(category, by)
    day = _horizon_day(bundle, on)
    if by not in bundle.places:
        raise HTTPException(404, f"the forecast has no {by}s: the table it was made from names none")
    mean = bundle.expected(by, np.array([day]), shift, category)[:, 0]
    order = np.argsort(-mean, kind="stable")
    if area is not None:
        order = order[bundle.places[by].area[order] == area]
    order = order[:top]
    return Hotspots(
        **provenance(bundle),
        on=day_text(bundle.origin + 1 + day),
        first=day_text(bundle.origin + 1),
        last=day_text(bundle.origin + bundle.horizon),
        places=[
            _ranked_place(bundle, by, place, rank, interval)
            for rank, (place, interval) in enumerate(
                zip(order.tolist(), intervals(bundle, by, mean[order], shift, category), strict=True), 1
            )
        ],
    )


def _horizon_day(bundle: ForecastBundle, date: str | None) -> int:
    """Converts a date to its 0-based day of the horizon; None is the first day.

    Raises `RequestValidationError` if it is no date or outside the horizon.
    """
    try:
        day = 0 if date is None else day_number(date) - bundle.origin - 1
    except ValueError as error:
        raise query_problem("on", date, str(error)) from None
    if not 0 <= day < bundle.horizon:
        first, last = day_text(bundle.origin + 1), day_text(bundle.origin + bundle.horizon)
        raise query_problem("on", date, f"expected a day from {first} to {last}, which the forecast covers")
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
