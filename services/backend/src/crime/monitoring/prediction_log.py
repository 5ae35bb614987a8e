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
    decode_file,
    encode_records,
    join_records,
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
        # of the files read last, by path, with the bytes of their text; None: not of the log. Files never change.
        self._read: dict[str, tuple[RecordedPredictions, int] | None] = {}
        self._waiting: tuple[str, bytes, int] | None = None  # a file to be written: path, content, number of records

    @property
    def waiting(self) -> int:
        """How many records are in the file that could not be written yet."""
        return self._waiting[2] if self._waiting else 0

    def append(self, records: Sequence[PredictionRecord]) -> int:
        """Write one file, and remove days older than `KEPT_DAYS`. Returns how many records were written.

        Raises `RegistryError` if the store fails: the file then waits for `save`. Only one file waits, so call `save`
        first.
        """
        if self.store is None:
            return 0
        now = datetime.fromtimestamp(self.store.time(), UTC)
        name = f"{now:%H%M%S.%f}-{socket.gethostname()}-{len(records)}.csv.gz"
        self._waiting = f"{FOLDER}/{now:%Y-%m-%d}/{name}", encode_records(records), len(records)
        written = self.save()
        with suppress(RegistryError):  # the next one tries again
            oldest = f"{now - timedelta(KEPT_DAYS):%Y-%m-%d}"
            for day in _days(self.store)[:-KEPT_DAYS]:
                if day.rpartition("/")[2] < oldest:
                    self.store.remove(day)
        return written

    def save(self) -> int:
        """Write the file that is waiting, if there is one. Returns how many records were written.

        Its name stays the same, so a file that was stored although the answer was lost is not there twice. Raises
        `RegistryError` if the store fails: the file goes on waiting.
        """
        if self.store is None or self._waiting is None:
            return 0
        path, content, records = self._waiting
        self.store.save(path, content)
        self._waiting = None
        return records

    def read(
        self, pending: Iterable[PredictionRecord] = (), shadows: bool = False, unreadable: list[str] | None = None
    ) -> RecordedPredictions:
        """The latest logged predictions of all pods and the caller's `pending` ones, oldest first.

        Shadow predictions only with `shadows`. The paths of files that can't be read go to `unreadable`. Raises
        `RegistryError`.
        """
        parts = self._latest([] if unreadable is None else unreadable)
        recorded = join_records([*parts, decode_file(encode_records(pending))[0]])
        order = recorded.time.argsort(kind="stable")
        return recorded.take(order if shadows else order[~recorded.shadow[order]])

    def newest_paths(self) -> list[str]:
        """The files of the latest days, which change whenever a pod writes. Raises `RegistryError`.

        Days in the future are left out: a pod whose clock was once ahead wrote them, and they would stay the latest.
        """
        paths: list[str] = []
        if self.store:
            tomorrow = f"{datetime.fromtimestamp(self.store.time(), UTC) + timedelta(1):%Y-%m-%d}"
            for day in [day for day in _days(self.store) if day.rpartition("/")[2] <= tomorrow][-2:]:
                with suppress(UnreadableFileError):
                    paths += self.store.files(day)
        return paths

    def _latest(self, unreadable: list[str]) -> list[RecordedPredictions]:
        """The predictions of each file, the newest first, until there are `MAX_PREDICTIONS`."""
        read: dict[str, tuple[RecordedPredictions, int] | None] = {}
        parts: list[RecordedPredictions] = []
        predictions, size, store = 0, 0, self.store
        if store is None:
            return parts
        for path in islice(_file_paths(store, unreadable), MAX_FILES):
            if predictions >= MAX_PREDICTIONS or size >= limits.RECORDED_BYTES:
                break
            try:
                read[path] = self._read[path] if path in self._read else decode_file(store.load(path))
            except UnreadableFileError:
                unreadable.append(path)
                continue
            except ValueError:
                read[path] = None
            if (file := read[path]) is None:
                unreadable.append(path)
            else:
                parts.append(file[0])
                predictions, size = predictions + len(file[0]), size + file[1]
        self._read = read
        return parts


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
