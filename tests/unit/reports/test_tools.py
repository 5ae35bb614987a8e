"""Sixty reports as spreadsheets, databases and libraries write them: the same reports each time, or a clear refusal."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from crime.core.errors import DataError
from crime.reports.files import load_reports
from crime.reports.sources import unread_columns
from crime.reports.tally import Tally
from pyarrow import feather, parquet
from sixty import DATES, MO, PLAIN, TIME, Row, Write, csv_with, day_of, fields_of, plain_rows, time_of, write_csv


def typed(rows: list[Row]) -> list[Row]:
    """The rows with numbers, dates, times and lists in place of text; None for blank cells."""
    numbers = ("AREA", "Rpt Dist No", "Crm Cd", "Premis Cd", "Weapon Used Cd")
    for row in rows:
        row |= {name: day_of(row[name]).date() for name in DATES}
        row |= {name: int(row[name]) if row[name] else None for name in numbers}
        row |= {TIME: time_of(row[TIME]), MO: row[MO].split(), "LAT": float(row["LAT"]), "LON": float(row["LON"])}
    return [{name: None if cell == "" else cell for name, cell in row.items()} for row in rows]


def from_spreadsheet(path: Path, rows: list[Row]) -> Path:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([" ".join(cell) if isinstance(cell, list) else cell for cell in row.values()])
    workbook.save(path)
    return path


def with_title(path: Path, rows: list[Row]) -> Path:
    path.write_text("Reports of 2020\n\n" + write_csv(path, rows).read_text())
    return path


def sep_line(path: Path, rows: list[Row]) -> Path:
    path.write_text("sep=;\r\n" + write_csv(path, rows, delimiter=";").read_text())
    return path


def decimal_comma(path: Path, rows: list[Row]) -> Path:
    for row in rows:
        row |= {name: row[name].replace(".", ",") for name in ("LAT", "LON")}
    return write_csv(path, rows, delimiter=";")


def text_formulas(path: Path, rows: list[Row]) -> Path:
    return write_csv(path, [{name: f'="{cell}"' if cell else "" for name, cell in row.items()} for row in rows])


def columns_of_2014(path: Path, rows: list[Row]) -> Path:
    other = {"DR_NO": "DR NO", "Rpt Dist No": "RD"}
    return write_csv(path, [{other.get(name, name): cell for name, cell in row.items()} for row in rows])


def columns_of_2017(path: Path, rows: list[Row]) -> Path:
    """Other names, and the coordinates in one column."""
    other = {
        "DR_NO": "DR Number",
        "Date Rptd": "Date Reported",
        "DATE OCC": "Date Occurred",
        "TIME OCC": "Time Occurred",
        "AREA": "Area ID",
        "Rpt Dist No": "Reporting District",
        "Crm Cd": "Crime Code",
        "Mocodes": "MO Codes",
        "Vict Age": "Victim Age",
        "Vict Sex": "Victim Sex",
        "Vict Descent": "Victim Descent",
        "Premis Cd": "Premise Code",
        "Premis Desc": "Premise Description",
        "Weapon Used Cd": "Weapon Used Code",
        "Weapon Desc": "Weapon Description",
        "LOCATION": "Address",
    }
    for row in rows:
        row["Location "] = f"({row.pop('LAT')}, {row.pop('LON')})"
    return write_csv(path, [{other.get(name, name): cell for name, cell in row.items()} for row in rows])


def pandas_csv(path: Path, rows: list[Row]) -> Path:
    write_csv(path, rows)
    pd.read_csv(path, parse_dates=list(DATES), date_format="%m/%d/%Y %I:%M:%S %p").to_csv(path)
    return path


def pandas_json(orient: Any) -> Write:
    def write(path: Path, rows: list[Row]) -> Path:
        table = pd.read_csv(PLAIN, parse_dates=list(DATES), date_format="%m/%d/%Y %I:%M:%S %p", dtype={MO: str})
        table.to_json(
            path, orient=orient, lines=orient == "records", date_format="iso" if orient == "table" else "epoch"
        )
        return path

    return write


def polars_typed(path: Path, rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(typed(rows), infer_schema_length=None)


def polars_csv(path: Path, rows: list[Row]) -> Path:
    polars_typed(path, rows).with_columns(pl.col(MO).list.join(" ")).write_csv(path)
    return path


def polars_parquet(path: Path, rows: list[Row]) -> Path:
    polars_typed(path, rows).with_columns(pl.col("AREA NAME").cast(pl.Categorical)).write_parquet(path)
    return path


def polars_json_lines(path: Path, rows: list[Row]) -> Path:
    polars_typed(path, rows).write_ndjson(path)
    return path


def duckdb_copy(options: str) -> Write:
    def write(path: Path, rows: list[Row]) -> Path:
        table = polars_typed(path, rows).to_arrow()
        connection = duckdb.connect()
        connection.register("reports", table)
        connection.execute(f"COPY (SELECT * FROM reports) TO '{path}' ({options})")
        return path

    return write


def arrow_table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(typed(rows))


def parquet_of_pandas(path: Path, rows: list[Row]) -> Path:
    parquet.write_table(arrow_table(rows), path)
    return path


def feather_file(path: Path, rows: list[Row]) -> Path:
    feather.write_feather(arrow_table(rows), str(path))
    return path


def arrow_stream(path: Path, rows: list[Row]) -> Path:
    table = arrow_table(rows)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return path


def folder_of_parquet(path: Path, rows: list[Row]) -> Path:
    parquet.write_to_dataset(arrow_table(rows), path, partition_cols=["AREA"])
    (path / "_SUCCESS").touch()
    return path


def portal_json(path: Path, rows: list[Row]) -> Path:
    """As the portal's API: keys in lower case, no blank cell, days as timestamps."""
    for row in rows:
        row |= {name: day_of(row[name]).isoformat() + ".000" for name in DATES}
    keys = {name: name.lower().replace(" ", "_") for name in rows[0]}
    path.write_text(json.dumps([{keys[name]: cell for name, cell in row.items() if cell} for row in rows]))
    return path


def portal_rows_json(path: Path, rows: list[Row]) -> Path:
    columns = [{"name": name, "dataTypeName": "text"} for name in rows[0]]
    path.write_text(
        json.dumps(
            {"meta": {"view": {"columns": columns}}, "data": [[cell or None for cell in r.values()] for r in rows]}
        )
    )
    return path


def geojson(path: Path, rows: list[Row]) -> Path:
    features = [{"type": "Feature", "geometry": None, "properties": row} for row in rows]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


TOOLS: dict[str, Write] = {
    "the portal since 2026": csv_with(lambda day: f"{day:%Y %b %d} 12:00:00 AM"),
    "the portal in 2014": columns_of_2014,
    "the portal in 2017": columns_of_2017,
    "the portal's API": portal_json,
    "the portal's rows.json": portal_rows_json,
    "the portal's GeoJSON": geojson,
    "Excel, day first": csv_with(lambda day: f"{day:%d/%m/%Y}"),
    "Excel, day first, short": csv_with(lambda day: f"{day.day}/{day.month}/{day:%y} 0:00"),
    "Excel, month first, short": csv_with(lambda day: f"{day.month}/{day.day}/{day:%y}"),
    "Excel, German": csv_with(lambda day: f"{day:%d.%m.%Y}"),
    "Excel, numbers": csv_with(
        lambda day: (day - datetime(1899, 12, 30)).days, lambda clock: (clock.hour * 60 + clock.minute) / 1440
    ),
    "Excel, times of twelve hours": csv_with(clock=lambda clock: f"{clock:%I:%M:%S %p}"),
    "Excel, sep line": sep_line,
    "Excel, decimal comma": decimal_comma,
    "Excel, cells marked as text": text_formulas,
    "Excel, Unicode text": lambda path, rows: write_csv(path, rows, delimiter="\t", encoding="utf-16"),
    "a title before the header": with_title,
    "a workbook of text": from_spreadsheet,
    "a workbook of dates and numbers": lambda path, rows: from_spreadsheet(path, typed(rows)),
    "Oracle": csv_with(lambda day: f"{day:%d-%b-%y}".upper()),
    "Oracle timestamps": csv_with(lambda day: f"{day:%d-%b-%y} 12.00.00.000000 AM".upper()),
    "Spark": csv_with(lambda day: f"{day:%Y-%m-%d}T00:00:00.000Z"),
    "year first": csv_with(lambda day: f"{day:%Y/%m/%d}"),
    "days without separators": csv_with(lambda day: f"{day:%Y%m%d}"),
    "pandas, CSV": pandas_csv,
    "pandas, JSON by column": pandas_json("columns"),
    "pandas, JSON split": pandas_json("split"),
    "pandas, JSON table": pandas_json("table"),
    "pandas, JSON lines": pandas_json("records"),
    "pandas, Parquet": parquet_of_pandas,
    "polars, CSV": polars_csv,
    "polars, Parquet": polars_parquet,
    "polars, JSON lines": polars_json_lines,
    "DuckDB, CSV": duckdb_copy("FORMAT csv, HEADER"),
    "DuckDB, Parquet": duckdb_copy("FORMAT parquet"),
    "DuckDB, JSON": duckdb_copy("FORMAT json, ARRAY true"),
    "Feather": feather_file,
    "an Arrow stream": arrow_stream,
    "a folder of Parquet": folder_of_parquet,
}


@pytest.mark.filterwarnings("ignore:'epoch' date format is deprecated")
@pytest.mark.parametrize("tool", TOOLS)
def test_reports_are_the_same_whatever_wrote_them(tool: str, tmp_path: Path) -> None:
    tally = Tally()
    found = fields_of(TOOLS[tool](tmp_path / "table", plain_rows()), tally)
    assert (tally.rows, tally.rejected_rows) == (60, 0)
    expected = fields_of(PLAIN)
    for key, values in expected.items():
        assert found[key] == values, key


def test_columns_that_no_report_has_are_named(tmp_path: Path) -> None:
    rows = [{"Premis Cdd": row.pop("Premis Cd"), "Officer": "x", **row} for row in plain_rows()]
    tally = Tally()
    load_reports(write_csv(tmp_path / "t.csv", rows), tally)
    assert tally.unread == ["Premis Cdd (Premis Cd?)", "Officer"]


def test_of_very_many_such_columns_the_first_are_named() -> None:
    unread = unread_columns(f"column {number}" + "x" * 100 for number in range(100_000))
    assert len(unread) == 31
    assert unread[-1] == "99,970 more"
    assert max(map(len, unread)) <= 80


def early_days(rows: list[Row]) -> list[Row]:
    return [row for row in rows if day_of(row["DATE OCC"]).day <= 12 and day_of(row["Date Rptd"]).day <= 12]


def test_dates_that_may_be_either_are_refused_until_the_order_is_told(tmp_path: Path) -> None:
    rows = early_days(plain_rows())
    write = csv_with(lambda day: f"{day:%d/%m/%Y}")
    path = write(tmp_path / "t.csv", [dict(row) for row in rows])
    with pytest.raises(DataError, match=r"DATE OCC: .* no row tells which: say it with --day-first or --month-first"):
        load_reports(path, Tally())
    told = load_reports(path, Tally(day_first=True)).fields["date_occ"]
    assert [date.fromordinal(int(day) + 719163) for day in told] == [day_of(row["DATE OCC"]).date() for row in rows]


def test_a_column_written_both_ways_is_refused(tmp_path: Path) -> None:
    first, second = plain_rows(), plain_rows()
    for row in second:
        row["DATE OCC"] = f"{day_of(row['DATE OCC']):%d/%m/%Y}"
        row["DR_NO"] += "0"
    path = write_csv(tmp_path / "t.csv", first + second)
    with pytest.raises(DataError, match=r"has the month first and .* the day first"):
        load_reports(path, Tally())


def test_dates_that_a_spreadsheet_has_turned_in_part_are_refused(tmp_path: Path) -> None:
    rows = plain_rows()
    for row in rows:  # a spreadsheet that puts the day first takes 02/03/2020 for 2 March, and 02/23/2020 for text
        for name in DATES:
            day = day_of(row[name])
            row[name] = date(day.year, day.day, day.month) if day.day <= 12 else f"{day:%m/%d/%Y}"
    with pytest.raises(DataError, match="A spreadsheet has exchanged day and month in a part of them"):
        load_reports(from_spreadsheet(tmp_path / "t.xlsx", rows), Tally())


def test_one_mistyped_date_does_not_refuse_a_table(tmp_path: Path) -> None:
    days = [f"2020-{month}-{day}" for month in range(1, 13) for day in range(1, 29)]
    dates = [f"{day.split('-')[1]}/{day.split('-')[2]}/2020" for day in days]
    path = tmp_path / "t.csv"
    lines = "".join(f"{day},1430,1\n" for day in [*dates, "31/01/2020"])
    path.write_text("DATE OCC,TIME OCC,AREA\n" + lines)
    tally = Tally()
    assert len(load_reports(path, tally, labelled=False)) == len(dates)
    assert tally.rejected_rows == 1


def test_a_workbook_with_two_tables_is_refused(tmp_path: Path) -> None:
    workbook = openpyxl.load_workbook(from_spreadsheet(tmp_path / "t.xlsx", plain_rows()))
    assert workbook.active
    workbook.copy_worksheet(workbook.active).title = "Copy"
    workbook.create_sheet("Notes").append(["nothing"])
    workbook.save(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match="several sheets are LAPD tables: 'Sheet', 'Copy'"):
        load_reports(tmp_path / "t.xlsx", Tally())


@pytest.mark.parametrize(
    "content", ["[]", "{}", "[1, 2]", '{"a": {"b": 1}}', "[{]", '"text"', '[{"AREA": 1}]', "[[1]]"]
)
def test_what_is_no_json_table_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(content)
    with pytest.raises(DataError):
        load_reports(path, Tally())


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Parquet file in the folder"):
        load_reports(tmp_path, Tally())
