"""Fetching from the portal, against a server that pages, errs and is cut as Socrata's does."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlparse

import pytest
from crime.core.errors import PortalError
from crime.core.settings import Settings
from crime.reports.files import load_reports
from crime.reports.portal import fetch_reports
from crime.reports.schema import column_key
from crime.reports.sources import SOURCES
from crime.reports.tally import Tally

Rows = list[dict[str, str]]

NAMES = [column.name for column in SOURCES["legacy"].columns]


class Portal(BaseHTTPRequestHandler):
    """SODA over `rows`, each with `:id` and `:updated_at`; `trouble` says how the next answers go wrong."""

    rows: ClassVar[Rows] = []
    trouble: ClassVar[list[str]] = []
    tokens: ClassVar[set[str | None]] = set()
    asked: ClassVar[int] = 0

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlparse(self.path).query).items()}
        Portal.tokens.add(self.headers.get("X-App-Token"))
        Portal.asked += 1
        what = Portal.trouble.pop(0) if Portal.trouble else ""
        if what.isdigit():
            self.send_response(int(what))
            self.send_header("Retry-After", "0")
            self.end_headers()
            return
        found = [row for row in Portal.rows if self._wanted(row, query.get("$where", ""))]
        if query["$select"] == "count(*)":
            answer: Any = [{"count": str(len(found))}]
        else:
            assert query["$order"] == ":id"
            answer = sorted(found, key=lambda row: row[":id"])[: int(query["$limit"])]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if what == "cut" else body)
        self.close_connection = what == "cut"

    def _wanted(self, row: dict[str, str], where: str) -> bool:
        for name, sign, value in re.findall(r"(:?\w+) (>=|>) '([^']*)'", where):
            if not (row[name] >= value if sign == ">=" else row[name] > value):
                return False
        return True

    def log_message(self, *arguments: Any) -> None: ...


@pytest.fixture
def settings(rows: Rows) -> Iterator[Settings]:
    Portal.rows = []
    for at, row in enumerate(rows[:2_500]):
        month, day, year = row["DATE OCC"].split(" ")[0].split("/")
        cells = {column_key(name): cell for name, cell in zip(NAMES, row.values(), strict=True) if cell}
        cells["date_occ"] = f"{year}-{month}-{day}T00:00:00.000"
        Portal.rows.append(
            {":id": f"row-{at * 7919 % 2500:05}", ":updated_at": f"2024-01-{1 + at % 28:02}T00:00:00Z", **cells}
        )
    Portal.trouble, Portal.tokens, Portal.asked = [], set(), 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Settings(portal_url=f"http://127.0.0.1:{server.server_port}", portal_page=400, portal_token="t0ken")
    server.shutdown()
    server.server_close()


def test_all_rows_come_and_load(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    shown: list[tuple[int, int]] = []
    found = fetch_reports(settings, path, None, lambda done, total: shown.append((done, total)))
    assert (found.rows, found.fetched) == (2_500, 2_500)
    assert shown[-1] == (2_500, 2_500)
    assert Portal.tokens == {"t0ken"}
    tally = Tally()
    assert len(load_reports(path, tally)) == 2_500
    assert tally.rejected_rows == 0


def test_errors_and_cuts_change_not_a_byte(settings: Settings, tmp_path: Path) -> None:
    fetch_reports(settings, tmp_path / "plain.csv", None)
    Portal.trouble = ["429", "", "503", "cut", "", "500", "cut", "502"]
    fetch_reports(settings, tmp_path / "troubled.csv", None)
    assert (tmp_path / "troubled.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


@pytest.mark.parametrize("after", [1, 2, 4, 7])
def test_a_fetch_that_was_cut_goes_on(after: int, settings: Settings, tmp_path: Path) -> None:
    fetch_reports(settings, tmp_path / "plain.csv", None)
    Portal.trouble = [""] * after + ["403"]  # what no further try mends
    with pytest.raises(PortalError, match="403"):
        fetch_reports(settings, tmp_path / "cut.csv", None)
    assert not (tmp_path / "cut.csv").exists()
    Portal.asked = 0
    found = fetch_reports(settings, tmp_path / "cut.csv", None)
    assert found.fetched == 2_500 - 400 * (after - 1)
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_a_second_run_fetches_what_changed(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    fetch_reports(settings, path, None)
    assert fetch_reports(settings, path, None).fetched == 0
    Portal.rows[3] |= {":updated_at": "2024-02-01T00:00:00Z", "time_occ": "2359"}
    Portal.rows.append({**Portal.rows[0], ":id": "row-99999", ":updated_at": "2024-02-02T00:00:00Z", "dr_no": "999"})
    found = fetch_reports(settings, path, None)
    assert (found.rows, found.fetched) == (2_501, 2)
    fetch_reports(settings, tmp_path / "anew.csv", None)
    assert path.read_bytes() == (tmp_path / "anew.csv").read_bytes()


def test_what_changes_behind_the_page_being_read_comes_next_time(settings: Settings, tmp_path: Path) -> None:
    path, last = tmp_path / "reports.csv", max(Portal.rows, key=lambda row: row[":id"])
    first = min(Portal.rows, key=lambda row: row[":id"])

    def change(done: int, total: int) -> None:
        if done == 800:
            first.update({":updated_at": "2099-01-01T00:00:00Z", "time_occ": "2359"})
            last.update({":updated_at": "2099-01-02T00:00:00Z"})

    fetch_reports(settings, path, None, change)
    assert fetch_reports(settings, path, None).fetched == 2
    fetch_reports(settings, tmp_path / "anew.csv", None)
    assert path.read_bytes() == (tmp_path / "anew.csv").read_bytes()


def test_since_is_a_day_and_belongs_to_the_file(settings: Settings, tmp_path: Path) -> None:
    found = fetch_reports(settings, tmp_path / "reports.csv", "2020-02-01")
    assert found.rows == sum(row["date_occ"] >= "2020-02-01" for row in Portal.rows)
    with pytest.raises(PortalError, match="another query"):
        fetch_reports(settings, tmp_path / "reports.csv", None)


def test_a_portal_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.reports.portal._retry_wait", lambda state: 0.0)
    monkeypatch.setattr("crime.reports.portal._request.retry.wait", lambda state: 0.0)
    with pytest.raises(PortalError, match="can't be reached"):
        fetch_reports(Settings(portal_url="http://127.0.0.1:9"), tmp_path / "reports.csv", None)
