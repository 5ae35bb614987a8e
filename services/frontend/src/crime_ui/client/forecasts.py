"""Expected reports by place and day. A backend may have no forecast: every call then raises `Refused`."""

from dataclasses import dataclass

from crime_ui.client.answers import Hotspots, PlaceForecast, PlaceKind
from crime_ui.client.transport import send


@dataclass(frozen=True)
class Cut:
    """The part of the reports that is forecast: one shift of the day, one category, or (None) all."""

    shift: int | None = None
    category: str | None = None


def hotspots(top: int, by: PlaceKind, on: str | None, cut: Cut) -> Hotspots:
    """The places with the most expected reports; `on`: an ISO date, or None for the forecast's first day."""
    filters = _without_none({"top": top, "by": by, "on": on, "shift": cut.shift, "category": cut.category})
    answer: Hotspots = send("GET", "/hotspots", params=filters, optional=True).json()
    return answer


def place_forecast(area: int | None, cut: Cut) -> PlaceForecast:
    """Expected reports of an area, or (None) of the whole city."""
    filters = _without_none({"area": area, "shift": cut.shift, "category": cut.category})
    answer: PlaceForecast = send("GET", "/forecast", params=filters, optional=True).json()
    return answer


def _without_none(filters: dict[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in filters.items() if value is not None}
