"""Outlines of reporting districts, derived from the centres of their reports: LAPD's own are not in its reports.

A district's outline is its cell of the Voronoi diagram of the centres in its area, cut at the area's boundary: what is
nearer to its centre than to that of any other district of the area (Okabe, Boots, Sugihara and Chiu, Spatial
Tessellations, 2000).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from crime_ui.charts.areas import LONGITUDE_DEGREE, Point, Ring, areas
from crime_ui.charts.maps import MapPlace
from crime_ui.client.answers import Place

# Fewer located reports tell where they happened, not where the district is. Of the embedded sample's reports that were
# not used for the centres, 77 % lie in their own district's outline, however few reports it has: docs/method.md
MIN_LOCATED = 3


@dataclass(frozen=True)
class Centre:
    """A district, its area's number, and the centre of its `located` reports."""

    district: int
    area: int
    point: Point
    located: int


def district_places(places: Sequence[Place], values: Mapping[int, float]) -> list[MapPlace]:
    """The districts that have a value, by number; those without coordinates have no place on a map."""
    located = [
        (place, (place["longitude"], place["latitude"]))
        for place in places
        if place["longitude"] is not None and place["latitude"] is not None
    ]
    found = outlines(tuple(Centre(p["id"], p["area"], point, p["located"] or 0) for p, point in located))
    return [
        MapPlace(str(place["id"]), place["name"], values[place["id"]], found.get(place["id"], ()), point)
        for place, point in located
        if place["id"] in values
    ]


@lru_cache(8)
def outlines(centres: tuple[Centre, ...]) -> dict[int, list[Ring]]:
    """The rings of each district's outline by its number; without the districts that have too few reports for one.

    A district whose centre lies outside its area, as by mistyped reports, has none either.
    """
    by_area: dict[int, list[Centre]] = defaultdict(list)
    for centre in centres:
        by_area[centre.area].append(centre)
    found = {}
    for area in areas():
        known = [centre for centre in by_area[area.number] if _inside(centre.point, area.rings)]
        for centre in known:
            if centre.located < MIN_LOCATED:
                continue  # a point, which bounds its neighbours all the same
            rings = _cell(centre.point, [other.point for other in known if other is not centre], area.rings)
            if rings:
                found[centre.district] = rings
    return found


def _cell(point: Point, others: Iterable[Point], rings: Sequence[Ring]) -> list[Ring]:
    """The part of the rings that is nearer to the point than to any other one."""
    cell = list(rings)
    for other in sorted(others, key=lambda other: _distance(point, other)):
        reach = max((_distance(point, corner) for ring in cell for corner in ring), default=0)
        if _distance(point, other) > 2 * reach:
            break  # this one and those farther away take nothing off
        cell = [half for ring in cell if (half := _nearer_half(ring, point, other))]
    return cell


def _nearer_half(ring: Ring, point: Point, other: Point) -> Ring:
    """The part of a ring that is nearer to `point` than to `other` (Sutherland and Hodgman's clipping by a line)."""
    scaled = (LONGITUDE_DEGREE**2 * (other[0] - point[0]), other[1] - point[1])
    middle = ((point[0] + other[0]) / 2, (point[1] + other[1]) / 2)

    def side(corner: Point) -> float:
        return (corner[0] - middle[0]) * scaled[0] + (corner[1] - middle[1]) * scaled[1]

    kept: Ring = []
    for start, end in zip(ring, [*ring[1:], ring[0]], strict=True):
        first, second = side(start), side(end)
        if first <= 0:
            kept.append(start)
        if (first < 0 < second) or (second < 0 < first):
            share = first / (first - second)
            kept.append((start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])))
    return kept if len(kept) > 2 else []


def _inside(point: Point, rings: Sequence[Ring]) -> bool:
    """Whether a ray from the point crosses the rings an odd number of times; the ring of a hole counts too."""
    inside = False
    for ring in rings:
        for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if (y1 > point[1]) != (y2 > point[1]) and point[0] < x1 + (point[1] - y1) * (x2 - x1) / (y2 - y1):
                inside = not inside
    return inside


def _distance(one: Point, other: Point) -> float:
    """In degrees of latitude."""
    return math.hypot(LONGITUDE_DEGREE * (one[0] - other[0]), one[1] - other[1])
