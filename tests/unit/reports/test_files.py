"""Every dialect of LAPD's table reads the same; what can't be read is counted and shown."""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from crime.core.errors import DataError
from crime.reports.files import load_reports
from crime.reports.schema import column_key
from crime.reports.sources import SOURCES
from crime.reports.table import Reports
from crime.reports.tally import Tally

Rows = list[dict[str, str]]
SOME = 400

NAMES = [column.name for column in SOURCES["legacy"].columns]


def _text(rows: Rows, delimiter: str = ",", end: str = "\n") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _each(change: Callable[[str, str], str]) -> Callable[[Rows], Rows]:
    return lambda rows: [{name: change(name, cell) for name, cell in row.items()} for row in rows]


def _same(a: Reports, b: Reports) -> None:
    assert (a.label == b.label).all()
    for name in a.fields:
        if name != "dr_no":
            np.testing.assert_array_equal(a.fields[name], b.fields[name], name)


def _us_date(cell: str) -> tuple[str, str, str]:
    month, day, year = cell.split(" ")[0].split("/")
    return month, day, year


CODES = ("Premis Cd", "Weapon Used Cd", "Crm Cd", "AREA", "Rpt Dist No")
DATES = ("DATE OCC", "Date Rptd")
DIALECTS: dict[str, Callable[[Rows], Rows]] = {
    "12-hour dates": _each(lambda n, c: "{}/{}/{} 12:00:00 AM".format(*_us_date(c)) if n in DATES else c),
    "short dates": _each(
        lambda n, c: "{}/{}/{} 0:00".format(*(p.lstrip("0") for p in _us_date(c))) if n in DATES else c
    ),
    "ISO dates": _each(lambda n, c: "{2}-{0}-{1}T00:00:00.000".format(*_us_date(c)) if n in DATES else c),
    "decimal codes": _each(lambda n, c: f"{c.removesuffix('.0')}.0" if n in CODES and c else c),
    "whole codes": _each(lambda n, c: c.removesuffix(".0") if n in CODES else c),
    "padded codes": _each(lambda n, c: f"0{c}" if n in CODES and c else c),
    "short times and MO codes": _each(
        lambda n, c: (
            str(int(c)) if n == "TIME OCC" else " ".join(str(int(m)) for m in c.split()) if n == "Mocodes" else c
        )
    ),
    "spaces in names and cells": lambda rows: [{f"{n} ": f" {c} " for n, c in row.items()} for row in rows],
    "snake case": lambda rows: [
        {column_key(name): c for name, c in zip(NAMES, row.values(), strict=True)} for row in rows
    ],
    "more columns": lambda rows: [{"id": "7", **row, "note": "a, b"} for row in rows],
    "columns in another order": lambda rows: [dict(sorted(row.items())) for row in rows],
    "NULL for blank": _each(lambda n, c: c or "NULL"),
}


@pytest.fixture(scope="module")
def some(rows: Rows) -> Rows:
    return rows[:SOME]


@pytest.fixture(scope="module")
def plain(some: Rows, tmp_path_factory: pytest.TempPathFactory) -> Reports:
    path = tmp_path_factory.mktemp("plain") / "reports.csv"
    path.write_text(_text(some))
    return load_reports(path, Tally())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_read_alike(dialect: str, some: Rows, plain: Reports, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(_text(DIALECTS[dialect](some)))
    tally = Tally()
    _same(load_reports(path, tally), plain)
    assert (tally.rows, tally.rejected_rows) == (SOME, 0)


def test_containers_and_encodings_read_alike(some: Rows, plain: Reports, tmp_path: Path) -> None:
    text = _text(some)
    (tmp_path / "bom.csv").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    (tmp_path / "utf16.csv").write_bytes(text.encode("utf-16"))
    (tmp_path / "tabs.csv").write_text(_text(some, "\t"))
    (tmp_path / "semicolons.csv").write_text(_text(some, ";"))
    (tmp_path / "windows.csv").write_bytes(text.replace("STREET", "CAÑON").encode("cp1252"))
    (tmp_path / "reports.csv.gz").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "reports.zip", "w") as archive:
        archive.writestr("crime.csv", text)
    pd.read_csv(io.StringIO(text)).to_parquet(tmp_path / "typed.parquet")
    dated = pd.read_csv(io.StringIO(text), dtype=str)
    for name in DATES:
        dated[name] = pd.to_datetime(dated[name].str.split(" ").str[0], format="%m/%d/%Y")
    dated.to_parquet(tmp_path / "dates.parquet")
    lines = text.splitlines(keepends=True)
    (tmp_path / "twice.csv").write_text(
        "".join([lines[0].replace("\n", ",AREA\n"), *(line.replace("\n", ",99\n") for line in lines[1:])])
    )
    found = sorted(tmp_path.iterdir())
    assert len(found) == 10
    for path in found:
        tally = Tally()
        _same(load_reports(path, tally), plain)
        assert (tally.rows, tally.rejected_rows) == (SOME, 0), path


def test_what_can_not_be_read_is_counted_shown_and_kept(some: Rows, tmp_path: Path) -> None:
    spoilt = [dict(row) for row in some]
    spoilt[3]["DATE OCC"] = "yesterday"
    spoilt[4]["DATE OCC"] = "02/30/2020 00:00"
    spoilt[5]["TIME OCC"] = "2460"
    spoilt[6]["AREA"] = ""
    spoilt[7]["AREA"] = "22"
    spoilt[8]["Crm Cd"] = "777"
    spoilt[9]["DR_NO"] = spoilt[10]["DR_NO"]
    spoilt[11]["Premis Cd"] = "park"
    spoilt[12]["LAT"] = "0"
    spoilt[13]["Weapon Used Cd"] = "999"
    path, rejects = tmp_path / "reports.csv", tmp_path / "rejects.csv"
    lines = _text(spoilt).splitlines(keepends=True)
    path.write_text("".join([*lines[:3], "only,three,cells\n", *lines[3:]]))
    tally = Tally(rejects)
    assert len(load_reports(path, tally)) == SOME - 7
    assert tally.rows == SOME + 1
    assert dict(tally.rejected) == {
        "wrong number of columns": 1,
        "DATE OCC: expected a date as 01/31/2020 or 2020-01-31": 1,
        "DATE OCC: expected a day that exists, as 01/31/2020 or 2020-01-31": 1,
        "TIME OCC: expected a 24-hour time from 0000 to 2359": 1,
        "AREA is blank": 1,
        "AREA: expected an area number from 1 to 21": 1,
        "Crm Cd: no category is known for code 777": 1,
        "DR_NO: this report number came before": 1,
    }
    assert tally.examples["TIME OCC: expected a 24-hour time from 0000 to 2359"] == [(7, "2460")]
    assert tally.examples["wrong number of columns"] == [(3, "only,three,cells")]
    for repair in (
        "Premis Cd unreadable, taken as not known",
        "coordinates 0 read as not known",
        "Weapon Used Cd: code not in LAPD's table, taken as not known",
    ):
        assert tally.repaired[repair] >= 1
    with rejects.open(newline="") as file:
        kept = list(csv.DictReader(file))
    assert len(kept) == 8
    assert {row["DR_NO"] for row in kept if row["reason"].startswith("TIME")} == {spoilt[5]["DR_NO"]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "no column 'DATE OCC', 'TIME OCC', 'AREA'"),
        (b"\x1f\x8b\x08\x00broken", "can't be read"),
        (b"PAR1broken", "can't be read"),
        (b"PK\x03\x04broken", "can't be read"),
        (b"DATE OCC,TIME OCC,AREA,Crm Cd\n", "no report could be read"),
    ],
)
def test_a_file_that_is_no_table_says_why(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        load_reports(path, Tally())


def test_a_cut_gzip_says_after_how_many_rows(rows: Rows, tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(_text(rows).encode())[:-20_000])
    with pytest.raises(DataError, match=r"can't be read"):
        load_reports(path, Tally())
