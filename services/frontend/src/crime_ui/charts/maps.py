"""Maps of LAPD's areas and districts. They need no map service; one that the installation names is drawn below."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from crime_ui.charts.areas import LONGITUDE_DEGREE, Point, Ring, areas

HEIGHT = 480  # pixels, without the colour bar
NARROWEST = 340  # pixels of a map's width, on a phone
# from few to most: the most stands out from the page, which is light or dark
LIGHT_SCALE = ((0.0, "#e3ecfa"), (0.5, "#5b93e6"), (1.0, "#0b3d91"))
DARK_SCALE = ((0.0, "#1b2a41"), (0.5, "#3f7fdc"), (1.0, "#d9e8ff"))
OUTLINE = "#8a94a3"
CONFIG = {"displayModeBar": True, "displaylogo": False, "scrollZoom": True}  # buttons, wheel and pinch
TILE_SIZE = 512  # pixels of the world at zoom 0


@dataclass(frozen=True)
class MapPlace:
    """An area or a district with its value. A place without `rings` is drawn as a dot at its `centre`."""

    key: str
    name: str
    value: float
    rings: Sequence[Ring] = ()
    centre: Point | None = None


def area_places(values: Mapping[int, float]) -> list[MapPlace]:
    """The areas that have a value, by number."""
    return [
        MapPlace(str(area.number), area.name, values[area.number], area.rings)
        for area in areas()
        if area.number in values
    ]


def place_map(places: Sequence[MapPlace], label: str, digits: int, dark: bool, area: int | None = None) -> go.Figure:
    """A choropleth with a colour bar, and LAPD's area boundaries over it.

    `label`: what the values are, in a few words, shown with `digits` decimals. `dark`: whether the page is. `area`:
    the number of the one that is shown, or the whole city.
    """
    scale = [list(stop) for stop in (DARK_SCALE if dark else LIGHT_SCALE)]
    largest = max((place.value for place in places), default=0) or 1
    colours = {"colorscale": scale, "cmin": 0, "cmax": largest}
    bar = {"title": {"text": label, "side": "top"}, "orientation": "h", "thickness": 12, "y": 0, "yanchor": "top"}
    hover = f"%{{text}}: %{{customdata:,.{digits}f}}<extra></extra>"
    outlined = [place for place in places if place.rings]
    figure = go.Figure(
        go.Choroplethmap(
            geojson=_collection({place.key: place.rings for place in outlined}),
            locations=[place.key for place in outlined],
            z=[place.value for place in outlined],
            zmin=0,
            zmax=largest,
            colorscale=scale,
            colorbar=bar,
            marker={"line": {"width": 0.7, "color": OUTLINE}, "opacity": 0.65 if tiles() else 1},
            text=[place.name for place in outlined],
            customdata=[place.value for place in outlined],
            hovertemplate=hover,
        )
    )
    dots = [place for place in places if not place.rings and place.centre]
    if dots:
        figure.add_scattermap(
            lon=[place.centre[0] for place in dots if place.centre],
            lat=[place.centre[1] for place in dots if place.centre],
            marker={"size": 9, "color": [place.value for place in dots], **colours},
            text=[place.name for place in dots],
            customdata=[place.value for place in dots],
            hovertemplate=hover,
        )
    figure.add_scattermap(**_boundaries(), mode="lines", line={"width": 1.5, "color": OUTLINE}, hoverinfo="skip")
    shown = [corner for one in areas() if area in (None, one.number) for ring in one.rings for corner in ring]
    figure.update_layout(
        map={"style": {"version": 8, "sources": {}, "layers": []}, "layers": tiles(), **_view(shown)},
        height=HEIGHT + 70,
        margin={"l": 0, "r": 0, "t": 0, "b": 70},
        showlegend=False,
        uirevision=str(area),  # a reader's own zoom stays until another area is chosen
        modebar={"orientation": "h"},
    )
    return figure


def tiles() -> list[dict[str, Any]]:
    """The layer of street map tiles that the installation names in `CRIME_TILES_URL`; none by default."""
    url = os.environ.get("CRIME_TILES_URL", "")
    attribution = os.environ.get("CRIME_TILES_ATTRIBUTION", "")
    source = {"sourcetype": "raster", "source": [url], "sourceattribution": attribution}
    return [{"below": "traces", **source}] if url else []


def _boundaries() -> dict[str, list[float | None]]:
    """Coordinates of all areas' rings, each closed, with None between two rings."""
    rings = [ring for area in areas() for ring in area.rings]
    return {
        "lon": [value for ring in rings for value in (*(corner[0] for corner in ring), ring[0][0], None)],
        "lat": [value for ring in rings for value in (*(corner[1] for corner in ring), ring[0][1], None)],
    }


def _collection(rings_by_key: Mapping[str, Sequence[Ring]]) -> dict[str, Any]:
    """GeoJSON with a feature for each key."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": key,
                "properties": {},
                "geometry": {"type": "MultiPolygon", "coordinates": [[[*ring, ring[0]]] for ring in rings]},
            }
            for key, rings in rings_by_key.items()
        ],
    }


def _view(corners: Sequence[Point]) -> dict[str, Any]:
    """Centre and zoom at which all corners are seen, also on a phone."""
    west, east = (extreme(corner[0] for corner in corners) for extreme in (min, max))
    south, north = (extreme(corner[1] for corner in corners) for extreme in (min, max))
    across = max((east - west) / NARROWEST, (north - south) / LONGITUDE_DEGREE / HEIGHT)  # degrees a pixel
    zoom = math.log2(360 / TILE_SIZE / across) - 0.1
    return {"center": {"lon": (west + east) / 2, "lat": (south + north) / 2}, "zoom": round(zoom, 2)}


def printed_map(places: Sequence[MapPlace], area: int | None = None) -> str:
    """The same map as SVG on white, with the areas' names: a browser prints no map that can be zoomed."""
    shown = [one for one in areas() if area in (None, one.number)]
    corners = [corner for one in shown for ring in one.rings for corner in ring]
    west, east = (extreme(corner[0] for corner in corners) for extreme in (min, max))
    south, north = (extreme(corner[1] for corner in corners) for extreme in (min, max))
    width, height = (east - west) * LONGITUDE_DEGREE, north - south
    scale = 600 / max(width, height)

    def at(point: Point) -> str:
        return f"{(point[0] - west) * LONGITUDE_DEGREE * scale:.1f},{(north - point[1]) * scale:.1f}"

    def path(rings: Sequence[Ring]) -> str:
        return "".join(f"M{' '.join(map(at, ring))}Z" for ring in rings)

    largest = max((place.value for place in places), default=0) or 1
    drawn = [
        f'<path d="{path(place.rings)}" fill="{_shade(place.value / largest)}" stroke="#8a94a3" stroke-width=".5"/>'
        for place in places
        if place.rings
    ]
    for place in places:
        if not place.rings and place.centre:
            x, y = at(place.centre).split(",")
            drawn.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{_shade(place.value / largest)}" stroke="#8a94a3"/>')
    for one in shown:
        drawn.append(f'<path d="{path(one.rings)}" fill="none" stroke="#444" stroke-width="1"/>')
        ring = max(one.rings, key=len)
        x, y = at((sum(c[0] for c in ring) / len(ring), sum(c[1] for c in ring) / len(ring))).split(",")
        style = 'font-family="sans-serif" font-size="10" text-anchor="middle" stroke="#fff" stroke-width="2.5"'
        drawn.append(f'<text x="{x}" y="{y}" {style} paint-order="stroke" fill="#222">{escape(one.name)}</text>')
    width, height = round(width * scale) + 60, round(height * scale) + 20  # with a margin for names
    frame = f'viewBox="-30 -10 {width} {height}" width="{width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{"".join(drawn)}</svg>'


def _shade(share: float) -> str:
    """The colour of a share from 0 to 1, interpolated between the stops of `LIGHT_SCALE`."""
    (low, low_colour), (high, high_colour) = LIGHT_SCALE[:2] if share <= LIGHT_SCALE[1][0] else LIGHT_SCALE[1:]
    weight = (share - low) / (high - low)
    mixed = (round(a + (b - a) * weight) for a, b in zip(_channels(low_colour), _channels(high_colour), strict=True))
    return "rgb({},{},{})".format(*mixed)


def _channels(colour: str) -> list[int]:
    """Red, green and blue of a colour such as #2a6fdb."""
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
