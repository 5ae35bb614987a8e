"""Fetching one dataset from the portal, against a server that pages, errs and is cut as Socrata's does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from crime.core.errors import PortalError
from crime.core.settings import Settings
from crime.reports.files import load_reports
from crime.reports.portal import fetch_reports
from crime.reports.schema import column_key
from crime.reports.sources import SOURCES
from crime.reports.tally import Tally
from socrata_portal import SocrataPortal, serve_portal

NAMES = [column.name for column in SOURCES["legacy"].columns]
DATASET = "abcd-1234"  # none of LAPD's: its rows tell their system by their columns


@pytest.fixture
def portal(rows: list[dict[str, str]]) -> Iterator[SocrataPortal]:
    """A portal with one dataset of 2,500 reports."""
    with serve_portal() as portal:
        portal.datasets[DATASET] = []
        for at, row in enumerate(rows[:2_500]):
            month, day, year = row["DATE OCC"].split(" ")[0].split("/")
            cells = {column_key(name): cell for name, cell in zip(NAMES, row.values(), strict=True) if cell}
            cells["date_occ"] = f"{year}-{month}-{day}T00:00:00.000"
            marks = {":id": f"row-{at * 7919 % 2500:05}", ":updated_at": f"2024-01-{1 + at % 28:02}T00:00:00Z"}
            portal.datasets[DATASET].append(marks | cells)
        yield portal


@pytest.fixture
def settings(portal: SocrataPortal) -> Settings:
    return Settings(portal_url=portal.url, portal_dataset=DATASET, portal_page=400, portal_token="t0ken")


def test_all_rows_come_and_load(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    shown: list[tuple[int, int]] = []
    found = fetch_reports(settings, path, None, lambda done, total: shown.append((done, total)))
    assert (found.rows, found.fetched) == (2_500, 2_500)
    assert shown[-1] == (2_500, 2_500)
    assert portal.tokens == {"t0ken"}
    tally = Tally()
    assert len(load_reports(path, tally)) == 2_500
    assert tally.rejected_rows == 0


def test_errors_and_cuts_change_not_a_byte(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    fetch_reports(settings, tmp_path / "plain.csv", None)
    portal.trouble = ["429", "", "503", "cut", "", "500", "cut", "502"]
    fetch_reports(settings, tmp_path / "troubled.csv", None)
    assert (tmp_path / "troubled.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


@pytest.mark.parametrize("after", [1, 2, 4, 7])
def test_a_fetch_that_was_cut_goes_on(after: int, settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    fetch_reports(settings, tmp_path / "plain.csv", None)
    portal.trouble = [""] * after + ["403"]  # what no further try mends
    with pytest.raises(PortalError, match="403"):
        fetch_reports(settings, tmp_path / "cut.csv", None)
    assert not (tmp_path / "cut.csv").exists()
    found = fetch_reports(settings, tmp_path / "cut.csv", None)
    assert found.fetched == 2_500 - 400 * (after - 1)
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_a_second_run_fetches_what_changed(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    fetch_reports(settings, path, None)
    assert fetch_reports(settings, path, None).fetched == 0
    portal.datasets[DATASET][3] |= {":updated_at": "2024-02-01T00:00:00Z", "time_occ": "2359"}
    portal.datasets[DATASET].append(
        {**portal.datasets[DATASET][0], ":id": "row-99999", ":updated_at": "2024-02-02T00:00:00Z", "dr_no": "999"}
    )
    found = fetch_reports(settings, path, None)
    assert (found.rows, found.fetched) == (2_501, 2)
    fetch_reports(settings, tmp_path / "anew.csv", None)
    assert path.read_bytes() == (tmp_path / "anew.csv").read_bytes()


def test_what_changes_behind_the_page_being_read_comes_next_time(
    settings: Settings, portal: SocrataPortal, tmp_path: Path
) -> None:
    path, last = tmp_path / "reports.csv", max(portal.datasets[DATASET], key=lambda row: row[":id"])
    first = min(portal.datasets[DATASET], key=lambda row: row[":id"])

    def change(done: int, total: int) -> None:
        if done == 800:
            first.update({":updated_at": "2099-01-01T00:00:00Z", "time_occ": "2359"})
            last.update({":updated_at": "2099-01-02T00:00:00Z"})

    fetch_reports(settings, path, None, change)
    assert fetch_reports(settings, path, None).fetched == 2
    fetch_reports(settings, tmp_path / "anew.csv", None)
    assert path.read_bytes() == (tmp_path / "anew.csv").read_bytes()


def test_since_is_a_day_and_belongs_to_the_file(settings: Settings, portal: SocrataPortal, tmp_path: Path) -> None:
    found = fetch_reports(settings, tmp_path / "reports.csv", "2020-02-01")
    assert found.rows == sum(row["date_occ"] >= "2020-02-01" for row in portal.datasets[DATASET])
    with pytest.raises(PortalError, match="another query"):
        fetch_reports(settings, tmp_path / "reports.csv", None)


def test_a_portal_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.reports.portal._retry_wait", lambda state: 0.0)
    monkeypatch.setattr("crime.reports.portal._request.retry.wait", lambda state: 0.0)
    with pytest.raises(PortalError, match="can't be reached"):
        fetch_reports(Settings(portal_url="http://127.0.0.1:9"), tmp_path / "reports.csv", None)
