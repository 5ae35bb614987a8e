"""The settings of a simulated city, and the file beside its table that holds them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from crime.core.days import day_number
from crime.core.errors import DataError

CitySystem = Literal["legacy", "nibrs", "both"]
FIRST_DAYS: dict[CitySystem, str] = {"legacy": "2020-01-01", "nibrs": "2025-01-01", "both": "2023-01-01"}
SEAM = "2024-03-07"  # the day from which LAPD's areas moved to NIBRS


@dataclass(frozen=True)
class CitySettings:
    """The same settings give the same city.

    rows: number of rows of its table. drift: the day (2021-06-01) from which categories and premises have other
    shares; None for never. system: the report system, or both in one table. seam: with both, the day from which areas
    move to NIBRS, one after another. first: the first day; None for that of `FIRST_DAYS`. until: the table holds only
    what was reported by this day, fewer rows if need be; None for all. Raises `ValueError`.
    """

    seed: int
    rows: int
    drift: str | None = None
    system: CitySystem = "legacy"
    seam: str = SEAM
    first: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        if self.system not in get_args(CitySystem):
            raise ValueError(f"expected a system, {', '.join(get_args(CitySystem))}, got {self.system!r}")
        for day in (self.seam, self.first_day, self.drift, self.until):
            if day:
                day_number(day)

    @property
    def first_day(self) -> str:
        """The day on which its reports begin."""
        return self.first or FIRST_DAYS[self.system]


def settings_file(table: Path) -> Path:
    """The file beside a simulated table that holds its settings."""
    return table.with_name(table.name + ".twin.json")


def write_settings(table: Path, settings: CitySettings) -> None:
    """Write the file beside `table`."""
    settings_file(table).write_text(json.dumps(asdict(settings)) + "\n")


def read_settings(table: Path) -> CitySettings | None:
    """The settings of a simulated table; None for a table without such a file. Raises `DataError`."""
    try:
        return CitySettings(**json.loads(settings_file(table).read_text()))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise DataError(f"{settings_file(table).name} can't be read: {error}") from None
