"""Expected reports by place and day. A backend may have no forecast: every call then raises `Refused`."""

from dataclasses import dataclass

from crime_ui.client.answers import Compstat, Hotspots, Period, PeriodAhead, PlaceForecast, PlaceKind, Unusual, Week
from crime_ui.client.transport import send


@dataclass(frozen=True)
class Cut:
    """The part of the reports that is forecast: one shift of the day, one category, or (None) all."""

    shift: int | None = None
    category: str | None = None


def hotspots(top: int, by: PlaceKind, on: str | None, period: PeriodAhead, cut: Cut) -> Hotspots:
    """The places with the most expected reports in a period from the day `on`; None: from the forecast's first day."""
    filters = _without_none(
        {"top": top, "by": by, "on": on, "period": period, "shift": cut.shift, "category": cut.category}
    )
    answer: Hotspots = send("GET", "/hotspots", params=filters, optional=True).json()
    return answer


def place_forecast(area: int | None, cut: Cut) -> PlaceForecast:
    """Expected reports of an area, or (None) of the whole city."""
    filters = _without_none({"area": area, "shift": cut.shift, "category": cut.category})
    answer: PlaceForecast = send("GET", "/forecast", params=filters, optional=True).json()
    return answer


def compstat(period: Period, area: int | None, category: str | None) -> Compstat:
    """Latest reports beside earlier ones; `area` 0: the city, `category` "all": all reports, None: every one."""
    filters = _without_none({"period": period, "area": area, "category": category})
    answer: Compstat = send("GET", "/compstat", params=filters, optional=True).json()
    return answer


def weeks(area: int | None, category: str | None) -> list[Week]:
    """The 52 latest weeks of an area, or (None) of the whole city."""
    filters = _without_none({"area": area, "category": category})
    weeks: list[Week] = send("GET", "/weeks", params=filters, optional=True).json()["weeks"]
    return weeks


def unusual() -> Unusual:
    """Places and categories outside their forecast's range, the most unusual first."""
    answer: Unusual = send("GET", "/unusual", optional=True).json()
    return answer


def _without_none(filters: dict[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in filters.items() if value is not None}
