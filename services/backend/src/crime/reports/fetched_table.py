"""One table of the rows of several datasets, with LAPD's column names of each report system among them.

Columns of the two systems that have the same key are one column. A row's system is told by the columns that it fills.
"""

import csv
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from crime.core.files import atomic_write
from crime.reports.dates import parse_date
from crime.reports.freshness import newest_past_day
from crime.reports.row_store import Row, RowStore
from crime.reports.schema import column_key
from crime.reports.sources import SOURCES, system_of
from crime.reports.systems import System

MAX_DAY_CHARACTERS = 10  # of a date, without the time of day


@dataclass
class Contents:
    """What was written of a dataset: its rows, and its newest day by system."""

    rows: int = 0
    newest: dict[System, int] = field(default_factory=dict)


@dataclass
class WrittenTable:
    """What was written: contents by dataset, and rows by each key that no column of the table takes."""

    datasets: dict[str, Contents] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)


def header_of(systems: Iterable[System]) -> tuple[list[str], dict[str, int]]:
    """The columns of a table of these systems' reports, and the position of each key that the portal may use."""
    names: list[str] = []
    positions: dict[str, int] = {}
    for system, source in SOURCES.items():
        for column in source.columns if system in systems else ():
            position = next((positions[key] for key in column.names if key in positions), len(names))
            if position == len(names):
                names.append(column.name)
            positions |= dict.fromkeys(column.names, position)
    return names, positions


class _Layout:
    """Lays rows out under a header, and counts what has no column there."""

    def __init__(self, systems: Iterable[System]):
        self.names, self._positions = header_of(systems)
        self._position_of: dict[str, int | None] = {}  # by the portal's own spelling, such as `area_`
        self.unknown: Counter[str] = Counter()

    def cells(self, row: Row) -> list[object]:
        cells: list[object] = [""] * len(self.names)
        for name, cell in row.items():
            if name not in self._position_of:
                self._position_of[name] = self._positions.get(column_key(name))
            position = self._position_of[name]
            if position is not None and cells[position] == "":
                cells[position] = cell
            elif not name.startswith(":"):  # the portal's own: they are of no report
                self.unknown[name] += 1
        return cells


def write_table(store: RowStore, systems: dict[str, System | None], output: Path) -> WrittenTable:
    """Write the stored rows of these datasets to a CSV file, in this order and by `:id`.

    `systems`: of each dataset; None for one whose rows tell theirs by their columns.
    """
    told = {
        dataset: {system} if system else {_system_of_row(row) for row in store.rows(dataset)}
        for dataset, system in systems.items()
    }
    layout, written = _Layout(set().union(*told.values()) or {"legacy"}), WrittenTable()
    with atomic_write(output) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(layout.names)
        for dataset, known in systems.items():
            contents = written.datasets[dataset] = Contents()
            days: dict[System, set[str]] = {system: set() for system in told[dataset]}
            for row in store.rows(dataset):
                writer.writerow(layout.cells(row))
                contents.rows += 1
                days[known or _system_of_row(row)].add(str(row.get("date_occ", ""))[:MAX_DAY_CHARACTERS])
            contents.newest = _newest(days)
    written.unknown = layout.unknown
    return written


def _system_of_row(row: Row) -> System:
    return system_of((column_key(name), cell) for name, cell in row.items())


def _newest(texts: dict[System, set[str]]) -> dict[System, int]:
    newest = {}
    for system, dates in texts.items():
        days = []
        for text in dates:
            with suppress(ValueError):
                days.append(int(parse_date(text)[0]))
        if (day := newest_past_day(days)) is not None:
            newest[system] = day
    return newest
