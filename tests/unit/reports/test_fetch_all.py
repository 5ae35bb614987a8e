"""Fetching all of LAPD's datasets into one table: the frozen ones once, the live one anew, and nothing in silence."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crime.core.days import day_number
from crime.core.errors import PortalError
from crime.core.settings import Settings
from crime.reports.files import load_reports
from crime.reports.portal import fetch_reports
from crime.reports.tally import Tally
from socrata_portal import SocrataPortal, serve_portal

OLD, LEGACY, LIVE = "63jg-8b9z", "2nrs-mtv8", "k7nn-b2ep"


def legacy_row(number: int, day: str, **cells: str) -> dict[str, Any]:
    row = {
        ":id": f"row-{number:04}",
        ":updated_at": "2025-04-01T00:00:00Z",
        ":@computed_region_abcd": "1",
        "dr_no": str(200_000_000 + number),
        "date_rptd": f"{day}T00:00:00.000",
        "date_occ": f"{day}T00:00:00.000",
        "time_occ": "2130",
        "area": "06",
        "crm_cd": "510",
        "premis_cd": "101",
        "lat": "34.1",
        "lon": "-118.3",
    }
    return row | cells


def nibrs_row(number: int, day: str, **cells: str) -> dict[str, Any]:
    row = {
        ":id": f"row-{number:04}",
        ":updated_at": "2026-11-24T00:00:00Z",
        "caseno": f"25{number:06}",
        "uniquenibrno": f"25{number:06}_240_1",
        "date_occ": f"{day}T23:57:39",
        "time_occ": "57",
        "area": "9",
        "nibr_code": "240",
        "premis_cd": "RA",
        "hndrdth_lat": "34.2",
        "hndrdth_lon": "-118.4",
    }
    return row | cells


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[SocrataPortal]:
    """LAPD's three datasets, on 2026-11-25."""
    monkeypatch.setattr("crime.reports.freshness.today", lambda: day_number("2026-11-25"))
    with serve_portal() as portal:
        old = [legacy_row(n, f"2019-12-{n + 1:02}") for n in range(7)]
        for row in old:
            row["area_"] = row.pop("area")  # as the name of a column that ends with a blank
        portal.datasets = {
            OLD: old,
            LEGACY: [legacy_row(100 + n, f"2024-03-{n + 1:02}") for n in range(9)],
            LIVE: [nibrs_row(n, f"2026-11-{n + 1:02}") for n in range(13)],
        }
        yield portal


@pytest.fixture
def settings(portal: SocrataPortal) -> Settings:
    return Settings(portal_url=portal.url, portal_page=4)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_without_options_all_of_lapd_comes_in_one_table(settings: Settings, tmp_path: Path) -> None:
    result = fetch_reports(settings, tmp_path / "reports.csv", None)
    assert [(found.id, found.rows, found.fetched) for found in result.datasets] == [
        (OLD, 7, 7),
        (LEGACY, 9, 9),
        (LIVE, 13, 13),
    ]
    assert (result.rows, result.fetched, result.unknown) == (29, 29, {})
    header = list(rows_of(tmp_path / "reports.csv")[0])
    assert header[:4] == ["DR_NO", "Date Rptd", "DATE OCC", "TIME OCC"]
    assert header[28:31] == ["CaseNo", "UniqueNIBRNo", "TotalOffenseCount"]
    assert not {"Date OCC", "Premise Cd", "RPT Dist No"} & set(header)
    tally = Tally()
    reports = load_reports(tmp_path / "reports.csv", tally)
    assert (len(reports), tally.rejected_rows) == (29, 0)
    assert reports.fields["system"].tolist() == [0] * 16 + [1] * 13
    assert reports.fields["area"].tolist() == [6] * 16 + [9] * 13
    assert reports.fields["lat"].tolist() == [34.1] * 16 + [34.2] * 13
    assert [code.key for code in reports.fields["premis_cd"][[0, 28]]] == ["legacy:101", "nibrs:RA"]


def test_the_newest_day_is_told_with_what_is_usual(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    portal.datasets[LIVE] += [nibrs_row(90, "1800-01-06"), nibrs_row(91, "2062-11-13")]  # mistyped
    result = fetch_reports(settings, tmp_path / "reports.csv", None)
    assert result.lines[-1] == "newest report 2026-11-13, 12 days behind (usual: about 12)"
    assert "9 reports, 9 fetched now, newest report 2024-03-09; frozen: will not be asked for again" in result.lines[1]
    told = result.as_json()
    assert (told["newest"], told["days_behind"], told["usual_days_behind"]) == ("2026-11-13", 12, 12)
    assert told["newest_by_system"] == {"legacy": "2024-03-09", "nibrs": "2026-11-13"}


def test_frozen_datasets_are_fetched_once(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    fetch_reports(settings, path, None)
    before = path.read_bytes()
    portal.asked.clear()
    portal.refusals = {OLD: (404, ""), LEGACY: (404, "")}  # they are here: it does not matter that they went
    result = fetch_reports(settings, path, None)
    assert set(portal.asked) == {LIVE}
    assert (result.rows, result.fetched) == (29, 0)
    assert path.read_bytes() == before
    assert "frozen and whole: not asked for again" in result.lines[0]


def test_a_killed_fetch_of_all_continues(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    fetch_reports(settings, tmp_path / "plain.csv", None)
    for after in (4, 6, 8, 2):  # answers before the next refusal
        portal.trouble = [""] * after + ["403"]
        with pytest.raises(PortalError, match="403"):
            fetch_reports(settings, tmp_path / "cut.csv", None)
    assert not (tmp_path / "cut.csv").exists()
    result = fetch_reports(settings, tmp_path / "cut.csv", None)
    assert 0 < result.fetched < 13
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_a_process_that_was_killed_loses_no_page(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    fetch_reports(settings, tmp_path / "plain.csv", None)
    portal.asked.clear()
    portal.pause = 0.1
    command = [sys.executable, "-m", "crime.cli", "fetch", "--output", str(tmp_path / "killed.csv")]
    environment = {**os.environ, "CRIME_PORTAL_URL": portal.url, "CRIME_PORTAL_PAGE": "4"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as run:
        while len(portal.asked) < 9 and run.poll() is None:  # three counts, the oldest dataset, a page of the next
            time.sleep(0.01)
        run.kill()
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed.csv").exists()
    portal.pause = 0
    result = fetch_reports(settings, tmp_path / "killed.csv", None)
    assert [found.fetched for found in result.datasets] == [0, 5, 13]
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_a_day_leaves_out_datasets_that_end_before(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    result = fetch_reports(settings, tmp_path / "reports.csv", "2020-01-01")
    assert OLD not in portal.asked
    assert [dataset.id for dataset in result.left_out] == [OLD]
    assert f"{OLD} Crime Data from 2010 to 2019: left out, it ends on 2019-12-31" in result.lines
    assert result.rows == 22


@pytest.mark.parametrize("removed", [1, 12])
def test_rows_deleted_from_the_live_table_go(
    removed: int, settings: Settings, portal: SocrataPortal, tmp_path: Path
) -> None:
    path = tmp_path / "reports.csv"
    fetch_reports(settings, path, None)
    del portal.datasets[LIVE][:removed]
    result = fetch_reports(settings, path, None)
    assert result.datasets[2].rows == 13 - removed
    assert result.datasets[2].note == f"the portal has {13 - removed} rows, not 13: fetched whole again"
    portal.asked.clear()
    assert fetch_reports(settings, path, None).datasets[2].note == ""
    assert len(portal.asked) == 4  # two counts, a page of changes, a count at the end


def test_a_live_table_that_was_replaced_is_fetched_whole_at_once(
    settings: Settings, portal: SocrataPortal, tmp_path: Path
) -> None:
    path = tmp_path / "reports.csv"
    fetch_reports(settings, path, None)
    portal.datasets[LIVE] = [
        nibrs_row(500 + n, "2026-11-24") | {":updated_at": "2026-12-08T00:00:00Z"} for n in range(14)
    ]
    result = fetch_reports(settings, path, None)
    assert (result.datasets[2].rows, result.datasets[2].fetched) == (14, 14)
    assert result.datasets[2].note == "most rows have changed: fetched whole again"


def test_a_table_that_changes_while_it_is_fetched_is_told(
    settings: Settings, portal: SocrataPortal, tmp_path: Path
) -> None:
    path, rows = tmp_path / "reports.csv", portal.datasets[LIVE]
    result = fetch_reports(settings, path, None, lambda done, total: rows.pop(0).clear(), only=[LIVE])
    assert "the next fetch compares again" in result.datasets[0].note
    result = fetch_reports(settings, path, None, only=[LIVE])
    assert (result.rows, len(rows)) == (len(rows), result.datasets[0].rows)


def test_a_value_without_a_column_is_counted_by_name(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    for row in portal.datasets[LIVE][:12]:
        row["new_column"] = "x"
    portal.datasets[LEGACY][0]["beat"] = "1"
    result = fetch_reports(settings, tmp_path / "reports.csv", None)
    assert result.unknown == {"beat": 1, "new_column": 12}
    assert "not in the table: beat (1 row), new_column (12 rows)" in result.lines


def test_a_retired_id_is_told_with_its_successor(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    said = json.dumps({"message": "You are not allowed. " + "x" * 300})
    portal.refusals["y8y3-fqfu"] = (403, said)
    with pytest.raises(PortalError) as error:
        fetch_reports(settings, tmp_path / "reports.csv", None, only=["y8y3-fqfu"])
    text = str(error.value)
    assert "dataset y8y3-fqfu: " in text
    assert "answered 403: You are not allowed. xxx" in text
    assert "x" * 200 not in text
    assert text.endswith("It was retired on 2026-08-18: its reports are in k7nn-b2ep")


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_id_that_is_gone_is_told_before_others_come(
    status: int, settings: Settings, portal: SocrataPortal, tmp_path: Path
) -> None:
    portal.refusals[LIVE] = (status, "<html>gone</html>")
    with pytest.raises(PortalError, match=f"dataset {LIVE}: .* answered {status}: <html>gone</html>. No successor"):
        fetch_reports(settings, tmp_path / "reports.csv", None)
    assert portal.asked == [OLD, LEGACY, LIVE]


def test_the_years_before_2020_are_left_out_with_the_reason_if_they_are_gone(
    settings: Settings, portal: SocrataPortal, tmp_path: Path
) -> None:
    portal.refusals[OLD] = (404, "<html>gone</html>")
    result = fetch_reports(settings, tmp_path / "reports.csv", None)
    assert (result.rows, [found.id for found in result.datasets]) == (22, [LEGACY, LIVE])
    (line,) = [line for line in result.lines if line.startswith("left out: ")]
    assert f"dataset {OLD}: " in line
    assert "answered 404" in line
    with pytest.raises(PortalError, match=f"dataset {OLD}: .* answered 404"):
        fetch_reports(settings, tmp_path / "chosen.csv", None, only=[OLD])


@pytest.mark.parametrize("there", [True, False])
def test_an_id_that_moved_is_told_with_the_new_one(
    there: bool, settings: Settings, portal: SocrataPortal, tmp_path: Path
) -> None:
    portal.moved[LIVE] = "mmmm-2222"
    if there:
        portal.datasets["mmmm-2222"] = portal.datasets[LIVE]
    with pytest.raises(PortalError, match=rf"dataset {LIVE} has moved \(301\) to mmmm-2222: `--dataset`"):
        fetch_reports(settings, tmp_path / "reports.csv", None)


def test_datasets_can_be_chosen(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    chosen = settings.model_copy(update={"portal_dataset": f"{LIVE}, {LEGACY}"})
    result = fetch_reports(chosen, tmp_path / "reports.csv", None)
    assert [dataset.id for dataset in result.datasets] == [LEGACY, LIVE]
    result = fetch_reports(chosen, tmp_path / "reports.csv", None, only=[LIVE])  # an option is before the setting
    assert [dataset.id for dataset in result.datasets] == [LIVE]
    assert next(iter(rows_of(tmp_path / "reports.csv")[0])) == "CaseNo"
    with pytest.raises(PortalError, match="expected the id of a dataset, such as k7nn-b2ep, got 'Crimes'"):
        fetch_reports(settings, tmp_path / "reports.csv", None, only=["Crimes"])


def test_the_system_of_an_unknown_dataset_is_told_by_its_columns(
    settings: Settings, portal: SocrataPortal, tmp_path: Path
) -> None:
    portal.datasets["mmmm-2222"] = [nibrs_row(1, "2026-01-02"), legacy_row(2, "2024-01-02")]
    result = fetch_reports(settings, tmp_path / "reports.csv", None, only=["mmmm-2222"])
    assert result.lines[0] == "mmmm-2222: 2 reports, 2 fetched now, newest report 2026-01-02"
    assert result.freshness.as_json()["newest_by_system"] == {"legacy": "2024-01-02", "nibrs": "2026-01-02"}
    assert load_reports(tmp_path / "reports.csv", Tally()).fields["system"].tolist() == [1, 0]


def store_of_0_2(output: Path, url: str, rows: list[dict[str, Any]], **notes: str) -> None:
    """The database that release 0.2 keeps beside a table."""
    with sqlite3.connect(output.with_name(output.name + ".rows")) as database:
        database.execute("CREATE TABLE row (id TEXT PRIMARY KEY, updated TEXT, content TEXT)")
        database.execute("CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT)")
        for row in rows:
            cells = {name: cell for name, cell in row.items() if name not in (":id", ":updated_at")}
            database.execute("INSERT INTO row VALUES (?, ?, ?)", (row[":id"], row[":updated_at"], json.dumps(cells)))
        notes = {"query": json.dumps([url, None]), "newer": "", "behind": "", "began": ""} | notes
        database.executemany("INSERT INTO note VALUES (?, ?)", notes.items())
    database.close()


def test_the_rows_of_the_release_before_are_kept(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    path, rows = tmp_path / "reports.csv", portal.datasets[LEGACY]
    store_of_0_2(path, f"{portal.url}/resource/{LEGACY}.json", rows, newer="2025-04-02T00:00:00.000Z")
    result = fetch_reports(settings, path, None)
    assert [(found.rows, found.fetched) for found in result.datasets] == [(7, 7), (9, 0), (13, 13)]
    fetch_reports(settings, tmp_path / "anew.csv", None)
    assert path.read_bytes() == (tmp_path / "anew.csv").read_bytes()


def test_a_fetch_that_the_release_before_began_continues(
    settings: Settings, portal: SocrataPortal, tmp_path: Path
) -> None:
    path, rows = tmp_path / "reports.csv", portal.datasets[LEGACY]
    notes = {"behind": rows[4][":id"], "began": "2026-11-25T00:00:00.000Z"}
    store_of_0_2(path, f"{portal.url}/resource/{LEGACY}.json", rows[:5], **notes)
    assert fetch_reports(settings, path, None, only=[LEGACY]).fetched == 4


@pytest.mark.parametrize("url", ["https://elsewhere/resource/2nrs-mtv8.json", "https://elsewhere/"])
def test_a_store_of_another_portal_is_refused(url: str, settings: Settings, tmp_path: Path) -> None:
    store_of_0_2(tmp_path / "reports.csv", url, [])
    for _ in range(2):
        with pytest.raises(PortalError, match=r"reports.csv.rows .*choose another --output"):
            fetch_reports(settings, tmp_path / "reports.csv", None)


def test_a_store_that_is_none_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "reports.csv.rows").write_text("no database at all" * 100)
    with pytest.raises(PortalError, match=r"reports\.csv\.rows can't be read: .*Delete it"):
        fetch_reports(settings, tmp_path / "reports.csv", None)
