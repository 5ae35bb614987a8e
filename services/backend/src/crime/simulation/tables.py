"""Write a simulated city as a table in LAPD's schema. Every row has `SIMULATED` as its location."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from crime.core.errors import DataError
from crime.core.files import atomic_write
from crime.reports.codes import code_names
from crime.reports.files import SIMULATED_LOCATION
from crime.reports.sources import SOURCES
from crime.simulation.city import SimulatedCity
from crime.simulation.details import SimulatedReports
from crime.simulation.settings import write_settings

SCHEMA = pa.schema([(column.name, pa.string()) for column in SOURCES["legacy"].columns])
ENDINGS = (".csv", ".csv.gz", ".parquet")


def write_city(city: SimulatedCity, output: Path, progress: Callable[[int], None] = lambda rows: None) -> None:
    """Write the city's reports to .csv, .csv.gz or .parquet, and its settings to a file beside it.

    Memory is the same for any number of rows. `progress` is called with the number written. Raises `DataError`.
    """
    if not output.name.lower().endswith(ENDINGS):
        raise DataError(f"--output must end in .csv, .csv.gz or .parquet, not {output.name!r}")
    batches = _batches(city, progress)
    with atomic_write(output) as partial:
        if output.suffix.lower() == ".parquet":
            with parquet.ParquetWriter(partial, SCHEMA) as writer:
                for batch in batches:
                    writer.write_batch(batch)
        else:
            packed = "gzip" if output.suffix.lower() == ".gz" else None
            options = csv.WriteOptions(quoting_style="needed")
            with (
                pa.output_stream(partial, compression=packed) as sink,
                csv.CSVWriter(sink, SCHEMA, write_options=options) as writer,
            ):
                for batch in batches:
                    writer.write_batch(batch)
    write_settings(output, city.settings)


def _batches(city: SimulatedCity, progress: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    done = 0
    for reports in city.reports():
        yield pa.RecordBatch.from_pydict(_columns(reports, done), SCHEMA)
        done += len(reports.occurred)
        progress(done)


def _columns(reports: SimulatedReports, first: int) -> dict[str, list[str]]:
    """Text by LAPD's column name; reports are numbered from `first` on."""
    n = len(reports.occurred)
    crime_code = _numbers(reports.crime_code)
    text = {
        "DR_NO": [f"99{number:07}" for number in range(first, first + n)],
        "Date Rptd": _dates(reports.occurred + reports.delay),
        "DATE OCC": _dates(reports.occurred),
        "TIME OCC": [f"{h:02}{m:02}" for h, m in zip(reports.hour.tolist(), reports.minute.tolist(), strict=True)],
        "AREA": [f"{area:02}" for area in reports.area.tolist()],
        "AREA NAME": _names("area", reports.area),
        "Rpt Dist No": [f"{district:04}" for district in reports.district.tolist()],
        "Crm Cd": crime_code,
        "Crm Cd Desc": _names("crime", reports.crime_code),
        "Mocodes": [" ".join(codes) for codes in reports.mocodes],
        "Vict Age": [f"{age:.0f}" for age in reports.age.tolist()],
        "Vict Sex": _letters(reports.sex),
        "Vict Descent": _letters(reports.descent),
        "Premis Cd": _numbers(reports.premise),
        "Premis Desc": _names("premis", reports.premise),
        "Weapon Used Cd": _numbers(reports.weapon),
        "Weapon Desc": _names("weapon", reports.weapon),
        "Status": ["IC"] * n,
        "Status Desc": ["Invest Cont"] * n,
        "Crm Cd 1": crime_code,
        "LOCATION": [SIMULATED_LOCATION] * n,
        "LAT": [f"{latitude:.4f}" for latitude in reports.degrees[:, 0].tolist()],
        "LON": [f"{longitude:.4f}" for longitude in reports.degrees[:, 1].tolist()],
    }
    blank = [""] * n
    return {name: text.get(name, blank) for name in SCHEMA.names}


def _dates(days: np.ndarray) -> list[str]:
    """Each day as LAPD writes it, `01/31/2020 12:00:00 AM`."""
    distinct, index = np.unique(days, return_inverse=True)
    text = [f"{day.month:02}/{day.day:02}/{day.year} 12:00:00 AM" for day in distinct.astype("datetime64[D]").tolist()]
    return [text[position] for position in index.tolist()]


def _numbers(codes: np.ndarray) -> list[str]:
    """Each code, blank for 0."""
    return [str(code) if code else "" for code in codes.tolist()]


def _names(kind: str, codes: np.ndarray) -> list[str]:
    """The name of each code, blank for 0 and where it has none."""
    names = code_names(kind)
    return [names.get(str(code), "") if code else "" for code in codes.tolist()]


def _letters(numbers: np.ndarray) -> list[str]:
    """The letter of each number, A for 1."""
    return [chr(ord("A") - 1 + int(number)) for number in numbers.tolist()]
