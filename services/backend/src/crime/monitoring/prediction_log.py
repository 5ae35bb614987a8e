"""The prediction log: predictions of all pods, one folder per day in the registry's file store, kept for 90 days."""

import re
import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from crime.core.file_store import FileStore
from crime.monitoring.records import PredictionRecord, RecordedPredictions, decode_records, encode_records

FOLDER = "monitoring/predictions"
MAX_PREDICTIONS, MAX_FILES = 20_000, 2_000  # read back at most: enough to see when a drift began
KEPT_DAYS = 90
DAY_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
FILE_NAME = re.compile(r"[0-9.]+-.*-([0-9]+)\.csv\.gz")  # time of day, host, number of records


class PredictionLog:
    """Reads and writes the log. Without a store, `append` does nothing and `read` returns only pending records."""

    def __init__(self, store: FileStore | None):
        self.store = store
        self._contents: dict[str, bytes] = {}  # cache of the files read last, by path; files never change

    def append(self, records: Sequence[PredictionRecord]) -> None:
        """Write one file, and remove days older than `KEPT_DAYS`. Raises `RegistryError`."""
        if self.store is None:
            return
        now = datetime.fromtimestamp(self.store.time(), UTC)
        name = f"{now:%H%M%S.%f}-{socket.gethostname()}-{len(records)}.csv.gz"
        self.store.save(f"{FOLDER}/{now:%Y-%m-%d}/{name}", encode_records(records))
        oldest = f"{now - timedelta(KEPT_DAYS):%Y-%m-%d}"
        for day in _days(self.store)[:-KEPT_DAYS]:
            if day.rpartition("/")[2] < oldest:
                self.store.remove(day)

    def read(self, pending: Iterable[PredictionRecord] = (), shadows: bool = False) -> RecordedPredictions:
        """The latest logged predictions of all pods and the caller's `pending` ones, oldest first.

        Shadow predictions only with `shadows`. Raises `RegistryError`.
        """
        self._contents = self._latest_files()
        recorded = decode_records([*self._contents.values(), encode_records(pending)])
        rows = recorded.time.argsort(kind="stable")
        return recorded.take(rows if shadows else rows[~recorded.shadow[rows]])

    def latest_paths(self) -> list[str]:
        """The files that `read` reads: the newest first, until they hold `MAX_PREDICTIONS`. Raises `RegistryError`."""
        if self.store is None:
            return []
        chosen, predictions, store = [], 0, self.store
        paths = (path for day in reversed(_days(store)) for path in reversed(store.files(day)))
        counted = ((path, count) for path in paths if (count := _record_count(path)) is not None)
        for path, count in islice(counted, MAX_FILES):
            if predictions >= MAX_PREDICTIONS:
                break
            chosen.append(path)
            predictions += count
        return chosen

    def _latest_files(self) -> dict[str, bytes]:
        """Content by path of `latest_paths`."""
        if self.store is None:
            return {}
        return {path: self._contents.get(path) or self.store.load(path) for path in self.latest_paths()}


def _days(store: FileStore) -> list[str]:
    """The log's folders, the oldest first."""
    return [path for path in store.files(FOLDER) if DAY_NAME.fullmatch(path.rpartition("/")[2])]


def _record_count(path: str) -> int | None:
    """The number of records in a file's name, `120000.000000-POD-5000.csv.gz`; None if the log did not write it."""
    name = FILE_NAME.fullmatch(path.rpartition("/")[2])
    return int(name[1]) if name else None
