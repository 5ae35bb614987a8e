"""Fetch LAPD's reports from the city's open-data portal, by Socrata's API (SODA 2.1): https://dev.socrata.com/docs/

All of LAPD is several datasets: frozen ones, which are fetched once, and a live one. Rows come in pages ordered by
`:id` and are stored in a database beside the output (`OUTPUT.rows`), so that an interrupted fetch continues after the
last stored row. A dataset's round ends when all rows have come. The next round asks only for rows that have changed
since, by `:updated_at`. A deleted row has no such time: if the portal then counts other rows than are stored, or if
most have changed, the dataset is fetched whole again.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
from tenacity import RetryCallState, retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from crime.core.days import day_text
from crime.core.errors import DatasetGoneError, PortalError
from crime.core.settings import Settings
from crime.reports.fetched_table import WrittenTable, write_table
from crime.reports.freshness import Freshness
from crime.reports.row_store import Round, Row, RowStore
from crime.reports.schema import Dataset
from crime.reports.sources import SOURCES
from crime.reports.systems import System

MAX_ATTEMPTS, MAX_WAIT_SECONDS = 8, 60.0  # of one request, and between two attempts
TIMEOUT_SECONDS = 60  # without a byte from the portal
CLOCK_MARGIN = timedelta(minutes=1)  # taken off the portal's clock, which a row's `:updated_at` may lag behind
RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504)
GONE_STATUSES = (403, 404, 410)
MAX_SAID = 200  # characters of the portal's answer that an error repeats
MOSTLY_CHANGED = 0.5  # share of changed rows from which a dataset is fetched whole: asking for changes saves nothing
DATASET_ID = re.compile(r"[0-9a-z]{4}-[0-9a-z]{4}")
RowProgress = Callable[[int, int], None]  # called with rows so far and in all


@dataclass(frozen=True)
class FetchedDataset:
    """`rows` in the output, of which `fetched` came in this run. `newest`: the last day with a report, by system.

    `note`: what a user should know of this fetch; empty for nothing.
    """

    id: str
    title: str
    rows: int
    fetched: int
    newest: Mapping[System, int]
    note: str = ""

    @property
    def text(self) -> str:
        """One line for people."""
        newest = f", newest report {day_text(max(self.newest.values()))}" if self.newest else ""
        note = f"; {self.note}" if self.note else ""
        name = f"{self.id} {self.title}".rstrip()
        return f"{name}: {self.rows:,} reports, {self.fetched:,} fetched now{newest}{note}"


@dataclass(frozen=True)
class FetchResult:
    """The datasets in the output. `unknown`: rows with a value that no column of the output takes, by its name.

    `left_out`: datasets that end before the first day that was asked for. `gone`: what the portal said of those that it
    no longer has.
    """

    datasets: tuple[FetchedDataset, ...]
    left_out: tuple[Dataset, ...] = ()
    gone: tuple[str, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(dataset.rows for dataset in self.datasets)

    @property
    def fetched(self) -> int:
        return sum(dataset.fetched for dataset in self.datasets)

    @property
    def freshness(self) -> Freshness:
        freshness = Freshness({})
        for dataset in self.datasets:
            freshness = freshness.with_days(dataset.newest)
        return freshness

    @property
    def lines(self) -> list[str]:
        """The result for people: a line for each dataset, what is not in the table, how new it is."""
        lines = [dataset.text for dataset in self.datasets]
        lines += [f"{dataset.id} {dataset.title}: left out, it ends on {dataset.last_day}" for dataset in self.left_out]
        lines += [f"left out: {text}" for text in self.gone]
        if self.unknown:
            counts = (f"{name} ({rows:,} row{'' if rows == 1 else 's'})" for name, rows in self.unknown.items())
            lines.append(f"not in the table: {', '.join(counts)}")
        return [*lines, self.freshness.text]

    def as_json(self) -> dict[str, Any]:
        datasets = [
            {"id": found.id, "rows": found.rows, "fetched": found.fetched, "note": found.note}
            for found in self.datasets
        ]
        left_out = [dataset.id for dataset in self.left_out]
        counts = {"rows": self.rows, "fetched": self.fetched}
        freshness = self.freshness.as_json()
        told = {"datasets": datasets, "left_out": left_out, "gone": list(self.gone), "unknown": dict(self.unknown)}
        return counts | told | freshness


def known_datasets() -> dict[str, tuple[System, Dataset]]:
    """LAPD's datasets of reports on the portal by id, oldest years first."""
    return {dataset.id: (system, dataset) for system, source in SOURCES.items() for dataset in source.datasets}


def fetch_reports(
    settings: Settings,
    output: Path,
    since: str | None,
    progress: RowProgress = lambda done, total: None,
    only: Collection[str] = (),
) -> FetchResult:
    """Write the reports of the day `since` (2020-01-01) and later, or all if None, to the CSV file `output`.

    Of the datasets `only`, or those of `settings.portal_dataset`, or all of LAPD's. Raises `PortalError`.
    """
    chosen, left_out = _choose(only or settings.portal_dataset.replace(",", " ").split(), since)
    headers = {"X-App-Token": settings.portal_token} if settings.portal_token else {}
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(RowStore(output.with_name(output.name + ".rows"), settings.portal_url, since)) as store,
        httpx.Client(headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=True) as client,
    ):
        fetch = _Fetch(_Portal(client, settings.portal_url, settings.portal_page, since), store, progress)
        # all are counted first: one that is gone is told before the others come
        plans, gone = fetch.plan_all(chosen, may_lack=not only and not settings.portal_dataset)
        chosen = [dataset for dataset in chosen if dataset.id not in gone]
        for plan in plans:
            fetch.run(plan)
        known = known_datasets()
        systems = {dataset.id: known[dataset.id][0] if dataset.id in known else None for dataset in chosen}
        return _result(chosen, left_out, gone, fetch, write_table(store, systems, output))


def _result(
    chosen: list[Dataset], left_out: list[Dataset], gone: Mapping[str, str], fetch: "_Fetch", written: WrittenTable
) -> FetchResult:
    found = []
    for dataset in chosen:
        contents, fetched = written.datasets[dataset.id], fetch.fetched.get(dataset.id, 0)
        note = fetch.notes.get(dataset.id, "")
        found.append(FetchedDataset(dataset.id, dataset.title, contents.rows, fetched, contents.newest, note))
    return FetchResult(tuple(found), tuple(left_out), tuple(gone.values()), written.unknown)


def _choose(only: Collection[str], since: str | None) -> tuple[list[Dataset], list[Dataset]]:
    """The datasets to fetch, and those that end before `since`. Raises `PortalError` for what is no id."""
    known = {id_: dataset for id_, (_, dataset) in known_datasets().items()}
    for id_ in only:
        if not DATASET_ID.fullmatch(id_):
            raise PortalError(f"expected the id of a dataset, such as {list(known)[-1]}, got {id_[:40]!r}")
    if only:  # in the order of LAPD's, however they were named
        wanted = [known[id_] for id_ in known if id_ in only]
        wanted += [Dataset(id_, "") for id_ in dict.fromkeys(only) if id_ not in known]
    else:
        wanted = list(known.values())
    ended = [dataset for dataset in wanted if dataset.last_day and since and dataset.last_day < since]
    return [dataset for dataset in wanted if dataset not in ended], ended


@dataclass(frozen=True)
class _Plan:
    """What is to be asked for: a dataset, its present round, and the number of rows in it."""

    dataset: Dataset
    round: Round
    rows: int


class _Fetch:
    """A run over several datasets. `fetched` and `notes`: rows that came, and what is worth telling, by dataset."""

    def __init__(self, portal: "_Portal", store: RowStore, progress: RowProgress):
        self._portal, self._store, self._progress = portal, store, progress
        self._done = self._total = 0
        self.fetched: dict[str, int] = {}
        self.notes: dict[str, str] = {}

    def plan_all(self, datasets: list[Dataset], may_lack: bool) -> tuple[list[_Plan], dict[str, str]]:
        """The plans, and if `may_lack` what the portal said of optional datasets that are gone, by id."""
        plans, gone = [], {}
        for dataset in datasets:
            try:
                plan = self.plan(dataset)
            except DatasetGoneError as error:
                if not (may_lack and dataset.optional):
                    raise
                gone[dataset.id] = str(error)
            else:
                plans += [plan] if plan else []
        return plans, gone

    def plan(self, dataset: Dataset) -> _Plan | None:
        """What to ask for; None for a frozen dataset that is here as a whole."""
        state = self._store.round(dataset.id)
        if state.whole:
            self.notes[dataset.id] = "frozen and whole: not asked for again"
            return None
        rows, now = self._portal.count(dataset.id, state.updated_after)
        if state.updated_after and not state.started_at:
            everything, _ = self._portal.count(dataset.id)
            if rows > MOSTLY_CHANGED * everything:
                return self._plan_whole(dataset, "most rows have changed")
        started = Round(state.updated_after, state.last_id, state.started_at or now)
        self._total += rows
        return _Plan(dataset, started, rows)

    def _plan_whole(self, dataset: Dataset, why: str) -> _Plan:
        self._store.forget(dataset.id)
        rows, now = self._portal.count(dataset.id)
        self.notes[dataset.id] = f"{why}: fetched whole again"
        self._total += rows
        return _Plan(dataset, Round(started_at=now), rows)

    def run(self, plan: _Plan, again: bool = False) -> None:
        """Fetch the rest of a round, and the whole dataset if the portal then counts other rows than are stored."""
        id_, last_id = plan.dataset.id, plan.round.last_id
        self._done += self._store.start(id_, plan.round)
        while True:
            self._progress(self._done, max(self._total, self._done))
            page = self._portal.page(id_, plan.round.updated_after, last_id)
            if not page:
                break
            last_id = self._store.add(id_, page)
            self._done += len(page)
            self.fetched[id_] = self.fetched.get(id_, 0) + len(page)
        counted, _ = self._portal.count(id_)
        stored = self._store.count(id_)
        if counted != stored and not again:
            self.run(self._plan_whole(plan.dataset, f"the portal has {counted:,} rows, not {stored:,}"), again=True)
            return
        if counted != stored:
            self.notes[id_] = f"the portal counts {counted:,} rows; the next fetch compares again"
        is_frozen = bool(plan.dataset.last_day)
        if is_frozen and counted == stored:
            self.notes.setdefault(id_, "frozen: will not be asked for again")
        self._store.finish(id_, whole=is_frozen and counted == stored)


class _Portal:
    """The portal's datasets, of which only rows from the day `since` on are asked for. Raises `PortalError`."""

    def __init__(self, client: httpx.Client, url: str, page_size: int, since: str | None):
        self._client, self._url, self._page_size = client, url.rstrip("/"), page_size
        self._conditions = [f"date_occ >= '{since}T00:00:00.000'"] if since else []

    def count(self, dataset: str, updated_after: str = "") -> tuple[int, str]:
        """The number of rows, and the time by the portal's clock less `CLOCK_MARGIN`."""
        answer, now = self._get(dataset, {"$select": "count(*)"}, updated_after)
        ((count,),) = (row.values() for row in answer)
        return int(count), now

    def page(self, dataset: str, updated_after: str, last_id: str) -> list[Row]:
        """The next rows in the order of `:id`, after the row `last_id`."""
        query = {"$select": ":id,:updated_at,*", "$order": ":id", "$limit": str(self._page_size)}
        return self._get(dataset, query, updated_after, last_id)[0]

    def _get(self, dataset: str, query: dict[str, str], updated_after: str, last_id: str = "") -> tuple[list[Row], str]:
        conditions = [*self._conditions]
        conditions += [f":updated_at > '{updated_after}'"] if updated_after else []
        conditions += [f":id > '{last_id}'"] if last_id else []
        where = {"$where": " AND ".join(conditions)} if conditions else {}
        url = f"{self._url}/resource/{dataset}.json"
        try:
            return _request(self._client, url, dataset, query | where)
        except httpx.HTTPStatusError as error:
            raise _refusal(url, dataset, error.response) from None
        except (httpx.HTTPError, json.JSONDecodeError) as error:
            reason = str(error) or type(error).__name__
            raise PortalError(f"{url} can't be reached: {reason}. Run the same command to continue.") from None


def _refusal(url: str, dataset: str, response: httpx.Response) -> PortalError:
    """What the portal answered, and where the dataset's rows are if that is known."""
    try:
        said = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        said = response.text
    text = f"dataset {dataset}: {url} answered {response.status_code}: {said[:MAX_SAID].strip() or 'nothing more'}"
    for source in SOURCES.values():
        if retired := source.retired.get(dataset):
            return PortalError(f"{text}. It was retired on {retired.on}: its reports are in {retired.successor}")
    if response.status_code in GONE_STATUSES:
        text += ". No successor is known; `--dataset` or CRIME_PORTAL_DATASET names the datasets to fetch"
        return DatasetGoneError(text)
    return PortalError(text)


def _check_not_moved(dataset: str, response: httpx.Response) -> None:
    """Raise `PortalError` if the portal sent us on to another dataset."""
    if response.history and dataset not in response.url.path:
        other = DATASET_ID.search(response.url.path)
        status = response.history[0].status_code
        where = f"{other[0]}: `--dataset` or CRIME_PORTAL_DATASET names it" if other else str(response.url)[:MAX_SAID]
        raise DatasetGoneError(f"dataset {dataset} has moved ({status}) to {where}")


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
def _request(client: httpx.Client, url: str, dataset: str, query: dict[str, str]) -> tuple[list[Row], str]:
    """The portal's rows, and the time by its own clock less `CLOCK_MARGIN`."""
    response = client.get(url, params=query)
    _check_not_moved(dataset, response)
    response.raise_for_status()
    try:
        now = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        now = datetime.now(UTC)
    return response.json(), (now - CLOCK_MARGIN).strftime("%Y-%m-%dT%H:%M:%S.000Z")
