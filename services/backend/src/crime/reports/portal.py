"""Fetch LAPD's reports from the city's open-data portal, by Socrata's API (SODA 2.1): https://dev.socrata.com/docs/

Rows come in pages ordered by `:id` and are stored in a database beside the output (`OUTPUT.rows`), so that an
interrupted fetch continues after the last stored row. A round ends when all rows have come, and writes the output. The
next round asks only for rows that have changed since, by `:updated_at`.
"""

import csv
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
from tenacity import RetryCallState, retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from crime.core.errors import PortalError
from crime.core.files import atomic_write
from crime.core.settings import Settings
from crime.reports.schema import column_key
from crime.reports.sources import SOURCES

MAX_ATTEMPTS, MAX_WAIT_SECONDS = 8, 60.0  # of one request, and between two attempts
TIMEOUT_SECONDS = 60  # without a byte from the portal
CLOCK_MARGIN = timedelta(minutes=1)  # taken off the portal's clock, which a row's `:updated_at` may lag behind
RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504)
RowProgress = Callable[[int, int], None]  # called with rows so far and in all
Row = dict[str, Any]


@dataclass(frozen=True)
class FetchResult:
    """`rows` in the output, of which `fetched` came in this run."""

    rows: int
    fetched: int


@dataclass(frozen=True)
class _Round:
    """The state of a round; empty text for none.

    `updated_after`: only rows updated after this time are asked for. `last_id`: the `:id` of the last row that has
    come. `started_at`: by the portal's clock.
    """

    updated_after: str
    last_id: str
    started_at: str


class _RowStore:
    """The database of fetched rows and of the present round's state (notes `newer`, `behind`, `began`, `query`)."""

    def __init__(self, path: Path):
        self._database = sqlite3.connect(path)
        self._database.execute("CREATE TABLE IF NOT EXISTS row (id TEXT PRIMARY KEY, updated TEXT, content TEXT)")
        self._database.execute("CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT)")

    def close(self) -> None:
        self._database.close()

    def notes(self) -> dict[str, str]:
        return dict(self._database.execute("SELECT name, value FROM note"))

    def start(self, query: str, round_: _Round) -> int:
        """Store a round's state; returns how many of its rows came before it was interrupted."""
        notes = {
            "query": query,
            "newer": round_.updated_after,
            "behind": round_.last_id,
            "began": round_.started_at,
        }
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO note VALUES (?, ?)", notes.items())
        count = "SELECT COUNT(*) FROM row WHERE updated > ? AND id <= ?"
        return int(self._database.execute(count, (round_.updated_after, round_.last_id)).fetchone()[0])

    def add(self, page: list[Row]) -> str:
        """Store a page and the round's progress in one transaction; returns the `:id` of the page's last row."""
        last_id: str = page[-1][":id"]
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO row VALUES (?, ?, ?)",
                ((row.pop(":id"), row.pop(":updated_at"), json.dumps(row)) for row in page),
            )
            self._database.execute("INSERT OR REPLACE INTO note VALUES ('behind', ?)", (last_id,))
        return last_id

    def finish(self, round_: _Round) -> None:
        """End a round. The next one asks for rows updated after this round started, or after the newest row if earlier.

        So a row that changed during the round, after its page had come, is fetched in the next one.
        """
        with self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO note SELECT 'newer', COALESCE(MIN(MAX(updated), ?), '') FROM row",
                (round_.started_at,),
            )
            self._database.executemany("INSERT OR REPLACE INTO note VALUES (?, '')", [("behind",), ("began",)])

    def write_csv(self, output: Path) -> int:
        """Write all rows with LAPD's column names, in the order of `:id`; returns their number."""
        rows = 0
        with atomic_write(output) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            names = [column.name for column in SOURCES["legacy"].columns]
            writer.writerow(names)
            for (content,) in self._database.execute("SELECT content FROM row ORDER BY id"):
                row = json.loads(content)
                writer.writerow([row.get(column_key(name), "") for name in names])
                rows += 1
        return rows


def fetch_reports(
    settings: Settings, output: Path, since: str | None, progress: RowProgress = lambda done, total: None
) -> FetchResult:
    """Write the reports of the day `since` (2020-01-01) and later, or all if None, to the CSV file `output`.

    Raises `PortalError`.
    """
    url = f"{settings.portal_url.rstrip('/')}/resource/{settings.portal_dataset}.json"
    query = json.dumps([url, since])
    headers = {"X-App-Token": settings.portal_token} if settings.portal_token else {}
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(_RowStore(output.with_name(output.name + ".rows"))) as store,
        httpx.Client(headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=True) as client,
    ):
        notes = store.notes()
        if notes.setdefault("query", query) != query:
            raise PortalError(f"{output} was fetched with another query, {notes['query']}: choose another --output")
        updated_after, last_id = notes.get("newer", ""), notes.get("behind", "")
        conditions = [f"date_occ >= '{since}T00:00:00.000'"] if since else []
        conditions += [f":updated_at > '{updated_after}'"] if updated_after else []
        answer, now = _get(client, url, {"$select": "count(*)", **_where(conditions)})
        ((total,),) = (row.values() for row in answer)
        round_ = _Round(updated_after, last_id, notes.get("began") or now)
        done = store.start(query, round_)
        fetched = 0
        while True:
            progress(done + fetched, max(int(total), done + fetched))
            page = _get_page(client, url, settings.portal_page, conditions, last_id)
            if not page:
                break
            last_id = store.add(page)
            fetched += len(page)
        rows = store.write_csv(output)
        store.finish(round_)
    return FetchResult(rows, fetched)


def _get_page(client: httpx.Client, url: str, size: int, conditions: list[str], last_id: str) -> list[Row]:
    """Up to `size` rows in the order of `:id`, after the row `last_id`."""
    paging = {"$select": ":id,:updated_at,*", "$order": ":id", "$limit": str(size)}
    rows, _ = _get(client, url, paging | _where(conditions + ([f":id > '{last_id}'"] if last_id else [])))
    return rows


def _where(conditions: list[str]) -> dict[str, str]:
    return {"$where": " AND ".join(conditions)} if conditions else {}


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in RETRY_STATUSES
    return isinstance(error, httpx.TransportError | httpx.DecodingError | json.JSONDecodeError)


def _retry_wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: as the portal asks (`Retry-After`), or an exponential backoff."""
    error = state.outcome.exception() if state.outcome else None
    retry_after = error.response.headers.get("Retry-After", "") if isinstance(error, httpx.HTTPStatusError) else ""
    if retry_after.isdigit():
        return min(MAX_WAIT_SECONDS, float(retry_after))
    return wait_exponential_jitter(multiplier=0.25, max=MAX_WAIT_SECONDS)(state)


@retry(retry=retry_if_exception(_is_transient), wait=_retry_wait, stop=stop_after_attempt(MAX_ATTEMPTS), reraise=True)
def _request(client: httpx.Client, url: str, query: dict[str, str]) -> tuple[list[Row], str]:
    response = client.get(url, params=query).raise_for_status()
    try:
        now = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        now = datetime.now(UTC)
    return response.json(), (now - CLOCK_MARGIN).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _get(client: httpx.Client, url: str, query: dict[str, str]) -> tuple[list[Row], str]:
    """The portal's rows, and the time by its own clock less `CLOCK_MARGIN`. Raises `PortalError`."""
    try:
        return _request(client, url, query)
    except httpx.HTTPStatusError as error:
        text = error.response.text[:200]
        raise PortalError(f"{url} answered {error.response.status_code}: {text}") from None
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        reason = str(error) or type(error).__name__
        raise PortalError(f"{url} can't be reached: {reason}. Run the same command to continue.") from None
