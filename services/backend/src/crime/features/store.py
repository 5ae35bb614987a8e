"""The feature store: what was known of an area or a district at the end of a day.

A window feature counts reports that happened within a window of days and had been reported by the day in question
(`Date Rptd`). A report enters a feature on the day it becomes known and leaves it when the window has passed, so the
history of a feature is a list of changes. A training row takes the latest change that is not later than its own day: a
point-in-time join, DuckDB's `ASOF JOIN`. Later reports, and later news of earlier ones, cannot change it.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from crime.core.days import day_text
from crime.core.files import atomic_write
from crime.features.windows import ENTITIES, WINDOW_FEATURES, Entity
from crime.reports.history import EventHistory

DATABASE_MEMORY = "1GB"  # of the database of a build; it spills to disk beyond
WINDOW_NAMES = tuple(window.name for window in WINDOW_FEATURES)
LONGEST_WINDOW_DAYS = max(window.days for window in WINDOW_FEATURES)
_ENTERS = ", ".join(f"(known < occurred + {window.days})::INT AS {window.name}" for window in WINDOW_FEATURES)
_LEAVES = "".join(
    f"UNION ALL SELECT id, occurred + {window.days}, {', '.join(str(-(other is window)) for other in WINDOW_FEATURES)} "
    f"FROM events WHERE known < occurred + {window.days} "
    for window in WINDOW_FEATURES
)
# Running sums of what enters and leaves each feature, in a row for each entity and day of a change.
_CHANGES_SQL = f"""
WITH changes AS (SELECT id, known AS day, {_ENTERS} FROM events {_LEAVES})
SELECT id, day, {", ".join(f"(SUM(SUM({name})) OVER past)::INT AS {name}" for name in WINDOW_NAMES)}
FROM changes GROUP BY id, day WINDOW past AS (PARTITION BY id ORDER BY day)
"""


def _events(history: EventHistory, entity: Entity) -> pa.Table:
    """Reports whose area or district is known: `id`, `occurred`, `known`."""
    ids = history.area if entity == "area" else history.district
    located = ids > 0
    columns = {"id": ids[located], "occurred": history.occurred[located], "known": history.known[located]}
    return pa.table({name: values.astype(np.int32) for name, values in columns.items()})


class FeatureStore:
    """The feature histories of a report history, in memory."""

    def __init__(self, history: EventHistory):
        self._database = duckdb.connect()
        for entity in ENTITIES:
            self._database.register("events", _events(history, entity))
            self._database.execute(f"CREATE TABLE {entity} AS {_CHANGES_SQL}")
            self._database.unregister("events")

    def as_of(self, entity: Entity, ids: np.ndarray, days: np.ndarray) -> np.ndarray:
        """(n, features) values of the entities `ids` (n,) at the end of `days` (n,), in the order of `WINDOW_NAMES`.

        0 for an entity without reports.
        """
        rows = pa.table({"row": np.arange(len(ids)), "id": ids.astype(np.int32), "day": days.astype(np.int32)})
        self._database.register("wanted", rows)
        columns = self._database.execute(
            f"SELECT {', '.join(f'COALESCE(h.{name}, 0) AS {name}' for name in WINDOW_NAMES)} FROM wanted w "
            f"ASOF LEFT JOIN {entity} h ON w.id = h.id AND w.day >= h.day ORDER BY w.row"
        ).fetchnumpy()
        return np.column_stack([np.asarray(columns[name]) for name in WINDOW_NAMES])

    def latest(self, entity: Entity, day: int) -> dict[int, dict[str, int]]:
        """The values of every entity that ever had a report, at the end of `day`, by id: what the backend serves."""
        rows = self._database.execute(f"SELECT DISTINCT id FROM {entity} ORDER BY id").fetchall()
        ids = np.array([id_ for (id_,) in rows])
        values = self.as_of(entity, ids, np.full(len(ids), day))
        return {
            int(id_): dict(zip(WINDOW_NAMES, map(int, row), strict=True)) for id_, row in zip(ids, values, strict=True)
        }


@dataclass(frozen=True)
class StoredMonth:
    """A month of a feature history: its file, and whether this build wrote it."""

    path: Path
    fresh: bool


def build_feature_store(history: EventHistory, directory: Path, until: int | None = None) -> Iterator[StoredMonth]:
    """Write the feature history to `directory`/ENTITY/YYYY-MM.parquet, of what was known at the end of day `until`.

    A row for each entity and day of a change; columns `id`, `day` (a date) and the features. A month whose reports have
    not changed since it was written is kept. Files appear whole or not at all, so an interrupted build can be resumed.
    """
    until = history.end if until is None else until
    history = history.known_by(until)
    spill = directory / "spill"  # of the database; left behind if a build was killed
    shutil.rmtree(spill, ignore_errors=True)
    with duckdb.connect(config={"memory_limit": DATABASE_MEMORY, "temp_directory": str(spill)}) as database:
        for entity in ENTITIES:
            (directory / entity).mkdir(parents=True, exist_ok=True)
            database.register("source", _events(history, entity))
            database.execute("CREATE OR REPLACE TEMP TABLE events AS SELECT * FROM source")
            database.execute("DROP TABLE IF EXISTS changes")
            for month, first, last in _months(history.first, until):
                path = directory / entity / f"{month}.parquet"
                digest = _month_digest(database, first, last)
                stale = _stored_digest(path) != digest
                if stale:
                    _write_month(database, first, last, path, digest)
                yield StoredMonth(path, stale)


def _months(first: int, last: int) -> Iterator[tuple[str, int, int]]:
    """Each month from day `first` to day `last`: YYYY-MM, its first day, and its last day or `last`."""
    begin, end = (np.datetime64(day, "D").astype("datetime64[M]") for day in (first, last))
    for month in np.arange(begin, end + 1):
        days = [int(start.astype("datetime64[D]").astype(int)) for start in (month, month + 1)]
        yield str(month), days[0], min(last, days[1] - 1)


def _month_digest(database: duckdb.DuckDBPyConnection, first: int, last: int) -> str:
    """What the rows of a month depend on: the reports that can be in a window, its last day, the features."""
    ((count, mixed),) = database.execute(
        "SELECT COUNT(*), BIT_XOR(HASH(id, occurred, known)) FROM events WHERE known <= ? AND occurred + ? > ?",
        [last, LONGEST_WINDOW_DAYS, first],
    ).fetchall()
    return f"{count} {mixed} {day_text(last)} {','.join(WINDOW_NAMES)}"


def _stored_digest(path: Path) -> str | None:
    """The digest in a month's file; None if there is no readable file."""
    try:
        metadata: dict[bytes, bytes] = parquet.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    return metadata.get(b"digest", b"").decode()


def _write_month(database: duckdb.DuckDBPyConnection, first: int, last: int, path: Path, digest: str) -> None:
    database.execute(f"CREATE TEMP TABLE IF NOT EXISTS changes AS {_CHANGES_SQL}")
    rows = database.sql(
        f"SELECT id, DATE '1970-01-01' + day AS day, {', '.join(WINDOW_NAMES)} FROM changes "
        f"WHERE day BETWEEN {first} AND {last} ORDER BY id, day"
    ).to_arrow_table()
    with atomic_write(path) as partial:
        parquet.write_table(rows.replace_schema_metadata({"digest": digest}), partial)
