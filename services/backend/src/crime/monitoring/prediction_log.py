"""The prediction log: predictions of all pods, one folder per day in the registry's file store, kept for 90 days."""

import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice

from crime.core import limits
from crime.core.errors import RegistryError, UnreadableFileError
from crime.core.file_store import FileStore
from crime.monitoring.records import (
    PredictionRecord,
    RecordedPredictions,
    as_arrays,
    checked_rows,
    encode_records,
    split_rows,
    unpack,
)

FOLDER = "monitoring/predictions"
MAX_PREDICTIONS, MAX_FILES = 20_000, 2_000  # read back at most: enough to see when a drift began
KEPT_DAYS = 90
DAY_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
FILE_NAME = re.compile(r"[0-9.]+-.*-[0-9]+\.csv\.gz")  # time of day, host, number of records


class PredictionLog:
    """Reads and writes the log. Without a store, `append` does nothing and `read` returns only pending records."""

    def __init__(self, store: FileStore | None):
        self.store = store
        self._contents: dict[str, bytes | None] = {}  # of the files read last, by path; None: not of the log

    def append(self, records: Sequence[PredictionRecord]) -> None:
        """Write one file, and remove days older than `KEPT_DAYS`. Raises `RegistryError` if it is not written."""
        if self.store is None:
            return
        now = datetime.fromtimestamp(self.store.time(), UTC)
        name = f"{now:%H%M%S.%f}-{socket.gethostname()}-{len(records)}.csv.gz"
        self.store.save(f"{FOLDER}/{now:%Y-%m-%d}/{name}", encode_records(records))
        with suppress(RegistryError):  # the next one tries again
            oldest = f"{now - timedelta(KEPT_DAYS):%Y-%m-%d}"
            for day in _days(self.store)[:-KEPT_DAYS]:
                if day.rpartition("/")[2] < oldest:
                    self.store.remove(day)

    def read(
        self, pending: Iterable[PredictionRecord] = (), shadows: bool = False, unreadable: list[str] | None = None
    ) -> RecordedPredictions:
        """The latest logged predictions of all pods and the caller's `pending` ones, oldest first.

        Shadow predictions only with `shadows`. The paths of files that can't be read go to `unreadable`. Raises
        `RegistryError`.
        """
        rows = self._latest_rows([] if unreadable is None else unreadable)
        recorded = as_arrays(rows + split_rows(unpack(encode_records(pending))))
        order = recorded.time.argsort(kind="stable")
        return recorded.take(order if shadows else order[~recorded.shadow[order]])

    def latest_paths(self, unreadable: list[str] | None = None) -> list[str]:
        """The files that `read` reads until it has enough, the newest first. Raises `RegistryError`.

        What else is among them goes to `unreadable`.
        """
        if self.store is None:
            return []
        return list(islice(_file_paths(self.store, [] if unreadable is None else unreadable), MAX_FILES))

    def _latest_rows(self, unreadable: list[str]) -> list[list[str]]:
        """The rows of files, the newest first, until there are `MAX_PREDICTIONS`."""
        contents: dict[str, bytes | None] = {}
        rows: list[list[str]] = []
        if self.store is None:
            return rows
        size = 0
        for path in self.latest_paths(unreadable):
            if len(rows) >= MAX_PREDICTIONS or size >= limits.RECORDED_BYTES:
                break
            try:
                content = self._contents[path] if path in self._contents else self.store.load(path)
                text = unpack(content or b"")
                rows += split_rows(text) if path in self._contents else checked_rows(text)
            except UnreadableFileError:
                unreadable.append(path)
            except ValueError:
                contents[path] = None
                unreadable.append(path)
            else:
                contents[path] = content
                size += len(text)
        self._contents = contents
        return rows


def _file_paths(store: FileStore, unreadable: list[str]) -> Iterator[str]:
    """The log's files, the newest first; what else is among them goes to `unreadable`."""
    for day in reversed(_days(store)):
        try:
            paths = store.files(day)
        except UnreadableFileError:
            unreadable.append(day)
            continue
        for path in reversed(paths):
            if FILE_NAME.fullmatch(path.rpartition("/")[2]):
                yield path
            else:
                unreadable.append(path)


def _days(store: FileStore) -> list[str]:
    """The log's folders, the oldest first."""
    return [path for path in store.files(FOLDER) if DAY_NAME.fullmatch(path.rpartition("/")[2])]
