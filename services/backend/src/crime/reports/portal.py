"""LAPD's reports from the city's open-data portal, by Socrata's API (SODA 2.1): https://dev.socrata.com/docs/

Rows come in pages in the order of `:id`, kept in a small database beside the output (`OUTPUT.rows`) as they come, so a
fetch that was cut goes on behind the last row it holds. Once all have come the output is written, and a further run
asks only for rows whose `:updated_at` is later than all it has, or than its last round began; those that changed
replace what they were.
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
from crime.core.settings import Settings
from crime.reports.schema import COLUMNS

MAX_ATTEMPTS, MAX_WAIT_SECONDS = 8, 60.0
CLOCK_MARGIN = timedelta(minutes=1)
RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504)
RowProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class FetchResult:
    """`rows` in the output, `fetched` in this run."""

    rows: int
    fetched: int


def fetch_reports(
    settings: Settings, output: Path, since: str | None, progress: RowProgress = lambda done, total: None
) -> FetchResult:
    """Write the reports that happened on `since` (2020-01-01) or later to the CSV file `output`, in order of `:id`.

    Raises `PortalError`.
    """
    url = f"{settings.portal_url.rstrip('/')}/resource/{settings.portal_dataset}.json"
    query = json.dumps([url, since])
    headers = {"X-App-Token": settings.portal_token} if settings.portal_token else {}
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(output.with_name(output.name + ".rows"))) as kept,
        httpx.Client(headers=headers, timeout=60, follow_redirects=True) as client,
    ):
        kept.execute("CREATE TABLE IF NOT EXISTS row (id TEXT PRIMARY KEY, updated TEXT, content TEXT)")
        kept.execute("CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT)")
        note = dict(kept.execute("SELECT name, value FROM note"))
        if note.setdefault("query", query) != query:
            raise PortalError(f"{output} was fetched with another query, {note['query']}: name another --output")
        newer, behind = note.get("newer", ""), note.get("behind", "")
        wanted = [f"date_occ >= '{since}T00:00:00.000'"] if since else []
        wanted += [f":updated_at > '{newer}'"] if newer else []
        answer, now = _ask(client, url, {"$select": "count(*)", **_where(wanted)})
        ((count,),) = (row.values() for row in answer)
        # `newer`: what this round asks for; `behind`: how far it has come; `began`: by the portal's clock. All kept,
        # so that a cut round goes on
        start = {"query": query, "newer": newer, "behind": behind, "began": note.get("began") or now}
        with kept:
            kept.executemany("INSERT OR REPLACE INTO note VALUES (?, ?)", start.items())
        done = kept.execute("SELECT COUNT(*) FROM row WHERE updated > ? AND id <= ?", (newer, behind)).fetchone()[0]
        fetched = 0
        while True:
            progress(done + fetched, max(int(count), done + fetched))
            rows, _ = _ask(
                client,
                url,
                {
                    "$select": ":id,:updated_at,*",
                    "$order": ":id",
                    "$limit": str(settings.portal_page),
                    **_where(wanted + ([f":id > '{behind}'"] if behind else [])),
                },
            )
            if not rows:
                break
            behind, fetched = rows[-1][":id"], fetched + len(rows)
            with kept:  # the page and how far it went, or neither
                kept.executemany(
                    "INSERT OR REPLACE INTO row VALUES (?, ?, ?)",
                    ((row.pop(":id"), row.pop(":updated_at"), json.dumps(row)) for row in rows),
                )
                kept.execute("INSERT OR REPLACE INTO note VALUES ('behind', ?)", (behind,))
        total = _write(kept, output)
        with kept:
            # a row that changed while this round ran, in a page that was already read, is for the next one
            kept.execute(
                "INSERT OR REPLACE INTO note SELECT 'newer', COALESCE(MIN(MAX(updated), ?), '') FROM row",
                (start["began"],),
            )
            kept.executemany("INSERT OR REPLACE INTO note VALUES (?, '')", [("behind",), ("began",)])
    return FetchResult(total, fetched)


def _where(parts: list[str]) -> dict[str, str]:
    return {"$where": " AND ".join(parts)} if parts else {}


def _write(kept: sqlite3.Connection, output: Path) -> int:
    """All rows as CSV with LAPD's column names; the file appears whole. Returns their number."""
    keys = list(COLUMNS)
    partial = output.with_name(output.name + ".part")
    count = 0
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in COLUMNS.values()])
        for (content,) in kept.execute("SELECT content FROM row ORDER BY id"):
            row = json.loads(content)
            writer.writerow([row.get(name, "") for name in keys])
            count += 1
    partial.replace(output)
    return count


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in RETRY_STATUSES
    return isinstance(error, httpx.TransportError | httpx.DecodingError | json.JSONDecodeError)


def _retry_wait(state: RetryCallState) -> float:
    """As long as the server asks (`Retry-After`), or longer from try to try."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.response.headers.get("Retry-After", "") if isinstance(error, httpx.HTTPStatusError) else ""
    return (
        min(MAX_WAIT_SECONDS, float(asked))
        if asked.isdigit()
        else wait_exponential_jitter(multiplier=0.25, max=MAX_WAIT_SECONDS)(state)
    )


@retry(retry=retry_if_exception(_is_transient), wait=_retry_wait, stop=stop_after_attempt(MAX_ATTEMPTS), reraise=True)
def _request(client: httpx.Client, url: str, query: dict[str, str]) -> tuple[list[dict[str, Any]], str]:
    answer = client.get(url, params=query).raise_for_status()
    try:
        said = parsedate_to_datetime(answer.headers["Date"]) - CLOCK_MARGIN
    except (KeyError, ValueError):
        said = datetime.now(UTC) - CLOCK_MARGIN
    return answer.json(), said.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _ask(client: httpx.Client, url: str, query: dict[str, str]) -> tuple[list[dict[str, Any]], str]:
    """What the portal answered, and a time that is surely past by its own clock."""
    try:
        return _request(client, url, query)
    except httpx.HTTPStatusError as error:
        said = error.response.text[:200]
        raise PortalError(f"{url} answered {error.response.status_code}: {said}") from None
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        raise PortalError(
            f"{url} can't be reached: {error or type(error).__name__}. The same command goes on."
        ) from None
