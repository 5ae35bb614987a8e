"""Sixty real reports of 2020, to be written as other programs would, and what is read of such a table."""

import csv
from collections.abc import Callable
from datetime import datetime, time
from pathlib import Path
from typing import Any

import numpy as np
from crime.reports.files import load_reports
from crime.reports.tally import Tally

PLAIN = Path(__file__).parent / "tables/sixty.csv"  # as LAPD's portal wrote it until 2025
DATES, TIME, MO = ("Date Rptd", "DATE OCC"), "TIME OCC", "Mocodes"
Row = dict[str, Any]
Write = Callable[[Path, list[Row]], Path]


def plain_rows() -> list[Row]:
    with PLAIN.open(newline="") as file:
        return list(csv.DictReader(file))


def day_of(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p")


def time_of(text: str) -> time:
    return time(int(text) // 100, int(text) % 100)


def fields_of(path: Path, tally: Tally | None = None) -> dict[str, list[Any]]:
    """The reports' fields by report number, NaN as None."""
    reports = load_reports(path, tally or Tally(), labelled=False)
    order = np.argsort(reports.fields["dr_no"])
    return {
        key: [None if value != value else value for value in values[order].tolist()]
        for key, values in reports.fields.items()
    }


def write_csv(path: Path, rows: list[Row], **options: Any) -> Path:
    with path.open("w", newline="", encoding=options.pop("encoding", "utf-8")) as file:
        writer = csv.DictWriter(file, rows[0], **options)
        writer.writeheader()
        writer.writerows(rows)
    return path


def csv_with(day: Callable[[datetime], object] | None = None, clock: Callable[[time], object] | None = None) -> Write:
    """Writes a CSV table with its own way of writing dates, times."""

    def write(path: Path, rows: list[Row]) -> Path:
        for row in rows:
            for name in DATES if day else ():
                row[name] = day(day_of(row[name])) if day else row[name]
            if clock:
                row[TIME] = clock(time_of(row[TIME]))
        return write_csv(path, rows)

    return write
