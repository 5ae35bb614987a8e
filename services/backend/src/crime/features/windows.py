"""The features of areas and districts: counts of reports over windows of days."""

from dataclasses import dataclass
from typing import Literal

Entity = Literal["area", "district"]
ENTITIES: dict[Entity, str] = {"area": "area number, 1 to 21", "district": "reporting district"}


@dataclass(frozen=True)
class WindowFeature:
    """A feature of areas and districts: reports that happened in the last `days` days and are known by now."""

    days: int
    about: str
    source: tuple[str, ...] = ("DATE OCC", "Date Rptd")
    owner: str = "crime-risk"

    @property
    def name(self) -> str:
        return f"reports_{self.days}d"


WINDOW_FEATURES = (
    WindowFeature(7, "reports of the last 7 days known so far: near repeats"),
    WindowFeature(28, "reports of the last 4 weeks known so far: the present level"),
    WindowFeature(91, "reports of the last quarter known so far: the season's level"),
    WindowFeature(364, "reports of the last 52 weeks known so far: the usual level"),
)
