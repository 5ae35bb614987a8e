"""Maps show what they were given, and derived outlines of districts are where their reports are."""

import re

import pytest
from crime_ui.charts import districts, maps
from crime_ui.charts.areas import Area, Point, areas
from crime_ui.charts.districts import Centre, district_places, outlines
from crime_ui.charts.maps import MapPlace, area_places, place_map, printed_map
from recorded import recorded

SQUARE = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]


@pytest.fixture
def one_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """A city of one area, 4 degrees wide and high."""
    monkeypatch.setattr(districts, "areas", lambda: [Area(1, "Square", [SQUARE])])
    outlines.cache_clear()


def size(ring: list[Point]) -> float:
    """Area of a ring, by the shoelace formula."""
    corners = zip(ring, [*ring[1:], ring[0]], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in corners)) / 2


@pytest.mark.usefixtures("one_square")
def test_an_outline_is_what_is_nearest_to_a_districts_centre() -> None:
    found = outlines((Centre(1, 1, (1.0, 2.0), 9), Centre(2, 1, (3.0, 2.0), 9)))
    assert {round(x, 9) for x, _ in found[1][0]} == {0, 2}
    assert {round(x, 9) for x, _ in found[2][0]} == {2, 4}
    assert size(found[1][0]) + size(found[2][0]) == pytest.approx(16)


@pytest.mark.usefixtures("one_square")
def test_districts_with_few_reports_or_outside_their_area_have_no_outline() -> None:
    found = outlines((Centre(1, 1, (1.0, 2.0), 9), Centre(2, 1, (3.0, 2.0), 2), Centre(3, 1, (9.0, 2.0), 9)))
    assert set(found) == {1}
    assert size(found[1][0]) == pytest.approx(8)  # the one with few bounds its neighbour all the same


def test_cells_of_real_areas_fill_them() -> None:
    area = areas()[0]
    west, south = (min(corner[axis] for corner in area.rings[0]) for axis in (0, 1))
    grid = [(west + 0.006 * x, south + 0.006 * y) for x in range(20) for y in range(20)]
    kept = [point for point in grid if districts._inside(point, area.rings)]
    outlines.cache_clear()
    found = outlines(tuple(Centre(index, area.number, point, 9) for index, point in enumerate(kept)))
    assert len(kept) > 2
    total = sum(size(ring) for rings in found.values() for ring in rings)
    assert total == pytest.approx(sum(map(size, area.rings)), rel=1e-6)


def test_the_map_has_every_area_with_its_value_and_a_colour_bar() -> None:
    shapes = place_map(area_places({1: 10, 6: 5.5}), "reports", 1, dark=False).data[0]
    assert (list(shapes.text), list(shapes.z), shapes.zmax) == (["Central", "Hollywood"], [10, 5.5], 10)
    assert shapes.colorbar.title.text == "reports"
    assert {feature["id"] for feature in shapes.geojson["features"]} == set(shapes.locations) == {"1", "6"}


def test_the_most_stands_out_from_a_light_and_from_a_dark_page() -> None:
    def brightness(colour: str) -> int:
        return sum(int(colour[start : start + 2], 16) for start in (1, 3, 5))

    light, dark = (place_map(area_places({1: 1}), "", 0, is_dark).data[0].colorscale for is_dark in (False, True))
    assert brightness(light[-1][1]) < brightness(light[0][1])
    assert brightness(dark[-1][1]) > brightness(dark[0][1])


def test_a_map_of_nothing_is_drawn_all_the_same() -> None:
    assert place_map([], "reports", 0, dark=True).data[0].zmax == 1
    assert "Central" in printed_map([])


def test_an_area_that_is_chosen_is_seen_closer() -> None:
    city = place_map([], "", 0, False).layout.map
    hollywood = place_map([], "", 0, False, 6).layout.map
    assert hollywood.zoom > city.zoom + 1
    assert hollywood.center.lat == pytest.approx(34.1, abs=0.05)


def test_a_map_needs_no_map_service_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRIME_TILES_URL", raising=False)
    drawn = place_map([], "", 0, False)
    assert not drawn.layout.map.layers
    assert "http" not in drawn.to_json()
    monkeypatch.setenv("CRIME_TILES_URL", "https://tiles.example/{z}/{x}/{y}.png")
    monkeypatch.setenv("CRIME_TILES_ATTRIBUTION", "Tiles Inc.")
    (layer,) = place_map([], "", 0, False).layout.map.layers
    assert (list(layer.source), layer.sourceattribution) == (["https://tiles.example/{z}/{x}/{y}.png"], "Tiles Inc.")
    assert layer.below == "traces"


def test_districts_without_an_outline_are_dots() -> None:
    places = recorded("hotspots_district")["places"]
    places[0]["located"], places[1]["latitude"] = 1, None
    outlines.cache_clear()
    drawn = district_places(places, {place["id"]: place["mean"] for place in places})
    assert len(drawn) == len(places) - 1  # without coordinates there is no place to draw it
    dots = place_map(drawn, "", 1, False).data[1]
    assert str(places[0]["name"]) in dots.text
    assert all(place.rings for place in drawn if place.name not in dots.text)


def test_a_printed_map_is_shaded_by_value_and_escapes_names() -> None:
    drawn = printed_map([MapPlace("1", "Central", 10, [SQUARE]), MapPlace("2", "dot", 0, (), (-118.3, 34.1))])
    assert f'fill="{maps._shade(1)}"' in drawn
    assert re.search(r'<circle [^>]*fill="rgb\(227,236,250\)"', drawn)
