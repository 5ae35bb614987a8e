"""The rows that a fetch has brought, and how far it came: a database beside the table, `OUTPUT.rows`.

So an interrupted fetch continues after the last stored row, and the next one asks only for what changed.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crime.core.errors import PortalError

Row = dict[str, Any]  # a row as the portal sends it


@dataclass(frozen=True)
class Round:
    """How far the fetch of a dataset is; empty text for none.

    `updated_after`: only rows updated after this time are asked for. `last_id`: the `:id` of the last row that has
    come. `started_at`: by the portal's clock. `whole`: the dataset is frozen and here as a whole.
    """

    updated_after: str = ""
    last_id: str = ""
    started_at: str = ""
    whole: bool = False


class RowStore:
    """Rows by dataset and `:id`. All rows belong to one query: a portal and a first day. Raises `PortalError`."""

    def __init__(self, path: Path, portal: str, since: str | None):
        self._database = sqlite3.connect(path)
        try:
            self._open(path, portal.rstrip("/"), since)
        except sqlite3.DatabaseError as error:
            self.close()
            raise PortalError(f"{path} can't be read: {error}. Delete it, or choose another --output") from None
        except PortalError:
            self.close()
            raise

    def _open(self, path: Path, portal: str, since: str | None) -> None:
        tables = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "report" not in tables:
            with self._database:
                self._database.execute("BEGIN")
                self._create(portal, since)
                if "row" in tables:
                    self._take_over(path)
        stored = self._database.execute("SELECT portal, since FROM query").fetchone()
        if stored != (portal, since or ""):
            day = f"since {stored[1]}" if stored[1] else "of all days"
            raise PortalError(
                f"{path} holds another query, the reports {day} from {stored[0]}: choose another --output"
            )

    def _create(self, portal: str, since: str | None) -> None:
        self._database.execute(
            "CREATE TABLE report (dataset TEXT, id TEXT, updated TEXT, content TEXT, PRIMARY KEY (dataset, id))"
        )
        self._database.execute(
            "CREATE TABLE round (dataset TEXT PRIMARY KEY, newer TEXT, behind TEXT, began TEXT, whole INTEGER)"
        )
        self._database.execute("CREATE TABLE query (portal TEXT, since TEXT)")
        self._database.execute("INSERT INTO query VALUES (?, ?)", (portal, since or ""))

    def _take_over(self, path: Path) -> None:
        """Take over the rows of release 0.1, which kept those of one dataset, and how far it had come."""
        notes = dict(self._database.execute("SELECT name, value FROM note"))
        if "query" in notes:
            url, since = json.loads(notes["query"])
            parts = re.fullmatch(r"(.*)/resource/([^/]+)\.json", url)
            if not parts:
                raise PortalError(f"{path} is of another release: delete it, or choose another --output")
            portal, dataset = parts.groups()
            self._database.execute("UPDATE query SET portal = ?, since = ?", (portal, since or ""))
            self._database.execute("INSERT INTO report SELECT ?, id, updated, content FROM row", (dataset,))
            state = [notes.get(name, "") for name in ("newer", "behind", "began")]
            self._database.execute("INSERT INTO round VALUES (?, ?, ?, ?, 0)", (dataset, *state))
        self._database.execute("DROP TABLE row")
        self._database.execute("DROP TABLE note")

    def close(self) -> None:
        self._database.close()

    def round(self, dataset: str) -> Round:
        found = self._database.execute("SELECT newer, behind, began, whole FROM round WHERE dataset = ?", (dataset,))
        newer, behind, began, whole = found.fetchone() or ("", "", "", 0)
        return Round(newer, behind, began, bool(whole))

    def start(self, dataset: str, state: Round) -> int:
        """Store a round's state; returns how many of its rows came before it was interrupted."""
        with self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO round VALUES (?, ?, ?, ?, 0)",
                (dataset, state.updated_after, state.last_id, state.started_at),
            )
        count = "SELECT COUNT(*) FROM report WHERE dataset = ? AND updated > ? AND id <= ?"
        return int(self._database.execute(count, (dataset, state.updated_after, state.last_id)).fetchone()[0])

    def add(self, dataset: str, page: list[Row]) -> str:
        """Store a page and the round's progress in one transaction; returns the `:id` of the page's last row."""
        last_id: str = page[-1][":id"]
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?)",
                ((dataset, row.pop(":id"), row.pop(":updated_at"), json.dumps(row)) for row in page),
            )
            self._database.execute("UPDATE round SET behind = ? WHERE dataset = ?", (last_id, dataset))
        return last_id

    def count(self, dataset: str) -> int:
        """The number of stored rows of a dataset."""
        found = self._database.execute("SELECT COUNT(*) FROM report WHERE dataset = ?", (dataset,))
        return int(found.fetchone()[0])

    def finish(self, dataset: str, whole: bool) -> None:
        """End a round. The next one asks for rows updated after this round started, or after the newest row if earlier.

        So a row that changed during the round, after its page had come, is fetched in the next one.
        """
        newer = "(SELECT COALESCE(MIN(MAX(updated), began), '') FROM report WHERE dataset = round.dataset)"
        with self._database:
            self._database.execute(
                f"UPDATE round SET newer = {newer}, behind = '', began = '', whole = ? WHERE dataset = ?",
                (int(whole), dataset),
            )

    def forget(self, dataset: str) -> None:
        """Drop a dataset's rows, to fetch it anew."""
        with self._database:
            self._database.execute("DELETE FROM report WHERE dataset = ?", (dataset,))
            self._database.execute("DELETE FROM round WHERE dataset = ?", (dataset,))

    def rows(self, dataset: str) -> Iterator[Row]:
        """A dataset's rows in the order of `:id`."""
        found = self._database.execute("SELECT content FROM report WHERE dataset = ? ORDER BY id", (dataset,))
        for (content,) in found:
            yield json.loads(content)
