"""The boundaries of LAPD's 21 areas."""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Point = tuple[float, float]  # longitude and latitude
Ring = list[Point]
LONGITUDE_DEGREE = math.cos(math.radians(34.05))  # of a degree of latitude, in Los Angeles


@dataclass(frozen=True)
class Area:
    """One of LAPD's 21 areas, with its boundary as rings of points."""

    number: int
    name: str
    rings: list[Ring]


@cache
def areas() -> list[Area]:
    features = json.loads((Path(__file__).parent.parent / "areas.geojson").read_text())["features"]
    return [
        Area(
            number=feature["properties"]["area"],
            name=feature["properties"]["name"],
            rings=[
                [(longitude, latitude) for longitude, latitude in ring]
                for polygon in feature["geometry"]["coordinates"]
                for ring in polygon
            ],
        )
        for feature in features
    ]
