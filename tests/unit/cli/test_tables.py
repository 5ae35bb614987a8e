"""Commands of tables: check, codes, twin, features build, fetch."""

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from crime.core.days import day_number, day_text
from crime.reports.categories import CATEGORY_NAMES
from typer.testing import Result

RunCommand = Callable[..., Result]


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_check_counts_what_was_repaired_and_rejected(
    crime: RunCommand, table: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("crime.reports.freshness.today", lambda: day_number("2020-02-29"))
    rejects = tmp_path / "rejects.csv"
    result = crime("check", "--data", table, "--rejects", rejects, "--json")
    assert result.stderr.startswith("20 rows read, 2 rejected, 0 cells repaired\n")
    assert "rejected 1: AREA is blank (row 10: '')" in result.stderr
    assert "newest report 2020-01-20, 40 days behind (usual: about 12, at most 26" in result.stderr
    summary = json.loads(result.stdout)
    assert (summary["rows"], sum(summary["rejected"].values())) == (20, 2)
    assert (summary["newest"], summary["days_behind"], summary["usual_days_behind"]) == ("2020-01-20", 40, 12)
    rejected = rows_of(rejects)
    assert [row["reason"] for row in rejected] == [
        "TIME OCC: expected a 24-hour time from 0000 to 2359",
        "AREA is blank",
    ]
    assert rejected[0]["TIME OCC"] == "9999"


def test_a_table_without_a_readable_row_is_an_error(crime: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("DATE OCC,TIME OCC,AREA\nsoon,1430,1\n")
    result = crime("check", "--data", path, "--json", code=1)
    assert "error: no report could be read of 1 rows (DATE OCC: expected a date" in result.stderr
    assert json.loads(result.stdout)["rows"] == 1


def test_check_tells_where_a_feed_stopped(crime: RunCommand, tmp_path: Path) -> None:
    path, day = tmp_path / "reports.csv", day_number("2025-01-01")
    days = [day + number for number in range(200) for _ in range(20 if number < 150 else number % 2)]
    rows = [f"{day_text(day)},1430,1\n" for day in days]
    path.write_text("DATE OCC,TIME OCC,AREA\n" + "".join(rows))
    result = crime("check", "--data", path, "--json")
    told = "reports fell to 2% of a year's rate after 2025-05-30: the table ends there"
    assert told in result.stderr
    assert json.loads(result.stdout)["feed"] == [told]


def test_without_a_table_the_embedded_sample_is_read(crime: RunCommand) -> None:
    result = crime("check", "--json")
    assert "no --data: reading the embedded sample, 7,888 real reports" in result.stderr
    assert json.loads(result.stdout)["rows"] == 7_888


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_a_table_that_can_not_be_opened_is_one_line(name: str, crime: RunCommand, tmp_path: Path) -> None:
    result = crime("check", "--data", tmp_path / name, code=1)
    assert (name if name != "." else tmp_path.name) in result.stderr
    assert "Traceback" not in result.output


def test_codes_are_a_table_of_categories(crime: RunCommand) -> None:
    rows = list(csv.DictReader(io.StringIO(crime("codes").stdout)))
    assert {row["Category"] for row in rows} == set(CATEGORY_NAMES)
    assert {
        "Crm Cd": "510",
        "Crm Cd Desc": "VEHICLE - STOLEN",
        "Category": "theft/burglary",
        "System": "legacy",
        "Serious": "1",
    } in rows
    assert [row["Category"] for row in rows if row["Crm Cd"] == "510" and row["System"] == "nibrs"] == [
        "weapons/legal offences"
    ]


def test_a_simulated_table_says_so(crime: RunCommand, tmp_path: Path) -> None:
    output = tmp_path / "city.csv"
    result = crime("twin", "--rows", "30", "--seed", "7", "--output", output)
    assert "city.csv: 30 simulated reports, seed 7" in result.stdout
    rows = rows_of(output)
    assert {row["LOCATION"] for row in rows} == {"SIMULATED"}
    assert len(rows) == 30
    assert json.loads(crime("check", "--data", output, "--json").stdout)["simulated"] == 30


def test_a_simulated_table_of_a_day_says_how_many_rows_it_has(crime: RunCommand, tmp_path: Path) -> None:
    output = tmp_path / "city.csv"
    arguments = ("--system", "both", "--seam", "2024-01-01", "--first", "2024-02-01", "--until", "2024-02-01")
    result = crime("twin", "--rows", "20000", "--output", output, *arguments)
    rows = rows_of(output)
    assert f"city.csv: {len(rows):,} simulated reports" in result.stdout
    assert {row["DATE OCC"][:10] for row in rows} == {"02/01/2024"}
    assert {bool(row["DR_NO"]) != bool(row["CaseNo"]) for row in rows} == {True}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("twin", "--rows", "3", "--output", "city.xlsx"), 1, "must end in .csv, .csv.gz or .parquet"),
        (("twin", "--rows", "0", "--output", "city.csv"), 2, "--rows"),
        (("twin", "--drift", "May", "--output", "city.csv"), 2, "--drift"),
        (("twin", "--system", "fbi", "--output", "city.csv"), 2, "--system"),
        (("twin", "--seam", "May", "--output", "city.csv"), 2, "--seam"),
        (("twin", "--until", "", "--output", "city.csv"), 2, "--until"),
        (("features", "build", "--until", "June"), 2, "expected a day as"),
        (("fetch", "--since", "yesterday", "--output", "reports.csv"), 2, "yesterday"),
        (("retrain", "--since", "2020-13-01"), 2, "2020-13-01"),
        (("forecast", "--horizon", "0"), 2, "--horizon"),
        (("forecast", "--horizon", "29"), 2, "--horizon"),
    ],
)
def test_a_wrong_option_is_named(arguments: tuple[str, ...], code: int, message: str, crime: RunCommand) -> None:
    result = crime(*arguments, code=code)
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_features_are_built_once(crime: RunCommand, table: Path, tmp_path: Path) -> None:
    arguments = ("features", "build", "--data", table, "--output", tmp_path / "features", "--json")
    first, second = (json.loads(crime(*arguments).stdout.splitlines()[-1]) for _ in range(2))
    assert (first["rows"], first["rejected"], first["kept"]) == (20, 2, 0)
    assert first["written"] == second["kept"] > 0
    assert second["written"] == 0
    assert (tmp_path / "features" / "area" / "2020-01.parquet").exists()


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A portal with one report. Statuses that a test puts into the list are what it answers next."""
    report = {":id": "row-1", ":updated_at": "2024-01-01T00:00:00Z", "dr_no": "1", "date_occ": "2024-01-01T00:00:00",
              "time_occ": "0930", "area": "03"}  # fmt: skip
    failures: list[int] = []

    class Portal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = "row-1" in self.path or "2024-01-01" in self.path
            answer: list[Any] = [{"count": str(int(not known))}] if "count" in self.path else [report][known:]
            self.send_response(failures.pop() if failures else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("CRIME_PORTAL_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("CRIME_PORTAL_DATASET", "2nrs-mtv8")
    yield failures
    server.shutdown()
    server.server_close()


def test_fetch_writes_the_portals_reports(
    crime: RunCommand, portal: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("crime.reports.freshness.today", lambda: day_number("2024-01-13"))
    result = crime("fetch", "--json")
    first, dataset, newest, summary = result.stdout.splitlines()
    assert first == "reports.csv: 1 reports, 1 fetched now"
    assert dataset.strip().startswith("2nrs-mtv8 Crime Data from 2020 to 2024: 1 reports, 1 fetched now")
    assert newest.strip() == "newest report 2024-01-01, 12 days behind (usual: about 12)"
    assert json.loads(summary)["datasets"][0] | {"note": ""} == {"id": "2nrs-mtv8", "rows": 1, "fetched": 1, "note": ""}
    (row,) = rows_of(tmp_path / "reports.csv")
    assert (row["DR_NO"], row["AREA"]) == ("1", "03")


def test_datasets_are_chosen_by_id(crime: RunCommand, portal: list[int]) -> None:
    arguments = ("--dataset", "63jg-8b9z", "--dataset", "2nrs-mtv8")
    assert "reports.csv: 2 reports, 2 fetched now" in crime("fetch", *arguments).stdout
    assert "got 'all'" in crime("fetch", "--dataset", "all", code=1).stderr


def test_a_portal_that_refuses_is_one_line(crime: RunCommand, portal: list[int], tmp_path: Path) -> None:
    portal.append(403)
    result = crime("fetch", "--output", tmp_path / "reports.csv", code=1)
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "403" in result.stderr
    assert not (tmp_path / "reports.csv").exists()
