"""Where and when: expected reports with intervals, ranked places, and the latest features of a place."""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from crime.core.days import day_number, day_text
from crime.forecaster.bundle import INTERVAL_BOUNDS, ForecastBundle
from crime.reports.categories import CATEGORIES
from crime.reports.codes import code_names
from crime.reports.schema import SHIFTS
from crime.serving.dependencies import forecast_of

router = APIRouter(tags=["forecast"])
NO_FORECAST: dict[int | str, dict[str, Any]] = {503: {"description": "no forecast yet"}}
Area = Annotated[int | None, Query(ge=1, le=21, description="area number; without it the whole city")]
Category = Annotated[str | None, Query(description=f"{', '.join(CATEGORIES)}; without it all")]
Shift = Annotated[int | None, Query(ge=0, le=2, description=f"8-hour shift: {', '.join(SHIFTS)}; without it the day")]


class Interval(BaseModel):
    """Expected reports, and bounds that hold them 80 % and 95 % of the time."""

    mean: float
    low80: float
    high80: float
    low95: float
    high95: float


class Day(Interval):
    date: str


class Outcome(Day):
    reports: int


class Recent(BaseModel):
    date: str
    reports: int


class Made(BaseModel):
    """`made_at`: the day at whose end the forecast was made. `simulated`: it rests on simulated reports."""

    model_name: str
    model_version: str
    made_at: str
    simulated: bool


class PlaceForecast(Made):
    """`recent`: reports known before it was made. `before`: what was forecast four weeks earlier, and what came."""

    place: str
    days: list[Day]
    total: float
    recent: list[Recent]
    before: list[Outcome]


class Place(Interval):
    rank: int
    id: int
    name: str
    area: int
    latitude: float | None = Field(description="of the middle of its reports")
    longitude: float | None


class Hotspots(Made):
    on: str
    first: str
    last: str
    places: list[Place]


class EntityFeatures(Made):
    """What was known of a place at the end of `made_at`."""

    entity: str
    id: int
    features: dict[str, int]


def _made(forecast: ForecastBundle) -> dict[str, Any]:
    return {
        "model_name": forecast.name,
        "model_version": forecast.version,
        "made_at": day_text(forecast.origin),
        "simulated": bool(forecast.spec["data"]["simulated"]),
    }


def _intervals(
    forecast: ForecastBundle, kind: str, mean: np.ndarray, shift: int | None = None, category: str | None = None
) -> list[dict[str, float]]:
    bounds = forecast.bounds(kind, mean, shift, category)
    return [
        {"mean": round(float(value), 4), **dict(zip(INTERVAL_BOUNDS, around.tolist(), strict=True))}
        for value, around in zip(mean, bounds.T, strict=True)
    ]


def _wrong(field: str, value: Any, message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("query", field), "msg": message, "type": "value_error", "input": value}])


def _known(category: str | None) -> None:
    if category is not None and category not in CATEGORIES:
        raise _wrong("category", category, f"expected one of {', '.join(CATEGORIES)}")


def _place(forecast: ForecastBundle, kind: str, id_: int) -> int:
    try:
        return forecast.find(kind, id_)
    except KeyError:
        raise HTTPException(404, f"{kind} {id_}: no report of it in the table the forecast was made from") from None


@router.get("/forecast", responses=NO_FORECAST | {404: {"description": "a place without reports"}})
def forecast(
    request: Request,
    area: Area = None,
    district: Annotated[int | None, Query(ge=1, le=9999, description="reporting district, instead of an area")] = None,
    category: Category = None,
    shift: Shift = None,
    horizon: Annotated[int, Query(ge=1, le=28, description="days ahead")] = 28,
) -> PlaceForecast:
    """Expected reports of a place day by day, with intervals, and how the forecast before did."""
    made = forecast_of(request)
    _known(category)
    kind, id_ = ("district", district) if district else ("area", area) if area else ("city", 0)
    at = _place(made, kind, id_ or 0)
    days = np.arange(horizon)
    mean = made.expected(kind, days, shift, category)[at]
    recent, before = made.arrays[f"{kind}_recent"][at], []
    if f"{kind}_past" in made.arrays and shift is None and category is None:
        past, outcome = made.arrays[f"{kind}_past"][at].astype(float), made.arrays[f"{kind}_outcome"][at]
        before = [
            Outcome(date=day_text(made.spec["past_origin"] + 1 + day), reports=int(came), **found)
            for day, (found, came) in enumerate(zip(_intervals(made, kind, past), outcome, strict=True))
        ]
    plain = shift is None and category is None
    return PlaceForecast(
        **_made(made),
        place=_name(kind, id_ or 0),
        days=[
            Day(date=day_text(made.origin + 1 + day), **found)
            for day, found in enumerate(_intervals(made, kind, mean, shift, category))
        ],
        total=round(float(mean.sum()), 3),
        recent=[
            Recent(date=day_text(made.origin - len(recent) + 1 + day), reports=int(count))
            for day, count in enumerate(recent if plain else [])
        ],
        before=before,
    )


def _name(kind: str, id_: int) -> str:
    return {"city": "Los Angeles", "area": code_names("area").get(str(id_), ""), "district": f"District {id_:04}"}[kind]


@router.get("/hotspots", responses=NO_FORECAST)
def hotspots(
    request: Request,
    on: Annotated[str | None, Query(description="a day of the forecast, 2021-01-01; without it the first")] = None,
    top: Annotated[int, Query(ge=1, le=2000, description="how many places")] = 20,
    by: Annotated[Literal["district", "area"], Query(description="kind of place")] = "district",
    area: Area = None,
    category: Category = None,
    shift: Shift = None,
) -> Hotspots:
    """The places with the most expected reports on a day, the first first."""
    made = forecast_of(request)
    _known(category)
    first, last = day_text(made.origin + 1), day_text(made.origin + made.horizon)
    try:
        day = 0 if on is None else day_number(on) - made.origin - 1
    except ValueError as error:
        raise _wrong("on", on, str(error)) from None
    if not 0 <= day < made.horizon:
        raise _wrong("on", on, f"expected a day from {first} to {last}, which the forecast covers")
    if not len(made.ids(by)):
        raise HTTPException(404, f"the forecast has no {by}s: the table it was made from names none")
    mean = made.expected(by, np.array([day]), shift, category)[:, 0]
    areas = made.arrays[f"{by}_area"]
    order = np.argsort(-mean, kind="stable")
    order = (order if area is None else order[areas[order] == area])[:top]
    found = _intervals(made, by, mean[order], shift, category)
    places = []
    for rank, (at, interval) in enumerate(zip(order.tolist(), found, strict=True), 1):
        id_, (latitude, longitude) = int(made.ids(by)[at]), made.arrays[f"{by}_centre"][at].tolist()
        known = bool(latitude)
        places.append(
            Place(
                rank=rank,
                id=id_,
                name=_name(by, id_),
                area=int(areas[at]),
                latitude=round(latitude, 4) if known else None,
                longitude=round(longitude, 4) if known else None,
                **interval,
            )
        )
    return Hotspots(**_made(made), on=day_text(made.origin + 1 + day), first=first, last=last, places=places)


@router.get(
    "/features/{entity}/{id}",
    tags=["features"],
    responses=NO_FORECAST | {404: {"description": "a place without reports"}},
)
def entity_features(entity: Literal["area", "district"], id: int, request: Request) -> EntityFeatures:
    """The latest values of a place's features, versioned with the forecast."""
    made = forecast_of(request)
    values = made.online.get(entity, {}).get(str(id))
    if values is None:
        raise HTTPException(404, f"{entity} {id}: no report of it in the table the forecast was made from")
    return EntityFeatures(**_made(made), entity=entity, id=id, features=values)
