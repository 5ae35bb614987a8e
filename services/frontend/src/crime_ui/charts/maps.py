"""Maps of LAPD's areas and districts, drawn as polygons: they need no map service."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import plotly.graph_objects as go

from crime_ui.charts.style import BLUE, GREY, SCALE, styled
from crime_ui.client.answers import Place


@dataclass(frozen=True)
class Area:
    """One of LAPD's 21 areas; `rings` of its boundary are lists of [longitude, latitude]."""

    number: int
    name: str
    rings: list[list[list[float]]]


@cache
def areas() -> list[Area]:
    features = json.loads((Path(__file__).parent.parent / "areas.geojson").read_text())["features"]
    return [
        Area(
            number=feature["properties"]["area"],
            name=feature["properties"]["name"],
            rings=[ring for polygon in feature["geometry"]["coordinates"] for ring in polygon],
        )
        for feature in features
    ]


def area_map(by_area: Mapping[str, float], label: str = "{:,} reports") -> go.Figure:
    """A choropleth of the areas' boundaries, drawn as polygons: it needs no map service.

    `by_area`: a value by area number; an area that is missing has 0. `label` formats it for the hover text.
    """
    largest = max(by_area.values(), default=0) or 1
    figure = go.Figure()
    for area in areas():
        x: list[float | None] = []
        y: list[float | None] = []
        for ring in area.rings:  # None lifts the pen between two rings
            x += [point[0] for point in ring] + [None]
            y += [point[1] for point in ring] + [None]
        value = by_area.get(str(area.number), 0)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            fill="toself",
            fillcolor=_shade(value / largest),
            line={"color": "rgba(255,255,255,0.8)", "width": 1},
            text=f"{area.name}: {label.format(value)}",
            hoverinfo="text",
            hoveron="fills",
            name=area.name,
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x", scaleratio=1.2)  # a degree of longitude is shorter at 34° N
    return styled(figure, 520)


def _shade(share: float) -> str:
    """The colour of a share from 0 to 1, interpolated between the stops of `SCALE`."""
    (low, low_color), (high, high_color) = SCALE[:2] if share <= SCALE[1][0] else SCALE[1:]
    weight = (share - low) / (high - low)
    mixed = (round(a + (b - a) * weight) for a, b in zip(_channels(low_color), _channels(high_color), strict=True))
    return "rgb({},{},{})".format(*mixed)


def _channels(color: str) -> list[int]:
    """Red, green and blue of a colour such as #2a6fdb."""
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def with_districts(figure: go.Figure, places: Sequence[Place]) -> go.Figure:
    """An area map with a dot at the centre of each district's reports, in proportion to the expected number."""
    shown = [place for place in places if place["latitude"]]
    largest = max((place["mean"] for place in shown), default=0) or 1
    for outline in figure.data:
        outline.update(fillcolor="rgba(138,148,163,0.15)", hoverinfo="skip", line={"color": GREY})
    figure.add_scatter(
        x=[place["longitude"] for place in shown],
        y=[place["latitude"] for place in shown],
        mode="markers",
        marker={"size": [3 + 15 * (place["mean"] / largest) ** 0.5 for place in shown], "color": BLUE, "opacity": 0.55},
        text=[f"{place['name']}: {place['mean']:.2f} reports expected" for place in shown],
        hoverinfo="text",
    )
    return figure
