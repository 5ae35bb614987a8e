"""The settings of a simulated city, and the file beside its table that holds them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from crime.core.errors import DataError


@dataclass(frozen=True)
class CitySettings:
    """The same settings give the same city.

    rows: number of reports in its table. drift: the day (2021-06-01) from which categories and premises have other
    shares; None for never.
    """

    seed: int
    rows: int
    drift: str | None = None


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
