"""Coordinates that a table has in one column, as the portal's exports and geographic programs write them."""

import re
from collections.abc import Collection

from crime.core import limits

PLACE_COLUMNS = ("location_1", "geolocation", "geometry", "location")  # by key, the likeliest first
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_LATITUDE_FIRST = (
    re.compile(rf"\({_NUMBER}, *{_NUMBER}\)\s*$", re.ASCII),  # (34.05, -118.24), at times behind an address
    re.compile(rf"latitude\W+?{_NUMBER}.*?longitude\W+?{_NUMBER}", re.ASCII | re.DOTALL),
)
_LONGITUDE_FIRST = (
    re.compile(rf"POINT ?\({_NUMBER} +{_NUMBER}\)", re.ASCII | re.IGNORECASE),  # well-known text
    re.compile(rf"coordinates\W+?{_NUMBER}, *{_NUMBER}", re.ASCII),  # GeoJSON
)


def place_column(keys: Collection[str]) -> str | None:
    """The column of a table that holds latitude and longitude together; None if it has columns of their own."""
    has_own = not {"lat", "lon", "hndrdth_lat"}.isdisjoint(keys)
    return None if has_own else next(filter(keys.__contains__, PLACE_COLUMNS), None)


def coordinates_in(text: str) -> tuple[str, str] | None:
    """Latitude and longitude, as written; None where there are none, and of a text that is longer than any place's."""
    if len(text) > limits.PLACE_CHARACTERS:
        return None
    for pattern in _LATITUDE_FIRST:
        if match := pattern.search(text):
            return match[1], match[2]
    for pattern in _LONGITUDE_FIRST:
        if match := pattern.search(text):
            return match[2], match[1]
    return None
