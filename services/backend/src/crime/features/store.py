"""The feature store: what was known of an area or a district at the end of a day.

A feature counts reports that happened in a window of days and had been reported by the day one looks (`Date Rptd`).
A report therefore enters a feature on the day it is known and leaves it when the window has passed, so the history
of a feature is a list of changes, and a training row takes the latest change that is not later than its own day:
DuckDB's `ASOF JOIN`. No later report, and no later news of an earlier one, can change it.
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
from crime.features.windows import ENTITIES, WINDOW_FEATURES
from crime.reports.history import EventHistory

DATABASE_MEMORY = "1GB"  # of a build's database
WINDOW_NAMES = tuple(window.name for window in WINDOW_FEATURES)
_CHANGES_SQL = f"""
WITH changes AS (
    SELECT id, known AS day, {
    ", ".join(f"(known < occurred + {w.days})::INT AS {w.name}" for w in WINDOW_FEATURES)
} FROM events
    {
    "".join(
        f"UNION ALL SELECT id, occurred + {w.days}, {', '.join(str(-(v is w)) for v in WINDOW_FEATURES)} "
        f"FROM events WHERE known < occurred + {w.days} "
        for w in WINDOW_FEATURES
    )
})
SELECT id, day, {", ".join(f"(SUM(SUM({n})) OVER past)::INT AS {n}" for n in WINDOW_NAMES)}
FROM changes GROUP BY id, day WINDOW past AS (PARTITION BY id ORDER BY day)
"""


def _events(history: EventHistory, entity: str) -> pa.Table:
    ids = {"area": history.area, "district": history.district}[entity]
    good = ids > 0
    columns = {"id": ids[good], "occurred": history.occurred[good], "known": history.known[good]}
    return pa.table({name: values.astype(np.int32) for name, values in columns.items()})


class FeatureStore:
    """Feature histories in memory, of everything in `history` that was known by its end."""

    def __init__(self, history: EventHistory):
        self._database = duckdb.connect()
        for entity in ENTITIES:
            self._database.register("events", _events(history, entity))
            self._database.execute(f"CREATE TABLE {entity} AS {_CHANGES_SQL}")
            self._database.unregister("events")

    def as_of(self, entity: str, ids: np.ndarray, days: np.ndarray) -> np.ndarray:
        """(n, features) values of the entities `ids` (n,) at the end of `days` (n,), in the order of `NAMES`."""
        asked = pa.table({"row": np.arange(len(ids)), "id": ids.astype(np.int32), "day": days.astype(np.int32)})
        self._database.register("asked", asked)
        found = self._database.execute(
            f"SELECT {', '.join(f'COALESCE(h.{n}, 0) AS {n}' for n in WINDOW_NAMES)} FROM asked a "
            f"ASOF LEFT JOIN {entity} h ON a.id = h.id AND a.day >= h.day ORDER BY a.row"
        ).fetchnumpy()
        return np.column_stack([np.asarray(found[name]) for name in WINDOW_NAMES])

    def latest(self, entity: str, day: int) -> dict[int, dict[str, int]]:
        """What the backend serves: the values of every entity ever seen, at the end of `day`."""
        ids = np.array([row[0] for row in self._database.execute(f"SELECT DISTINCT id FROM {entity}").fetchall()])
        values = self.as_of(entity, np.sort(ids), np.full(len(ids), day))
        return {
            int(id_): dict(zip(WINDOW_NAMES, map(int, row), strict=True))
            for id_, row in zip(np.sort(ids), values, strict=True)
        }


@dataclass(frozen=True)
class StoredMonth:
    """A month of a feature history: its file, and whether it had to be written."""

    path: Path
    fresh: bool


def build_feature_store(history: EventHistory, directory: Path, until: int | None = None) -> Iterator[StoredMonth]:
    """Write the feature history to `directory`/ENTITY/YYYY-MM.parquet: a row for each entity and day of a change.

    A month whose reports are as they were when it was written stays; a file appears whole or not at all, so a run
    that was cut goes on where it stopped. Columns: `id`, `day` (a date), and a feature each.
    """
    until = history.end if until is None else until
    history = history.known_by(until)
    months = np.arange(
        np.datetime64(history.first, "D").astype("datetime64[M]"),
        np.datetime64(until, "D").astype("datetime64[M]") + 1,
    )
    longest = max(window.days for window in WINDOW_FEATURES)
    spill = directory / "spill"  # what does not fit; DuckDB removes it, unless it is killed
    shutil.rmtree(spill, ignore_errors=True)
    with duckdb.connect(config={"memory_limit": DATABASE_MEMORY, "temp_directory": str(spill)}) as database:
        for entity in ENTITIES:
            place = directory / entity
            place.mkdir(parents=True, exist_ok=True)
            database.register("events", _events(history, entity))
            database.execute("CREATE OR REPLACE TEMP TABLE source AS SELECT * FROM events")
            changed = False
            for month in months:
                first = int(month.astype("datetime64[D]").astype(int))
                last = min(until, int((month + 1).astype("datetime64[D]").astype(int)) - 1)
                path = place / f"{month}.parquet"
                ((count, mixed),) = database.execute(
                    "SELECT COUNT(*), BIT_XOR(HASH(id, occurred, known)) FROM source "
                    "WHERE known <= ? AND occurred + ? > ?",
                    [last, longest, first],
                ).fetchall()
                digest = f"{count} {mixed} {day_text(last)} {','.join(WINDOW_NAMES)}"
                if _digest_of(path) == digest:
                    yield StoredMonth(path, False)
                    continue
                if not changed:
                    database.execute(
                        f"CREATE OR REPLACE TEMP TABLE changes AS {_CHANGES_SQL.replace('FROM events', 'FROM source')}"
                    )
                    changed = True
                rows = database.sql(
                    f"SELECT id, DATE '1970-01-01' + day AS day, {', '.join(WINDOW_NAMES)} FROM changes "
                    f"WHERE day BETWEEN {first} AND {last} ORDER BY id, day"
                ).to_arrow_table()
                partial = path.with_suffix(".part")
                parquet.write_table(rows.replace_schema_metadata({"digest": digest}), partial)
                partial.replace(path)
                yield StoredMonth(path, True)


def _digest_of(path: Path) -> str | None:
    """What a month's file was made from; None where there is none that can be read."""
    try:
        return (parquet.read_schema(path).metadata or {}).get(b"digest", b"").decode()
    except (OSError, pa.ArrowInvalid):
        return None
