"""The log of predictions of all pods: a folder a day in the registry's file store, kept for 90 days."""

import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from crime.core.file_store import FileStore
from crime.monitoring.records import PredictionRecord, RecordedPredictions, decode_records, encode_records

FOLDER = "monitoring/predictions"
MAX_PREDICTIONS, MAX_FILES = 20_000, 2_000  # that are read back: enough to see how drift came about
KEPT_DAYS = 90


class PredictionLog:
    """Reads and writes the log. Without a store (an image's model alone) there are only the caller's own records."""

    def __init__(self, store: FileStore | None):
        self.store = store
        self._contents: dict[str, bytes] = {}  # of files read before: a file never changes

    def append(self, records: Sequence[PredictionRecord]) -> None:
        """Write one file, and remove days older than `KEPT_DAYS`. Raises `RegistryError`."""
        if self.store is None:
            return
        now = datetime.fromtimestamp(self.store.time(), UTC)
        name = f"{now:%H%M%S.%f}-{socket.gethostname()}-{len(records)}.csv.gz"
        self.store.save(f"{FOLDER}/{now:%Y-%m-%d}/{name}", encode_records(records))
        oldest = f"{now - timedelta(KEPT_DAYS):%Y-%m-%d}"
        for day in self.store.files(FOLDER)[:-KEPT_DAYS]:
            if day.rpartition("/")[2] < oldest:
                self.store.remove(day)

    def read(self, pending: Iterable[PredictionRecord] = (), shadows: bool = False) -> RecordedPredictions:
        """The latest logged predictions of all pods and the caller's `pending` ones, oldest first.

        Shadow predictions only with `shadows`. Raises `RegistryError`.
        """
        self._contents = self._latest_files()
        recorded = decode_records([*self._contents.values(), encode_records(pending)])
        rows = recorded.at.argsort(kind="stable")
        return recorded.take(rows if shadows else rows[~recorded.shadow[rows]])

    def _latest_files(self) -> dict[str, bytes]:
        """Content by path, the newest first, until they hold `MAX_PREDICTIONS`."""
        contents: dict[str, bytes] = {}
        if self.store is None:
            return contents
        store, predictions = self.store, 0
        paths = (path for day in reversed(store.files(FOLDER)) for path in reversed(store.files(day)))
        for path in islice(paths, MAX_FILES):
            if predictions >= MAX_PREDICTIONS:
                break
            contents[path] = self._contents.get(path) or store.load(path)
            predictions += _record_count(path)
        return contents


def _record_count(path: str) -> int:
    """How many records a file holds, which its name says: `120000.000000-POD-5000.csv.gz`."""
    return int(path.rpartition("-")[2].partition(".")[0])
