"""Write a simulated city as a table in LAPD's schema. Every row has `SIMULATED` as its location."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from crime.core.days import day_number
from crime.core.errors import DataError
from crime.core.files import atomic_write
from crime.reports.codes import code_names
from crime.reports.files import SIMULATED_LOCATION
from crime.reports.sources import SOURCES
from crime.simulation.city import CityBlock, SimulatedCity
from crime.simulation.details import SimulatedReports
from crime.simulation.nibrs_tables import COLUMNS as NIBRS_COLUMNS
from crime.simulation.nibrs_tables import dialect, nibrs_rows
from crime.simulation.settings import write_settings

OLD_COLUMNS = tuple(column.name for column in SOURCES["legacy"].columns)
ENDINGS = (".csv", ".csv.gz", ".parquet")
QUIRKS_STREAM = 5  # of random numbers, beside those of `city.py`


@dataclass(frozen=True)
class _TableColumn:
    """A column of the table, and those of the two systems that fill it: blank where there is none."""

    name: str
    old: str = ""
    nibrs: str = ""


def _layout(city: SimulatedCity) -> list[_TableColumn]:
    """The table's columns. With both systems those of the old one come first, and NIBRS fills those it has, too."""
    if city.settings.system == "legacy":
        return [_TableColumn(name, old=name) for name in OLD_COLUMNS]
    if city.settings.system == "nibrs":
        names = dialect(city.settings.seed).columns
        return [_TableColumn(names[name], nibrs=name) for name in NIBRS_COLUMNS]
    old = {key: column.name for column in SOURCES["legacy"].columns for key in column.names}
    common = {old[key]: column.name for column in SOURCES["nibrs"].columns for key in column.names if key in old}
    return [_TableColumn(name, name, common.get(name, "")) for name in OLD_COLUMNS] + [
        _TableColumn(name, nibrs=name) for name in NIBRS_COLUMNS if name not in common.values()
    ]


def write_city(city: SimulatedCity, output: Path, progress: Callable[[int], None] = lambda rows: None) -> int:
    """Write the city's reports to .csv, .csv.gz or .parquet, and its settings to a file beside it; return their number.

    Memory is the same for any number of rows. `progress` is called with the number written. Raises `DataError`.
    """
    if not output.name.lower().endswith(ENDINGS):
        raise DataError(f"--output must end in .csv, .csv.gz or .parquet, not {output.name!r}")
    layout = _layout(city)
    schema = pa.schema([(column.name, pa.string()) for column in layout])
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done = rows
        progress(rows)

    batches = _batches(city, layout, schema, count)
    with atomic_write(output) as partial:
        if output.suffix.lower() == ".parquet":
            with parquet.ParquetWriter(partial, schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
        else:
            packed = "gzip" if output.suffix.lower() == ".gz" else None
            options = csv.WriteOptions(quoting_style="needed")
            with (
                pa.output_stream(partial, compression=packed) as sink,
                csv.CSVWriter(sink, schema, write_options=options) as writer,
            ):
                for batch in batches:
                    writer.write_batch(batch)
    write_settings(output, city.settings)
    return done


def _batches(
    city: SimulatedCity, layout: list[_TableColumn], schema: pa.Schema, progress: Callable[[int], None]
) -> Iterator[pa.RecordBatch]:
    settings = city.settings
    rng = np.random.default_rng([settings.seed, QUIRKS_STREAM])
    until = day_number(settings.until) if settings.until else None
    done = 0
    for block in city.blocks():
        rows = _block_rows(city, block, layout, rng)
        if until is not None and rows.occurred[0] > until:
            return
        batch = pa.RecordBatch.from_pydict(rows.columns, schema)
        if until is not None:
            batch = batch.filter(pa.array(rows.reported <= until))
        batch = batch.slice(0, settings.rows - done)
        yield batch
        done += len(batch)
        progress(done)
        if done == settings.rows:
            return


@dataclass(frozen=True)
class _Rows:
    """Text (n,) by the table's column, in order of the day on which it happened, and the day it was reported (n,)."""

    columns: dict[str, list[str]]
    occurred: np.ndarray
    reported: np.ndarray


def _block_rows(city: SimulatedCity, block: CityBlock, layout: list[_TableColumn], rng: np.random.Generator) -> _Rows:
    occurred: list[np.ndarray] = []
    reported: list[np.ndarray] = []
    columns: dict[str, list[Any]] = {column.name: [] for column in layout}
    if block.legacy:
        occurred.append(block.legacy.occurred)
        reported.append(block.legacy.occurred + block.legacy.delay)
        texts = _old_columns(block.legacy, block.numbers)
        blank = [""] * len(block.numbers)
        for column in layout:
            columns[column.name] += texts.get(column.old, blank)
    if block.nibrs:
        offenses = nibrs_rows(block.nibrs, block.first, city.nibrs.shares, dialect(city.settings.seed), rng)
        occurred.append(offenses.occurred)
        reported.append(offenses.reported)
        blank = [""] * len(offenses.occurred)
        for column in layout:
            columns[column.name] += offenses.columns[column.nibrs].tolist() if column.nibrs else blank
    if len(occurred) == 1:
        return _Rows(columns, occurred[0], reported[0])
    days = np.concatenate(occurred)
    order = np.argsort(days, kind="stable")
    ordered = {name: np.array(values, object)[order].tolist() for name, values in columns.items()}
    return _Rows(ordered, days[order], np.concatenate(reported)[order])


def _old_columns(reports: SimulatedReports, numbers: np.ndarray) -> dict[str, list[str]]:
    """Text by column of LAPD's own codes."""
    n = len(reports.occurred)
    crime_code = _numbers(reports.crime_code)
    return {
        "DR_NO": [f"99{number:07}" for number in numbers.tolist()],
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
