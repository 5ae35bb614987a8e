"""A column decides its own form from all of its rows: it is read right as a whole, or refused as a whole."""

import json
from collections.abc import Callable
from datetime import datetime, time
from pathlib import Path

import pyarrow as pa
import pytest
from crime.core.days import day_text
from crime.core.errors import DataError
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from pyarrow import parquet
from sixty import DATES, MO, TIME, Row, csv_with, day_of, fields_of, plain_rows, time_of, write_csv


@pytest.mark.parametrize("form", ["%y/%m/%d", "%y-%m-%d", "%m.%d.%Y", "%Y-%d-%m", "%Y.%d.%m", "%d.%m.%y", "%m-%d-%y"])
def test_dates_are_read_in_the_order_that_the_rows_tell(form: str, tmp_path: Path) -> None:
    path = csv_with(lambda day: day.strftime(form))(tmp_path / "t.csv", plain_rows())
    assert fields_of(path) == fields_of(write_csv(tmp_path / "p.csv", plain_rows()))


@pytest.mark.parametrize("form", ["%m.%d.%Y", "%d.%m.%Y", "%m/%d/%Y"])
def test_dates_that_no_row_tells_are_refused_whatever_stands_between(form: str, tmp_path: Path) -> None:
    rows = [row for row in plain_rows() if day_of(row["DATE OCC"]).day <= 12 and day_of(row["Date Rptd"]).day <= 12]
    path = csv_with(lambda day: day.strftime(form))(tmp_path / "t.csv", rows)
    with pytest.raises(DataError, match="no row tells which"):
        load_reports(path, Tally())


def test_an_order_that_later_rows_contradict_refuses_the_table(tmp_path: Path) -> None:
    early = [f"{1 + number % 11:02}/{1 + number // 11 % 11:02}/2020" for number in range(33_000)]
    dates = ["01/13/2020", *early, *(f"{day:02}/{month:02}/2020" for day in range(13, 29) for month in range(1, 13))]
    table = pa.table({"DATE OCC": dates, "TIME OCC": ["1430"] * len(dates), "AREA": ["1"] * len(dates)})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="write all dates one way"):
        load_reports(tmp_path / "t.parquet", Tally(), labelled=False)


def test_the_portals_own_form_alone_is_month_first_until_a_row_tells(tmp_path: Path) -> None:
    dates = ["03/02/2020 12:00:00 AM", "04/05/2020 12:00:00 AM"]
    path = write_csv(tmp_path / "t.csv", [{"DATE OCC": day, "TIME OCC": "1430", "AREA": "1"} for day in dates])
    assert load_reports(path, Tally(), labelled=False).fields["date_occ"].tolist() == [18_323, 18_357]
    table = {"DATE OCC": dates * 20_000 + ["23/02/2020 12:00:00 AM"]}
    table |= {"TIME OCC": ["1430"] * 40_001, "AREA": ["1"] * 40_001}
    parquet.write_table(pa.table(table), tmp_path / "t.parquet")
    days = load_reports(tmp_path / "t.parquet", Tally(), labelled=False).fields["date_occ"]
    assert sorted(set(days.tolist())) == [18_295, 18_315, 18_386]


def test_dates_that_a_spreadsheet_took_and_shows_again_are_read(tmp_path: Path) -> None:
    """Days up to the 12th, which a spreadsheet with the day first takes for dates, come back as 02/03/2020 00:00."""
    path = tmp_path / "t.csv"
    csv_with(lambda day: f"{day:%m/%d/%Y 00:00}" if day.day <= 12 else f"{day:%m/%d/%Y %I:%M:%S %p}")(
        path, plain_rows()
    )
    assert fields_of(path) == fields_of(write_csv(tmp_path / "p.csv", plain_rows()))


def of_time(write: Callable[[time], object]) -> Callable[[Path], Path]:
    return lambda path: csv_with(clock=write)(path, plain_rows())


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (of_time(lambda clock: clock.hour), "may be an hour or minutes after midnight"),
        (of_time(lambda clock: f"{clock.hour}.0"), "may be an hour or minutes after midnight"),
        (of_time(lambda clock: clock.hour * 60 + clock.minute), "cells can't be read"),
        (of_time(lambda clock: round(clock.hour + clock.minute / 60, 2)), "cells can't be read"),
        (of_time(lambda clock: f"{clock:%H%M%S}"), "no report could be read"),
        (of_time(lambda clock: clock.hour * 3600 + clock.minute * 60), "cells can't be read"),
        (of_time(lambda clock: f"{100 * clock.hour + clock.minute:,}"), "cells can't be read"),
        (of_time(lambda clock: f"2020-02-23T{clock:%H:%M:%S}Z"), "expected local time of Los Angeles"),
    ],
)
def test_times_of_another_kind_are_refused(write: Callable[[Path], Path], told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=told):
        load_reports(write(tmp_path / "t.csv"), Tally(), labelled=False)


@pytest.mark.parametrize(
    "write",
    [
        lambda clock: f"01-JAN-70 {clock:%I.%M.%S}.000000 {clock:%p}",
        lambda clock: f"+00 {clock:%H:%M:%S}.000000",
        lambda clock: f"2020 Jan 02 {clock:%I:%M:%S %p}",
        lambda clock: f"01.01.1900 {clock:%H:%M}",
        lambda clock: f"PT{clock.hour}H{clock.minute}M",
        lambda clock: f"PT{3600 * clock.hour + 60 * clock.minute}S",
        lambda clock: f"P0DT{clock.hour}H{clock.minute}M0S",
        lambda clock: f"{clock:%I:%M\u202f%p}",
    ],
)
def test_times_that_databases_write_are_read(write: Callable[[time], str], tmp_path: Path) -> None:
    path = csv_with(clock=write)(tmp_path / "t.csv", plain_rows())
    assert fields_of(path)["time_occ"] == fields_of(write_csv(tmp_path / "p.csv", plain_rows()))["time_occ"]


@pytest.mark.parametrize(
    "write",
    [
        lambda day: f"{day:%Y-%m-%d}T00:00-08:00[America/Los_Angeles]",
        lambda day: f"{day:%Y%m%d}000000",
        lambda day: f"{day:%d/%b/%Y}",
    ],
)
def test_more_dates_that_programs_write_are_read(write: Callable[[datetime], str], tmp_path: Path) -> None:
    path = csv_with(write)(tmp_path / "t.csv", plain_rows())
    assert fields_of(path) == fields_of(write_csv(tmp_path / "p.csv", plain_rows()))


def test_numbers_of_days_from_another_beginning_are_refused(tmp_path: Path) -> None:
    path = csv_with(lambda day: (day - datetime(1960, 1, 1)).days)(tmp_path / "t.csv", plain_rows())  # SAS
    with pytest.raises(DataError, match="no report could be read"):
        load_reports(path, Tally())
    short = csv_with(lambda day: f"{day:%m%d%y}")(tmp_path / "t.csv", plain_rows())
    with pytest.raises(DataError, match="no report could be read"):
        load_reports(short, Tally())


@pytest.mark.parametrize(
    ("column", "write"),
    [
        (MO, lambda cell: cell.replace(" ", "-")),
        (MO, lambda cell: f"[{', '.join(f'np.str_({code!r})' for code in cell.split())}]"),
        (MO, lambda cell: f"[None, {', '.join(map(repr, cell.split()))}]"),
        ("Rpt Dist No", lambda cell: f"{int(cell):,}"),
        ("Premis Cd", lambda cell: f"{cell},00" if cell else ""),
        ("Premis Cd", lambda cell: f"{cell} - STREET" if cell else ""),
    ],
)
def test_codes_as_programs_write_them_are_read(column: str, write: Callable[[str], str], tmp_path: Path) -> None:
    rows = [row | {column: write(row[column])} for row in plain_rows()]
    assert fields_of(write_csv(tmp_path / "t.csv", rows)) == fields_of(write_csv(tmp_path / "p.csv", plain_rows()))


@pytest.mark.parametrize(
    "write", [lambda cell: f"{float(cell or 0):.1E}", lambda cell: f"+{cell}", lambda cell: "street"]
)
def test_a_column_that_is_mostly_unreadable_refuses_the_table(write: Callable[[str], str], tmp_path: Path) -> None:
    rows = [row | {"Premis Cd": write(row["Premis Cd"])} for row in plain_rows()]
    with pytest.raises(DataError, match=r"Premis Cd: .* of .* cells can't be read, such as .*expected an LAPD code"):
        load_reports(write_csv(tmp_path / "t.csv", rows), Tally(), labelled=False)


def test_a_few_unreadable_cells_are_repaired(tmp_path: Path) -> None:
    rows = plain_rows()
    for row in rows[:5]:
        row["Premis Cd"] = "street"
    tally = Tally()
    assert len(load_reports(write_csv(tmp_path / "t.csv", rows), tally, labelled=False)) == 60
    assert tally.repaired["Premis Cd unreadable, taken as not known"] == 5


@pytest.mark.parametrize("name", ["location_1", "geometry", "Location"])
@pytest.mark.parametrize(
    "write",
    [
        lambda lat, lon: json.dumps({"type": "Point", "coordinates": [float(lon), float(lat)]}),
        lambda lat, lon: json.dumps({"latitude": lat, "longitude": lon, "human_address": "{}"}),
        lambda lat, lon: f"POINT ({lon} {lat})",
        lambda lat, lon: f"1200 W 7TH ST\n({lat}, {lon})",
    ],
)
def test_coordinates_in_one_column_are_read(write: Callable[[str, str], str], name: str, tmp_path: Path) -> None:
    rows = plain_rows()
    for row in rows:
        row.pop("LOCATION")
        row[name] = write(row.pop("LAT"), row.pop("LON"))
    found, right = (fields_of(write_csv(tmp_path / "t.csv", each)) for each in (rows, plain_rows()))
    assert (found["lat"], found["lon"]) == (right["lat"], right["lon"])


def typed_times(zone: str | None) -> pa.Table:
    rows = plain_rows()
    moments = [datetime.combine(day_of(row["DATE OCC"]), time_of(row[TIME])) for row in rows]
    clock = pa.array(moments, pa.timestamp("us"))
    if zone:
        clock = pa.compute.assume_timezone(clock, "America/Los_Angeles").cast(pa.timestamp("us", zone))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return pa.table(columns | {"DATE OCC": clock, TIME: clock})


@pytest.mark.parametrize("zone", [None, "America/Los_Angeles"])
def test_local_instants_are_read(zone: str | None, tmp_path: Path) -> None:
    parquet.write_table(typed_times(zone), tmp_path / "t.parquet")
    assert fields_of(tmp_path / "t.parquet") == fields_of(write_csv(tmp_path / "p.csv", plain_rows()))


def test_instants_of_another_zone_are_refused(tmp_path: Path) -> None:
    parquet.write_table(typed_times("UTC"), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="expected local time of Los Angeles"):
        load_reports(tmp_path / "t.parquet", Tally())


def folder_of(path: Path, parts: list[list[Row]]) -> Path:
    path.mkdir()
    for number, rows in enumerate(parts):
        parquet.write_table(pa.Table.from_pylist(rows), path / f"part-{number}.parquet")
    return path


def test_a_damaged_part_of_a_folder_is_an_error(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "t", [plain_rows(), plain_rows()])
    part = folder / "part-1.parquet"
    part.write_bytes(part.read_bytes()[:3000])
    with pytest.raises(DataError, match="damaged"):
        load_reports(folder, Tally())


def test_another_file_in_a_folder_and_other_names_of_columns_are_errors(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path / "t", [plain_rows(), [{"date_occ": row.pop("DATE OCC"), **row} for row in plain_rows()]]
    )
    with pytest.raises(DataError, match="name a column 'DATE OCC' and 'date_occ'"):
        load_reports(folder, Tally())
    (folder / "more.csv").write_text("DATE OCC\n")
    with pytest.raises(DataError, match=r"more\.csv in the folder is not a Parquet file"):
        load_reports(folder, Tally())


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"\x28\xb5\x2f\xfd", "packed with zstd"),
        (b"BZh91AY", "packed with bzip2"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"<!DOCTYPE html><html>", "a web page"),
        ("DATE OCC,TIME OCC,AREA\n".encode("utf-16-le"), "UTF-16 without its byte order mark"),
    ],
)
def test_files_of_other_formats_are_named(head: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(head + b"x" * 100)
    with pytest.raises(DataError, match=told):
        load_reports(path, Tally())


@pytest.mark.parametrize(
    "write",
    [
        lambda rows: "\ufeff" + json.dumps(rows),
        lambda rows: "\n\n" + "\n\n".join(map(json.dumps, rows)),
        lambda rows: json.dumps({name: [row[name] for row in rows] for name in rows[0]}),
        lambda rows: json.dumps({str(number): row for number, row in enumerate(rows)}),
    ],
)
def test_more_layouts_of_json_are_read(write: Callable[[list[Row]], str], tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(write(plain_rows()))
    assert fields_of(tmp_path / "t.json") == fields_of(write_csv(tmp_path / "p.csv", plain_rows()))


def test_dates_of_both_columns_have_the_order_that_one_tells(tmp_path: Path) -> None:
    rows = [row for row in plain_rows() if day_of(row["DATE OCC"]).day <= 12]
    assert any(day_of(row["Date Rptd"]).day > 12 for row in rows)
    path = tmp_path / "t.csv"
    csv_with(lambda day: f"{day:%d.%m.%Y}")(path, [dict(row) for row in rows])
    assert fields_of(path) == fields_of(write_csv(tmp_path / "p.csv", rows))
    assert set(DATES) <= set(rows[0])


def small(path: Path, days: list[str], reported: list[str] | None = None, clocks: list[str] | None = None) -> Path:
    rows = [{"DATE OCC": day, "TIME OCC": "1430", "AREA": "1"} for day in days]
    for name, cells in (("Date Rptd", reported), ("TIME OCC", clocks)):
        for row, cell in zip(rows, cells or [], strict=False):
            row[name] = cell
    return write_csv(path, rows)


def days_of(path: Path) -> list[str]:
    reports = load_reports(path, Tally(), labelled=False)
    return sorted(day_text(int(day)) for day in reports.fields["date_occ"])


def test_dates_with_another_separator_say_nothing(tmp_path: Path) -> None:
    portal = ["01/02/2020 12:00:00 AM", "03/04/2020 12:00:00 AM"]
    assert days_of(small(tmp_path / "t.csv", portal, ["26.2.2020", "28.4.2020"])) == ["2020-01-02", "2020-03-04"]
    with pytest.raises(DataError, match="no row tells which"):
        load_reports(small(tmp_path / "t.csv", ["26.02.2020", "03/04/2020"]), Tally())


def test_one_short_date_is_read_where_only_one_day_is_possible(tmp_path: Path) -> None:
    assert days_of(small(tmp_path / "t.csv", ["20-01-20"])) == ["2020-01-20"]
    with pytest.raises(DataError, match="no row tells which: write years in full"):
        load_reports(small(tmp_path / "t.csv", ["20-02-23", "20-03-24"]), Tally())


@pytest.mark.parametrize(
    "clocks",
    [["9", "22:30", "14", "7:15", "18"], ["1", "24", "13", "2", "7", "9"], ["13", "0.9375"], ["13.0", "22:30:00"]],
)
def test_hours_beside_times_of_another_form_are_refused(clocks: list[str], tmp_path: Path) -> None:
    path = small(tmp_path / "t.csv", ["2020-01-31"] * len(clocks), clocks=clocks)
    with pytest.raises(DataError, match="may be an hour or minutes after midnight"):
        load_reports(path, Tally(), labelled=False)


@pytest.mark.parametrize("clocks", [["9", "2230"], ["1", "0"], ["45", "5"], ["0009", "22:30"], ["5", "13"]])
def test_minutes_after_midnight_are_read_where_another_number_tells(clocks: list[str], tmp_path: Path) -> None:
    path = small(tmp_path / "t.csv", ["2020-01-31"] * len(clocks), clocks=clocks)
    assert len(load_reports(path, Tally(), labelled=False)) == len(clocks)


def test_typos_are_rejected_and_a_column_of_other_numbers_is_refused(tmp_path: Path) -> None:
    path = small(tmp_path / "t.csv", ["2020-01-31"] * 9, clocks=["noon", "2500", "1430"] * 3)
    assert len(load_reports(path, Tally(), labelled=False)) == 3
    minutes = [str(60 * hour + 5) for hour in range(10, 24)]
    path = small(tmp_path / "t.csv", ["2020-01-31"] * len(minutes), clocks=minutes)
    with pytest.raises(DataError, match=r"TIME OCC: .* cells can't be read"):
        load_reports(path, Tally(), labelled=False)


def test_columns_of_victims_refuse_no_table(tmp_path: Path) -> None:
    rows = [row | {"Vict Sex": "Female", "Vict Age": "adult"} for row in plain_rows()]
    assert len(load_reports(write_csv(tmp_path / "t.csv", rows), Tally())) == 60


def test_a_week_that_a_spreadsheet_has_turned_in_part_is_refused(tmp_path: Path) -> None:
    days = ["2020-10-02", "2020-11-02", "2020-12-02", *(f"02/{day}/2020" for day in range(13, 17))]
    with pytest.raises(DataError, match="A spreadsheet has exchanged day and month"):
        load_reports(small(tmp_path / "t.csv", days * 10), Tally())


@pytest.mark.parametrize("number", ["1896220800", "63020"])
def test_numbers_of_days_to_come_are_no_dates(number: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no report could be read"):
        load_reports(small(tmp_path / "t.csv", [number]), Tally(), labelled=False)


def test_a_geometry_in_bytes_is_left_out(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(plain_rows()).append_column("shape", pa.array([b"\x01\xff\x00"] * 60))
    parquet.write_table(table, tmp_path / "t.parquet")
    assert fields_of(tmp_path / "t.parquet") == fields_of(write_csv(tmp_path / "p.csv", plain_rows()))


@pytest.mark.parametrize(
    "content",
    [
        '{"features":[{"properties":[1]}]}',
        '{"columns":["DATE OCC","TIME OCC","AREA"],"data":[1,2]}',
        '{"meta":{"view":{"columns":[{"x":1}]}},"data":[[1]]}',
    ],
)
def test_json_of_another_kind_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(DataError, match="not a JSON table"):
        load_reports(tmp_path / "t.json", Tally())
